"""What became of each message, step by step, found by queue id, Message-ID or address."""
