"""Runs what template.yaml wires, over the embedded store."""
