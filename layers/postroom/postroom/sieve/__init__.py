"""Sieve: what a user wants done with a message, as a script (RFC 5228). Pure."""
