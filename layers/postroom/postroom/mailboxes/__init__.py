"""Mailboxes, messages in them, flags, UID and MODSEQ. Import from its modules."""
