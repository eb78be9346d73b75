"""Ports: what the domain needs of the world. Adapters live in ``aws`` and ``embedded``."""
