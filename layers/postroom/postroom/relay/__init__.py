"""Outbound mail: the queue, routes and TLS policy, attempts and retries, reports and bounces."""
