"""RFC 5322 and MIME messages as values: where their parts lie and what clients ask of them."""
