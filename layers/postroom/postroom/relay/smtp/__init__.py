"""The SMTP client: a sans-IO engine, and the session that drives it over the Network port."""
