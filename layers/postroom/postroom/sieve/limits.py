"""How much a script may ask for. No script, however hostile, gets beyond these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    script: int = 256 * 1024  # octets
    nesting: int = 32  # blocks and tests within one another
    commands: int = 10_000  # in one script
    string: int = 64 * 1024  # characters of one string when the script runs
    variables: int = 256  # names at once; RFC 5229 section 3 asks for 128 at least
    includes: int = 64  # scripts in one run
    depth: int = 8  # of scripts in one another; RFC 6609 section 3.1 asks for 3
    expressions: int = 128  # regular ones in one script
    problems: int = 100  # told of one script, and as many warnings
    actions: int = 32  # of all kinds
    redirects: int = 5
    notifications: int = 5
    reason: int = 64 * 1024  # characters of a vacation or a rejection
    steps: int = 100_000  # tests and commands in one run; loops and large lists count as many
    edited: int = 256 * 1024  # octets that a script may add to a message


LIMITS = Limits()
