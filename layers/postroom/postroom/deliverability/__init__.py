"""What a domain must say in the DNS so that its mail arrives, and whether it does."""
