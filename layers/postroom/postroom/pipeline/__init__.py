"""What happens to an accepted message, step by step."""
