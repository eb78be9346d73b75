"""When a value matches a key: match types, comparators, patterns, parts of addresses."""
