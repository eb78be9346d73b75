"""What scripts may say: commands and tests, each file ending in its ``DEFINITIONS``."""
