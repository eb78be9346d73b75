"""Postroom on one machine: the runtime that reads template.yaml, and the command line."""
