"""The edge: SMTP, IMAP and POP3 for the world, over the application of `postroom.app`."""
