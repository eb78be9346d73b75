"""Who is here: domains, accounts, credentials, addresses and aliases."""
