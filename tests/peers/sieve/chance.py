"""Scripts made by chance, the same for the same seed: tests, and a mailbox for each that holds."""

import random

_FIELDS = ("from", "to", "cc", "subject", "x-none", "message-id", "sender", "reply-to", "date")
_ADDRESS_FIELDS = ("from", "to", "cc", "sender", "reply-to")
_KEYS = ("", "a", "e", "@", "example", "Hello", "alice@example.test", "<", ".", " ", "=?", "3")
_GLOBS = ("*", "?*", "*a*", "*@*", "*e?*", "* *", "?????", "*[*", "*\\\\**", "H*o", "*.test*", "")
_PARTS = (":all", ":localpart", ":domain")
_TRANSFORMS = (":raw", ":text", ':content "text"', ':content "text/html"', ':content "image"')
_WORDS = ("Hello", "x", "a", "--", "html", "é", "zz")
_SIZES = ("0", "100", "1K", "1M")
_REQUIRED = '"fileinto", "relational", "comparator-i;ascii-numeric", "body", "variables"'


def random_script(seed: str) -> str:
    """At most 20 tests, in blocks and lists of tests."""
    chance = random.Random(seed)  # the same everywhere: seeded by a text
    lines = [f"require [{_REQUIRED}];"]
    for number in range(chance.randint(8, 20)):
        then = f'fileinto "{number}";'
        if chance.random() < 0.15:
            then += " stop;"
        lines.append(f"if {_test(chance, 3)} {{ {then} }}")
    return "\n".join(lines) + "\n"


def _test(chance: random.Random, depth: int) -> str:
    kind = chance.random()
    if depth and kind < 0.1:
        return f"not {_test(chance, depth - 1)}"
    if depth and kind < 0.25:
        tests = ", ".join(_test(chance, depth - 1) for _ in range(chance.randint(1, 3)))
        return f"{chance.choice(('allof', 'anyof'))} ({tests})"
    if kind < 0.35:
        return f"exists {_strings(chance, _FIELDS)}"
    if kind < 0.4:
        return f"size {chance.choice((':over', ':under'))} {chance.choice(_SIZES)}"
    if kind < 0.5:
        return f"body {chance.choice(_TRANSFORMS)} :contains {_strings(chance, _WORDS)}"
    if kind < 0.65:
        part = chance.choice(_PARTS)
        return f"address {part} {_match(chance, _ADDRESS_FIELDS)}"
    return f"header {_match(chance, _FIELDS)}"


def _match(chance: random.Random, fields: tuple[str, ...]) -> str:
    named = _strings(chance, fields)
    kind = chance.random()
    if kind < 0.1:
        relation = chance.choice(("eq", "ne", "lt", "ge"))
        number = chance.randint(0, 3)
        return f':count "{relation}" :comparator "i;ascii-numeric" {named} "{number}"'
    if kind < 0.4:
        return f":matches {named} {_strings(chance, _GLOBS)}"
    return f"{chance.choice((':is', ':contains'))} {named} {_strings(chance, _KEYS)}"


def _strings(chance: random.Random, among: tuple[str, ...]) -> str:
    chosen = [f'"{text}"' for text in chance.sample(among, chance.randint(1, 3))]
    return chosen[0] if len(chosen) == 1 else f"[{', '.join(chosen)}]"
