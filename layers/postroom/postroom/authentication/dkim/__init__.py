"""DKIM signatures (RFC 6376, RFC 8463): signing, keys of domains and their rotation."""
