"""The language itself: how a script is written, read, checked and made into closures."""
