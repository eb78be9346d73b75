"""SPF, DKIM, DMARC, ARC: who vouches for a message."""
