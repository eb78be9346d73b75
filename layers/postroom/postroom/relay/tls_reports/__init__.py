"""Telling other domains how TLS with their servers went (RFC 8460)."""
