"""Postroom: a serverless mail backend. docs/ARCHITECTURE.md draws the path of a message."""
