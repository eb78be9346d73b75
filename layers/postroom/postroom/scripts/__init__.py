"""The Sieve scripts of accounts and domains: kept, limited, and made ready for deliveries."""
