"""Automatic answers: of people who are away, of addresses that acknowledge, and notifications."""
