"""Adapters: the ports over SQLite and files on one machine."""
