"""POP3 (RFC 1939): a maildrop is read, and perhaps emptied, in one sitting."""
