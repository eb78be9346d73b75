"""ManageSieve (RFC 5804): users put their Sieve scripts here, and say which one is active."""
