"""MTA-STS (RFC 8461): the TXT record, the policy, and which hosts it allows. Pure."""

import re
from dataclasses import dataclass
from typing import Literal, cast

from postroom.errors import BadSyntax

LARGEST_POLICY = 64 * 1024  # octets (section 3.3)
_LONGEST_AGE = 31_557_600  # seconds: more is taken for that (section 3.2)
_LONGEST_RECORD = 2_048  # characters of a TXT record
_MOST_PATTERNS = 200
_RECORD = re.compile(r"v=STSv1[ \t]*;")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_RECORD_VALUE = re.compile(r"[!-:<>-~]+")  # no "=", ";", space or control
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_AGE = re.compile(r"[0-9]{1,10}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")

Mode = Literal["enforce", "testing", "none"]


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """``mx``: names in lower case, ``*.`` in front stands for one label."""

    mode: Mode
    mx: tuple[str, ...]
    max_age: int  # seconds

    @property
    def lines(self) -> tuple[str, ...]:
        """As it is quoted in reports (RFC 8460 section 4.4)."""
        patterns = (f"mx: {pattern}" for pattern in self.mx)
        return ("version: STSv1", f"mode: {self.mode}", *patterns, f"max_age: {self.max_age}")

    def allows(self, host: str) -> bool:
        """Section 4.1: whether a pattern matches the name of an MX host."""
        name = host.lower().rstrip(".")
        _, dot, parent = name.partition(".")
        return name in self.mx or (bool(dot) and f"*.{parent}" in self.mx)


def policy_id(records: tuple[str, ...]) -> str:
    """Return the id in the TXT records of ``_mta-sts.<domain>``; "" when the domain has no
    MTA-STS: none of the records is about it, or more than one (section 3.1).

    Raises BadSyntax when there is one and it breaks the rules: it does not count either.
    """
    found = [record for record in records if _RECORD.match(record)]
    if len(found) != 1:
        return ""
    return parse_sts_record(found[0])


def parse_sts_record(text: str) -> str:
    """Return the id of one record, ``v=STSv1; id=20160831085700Z;`` (section 3.1). Raises
    BadSyntax."""
    wrong = _bad("sts-text-record", text, "3.1")
    version, *fields = (field.strip(" \t") for field in text[: _LONGEST_RECORD + 1].split(";"))
    if version != "v=STSv1" or len(text) > _LONGEST_RECORD:
        raise wrong
    if fields and not fields[-1]:
        fields.pop()
    values: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not _NAME.fullmatch(name) or not _RECORD_VALUE.fullmatch(value):
            raise wrong
        values.setdefault(name, value)  # of repeated ones the first counts
    if not _ID.fullmatch(values.get("id", "")):
        raise wrong
    return values["id"]


def parse_sts_policy(octets: bytes) -> StsPolicy:
    """Read a policy file (section 3.2). Raises BadSyntax.

    Lines end in LF or CRLF. Unknown fields are ignored; of repeated ones, but for mx, the first
    counts.
    """
    if len(octets) > LARGEST_POLICY:
        raise _bad("sts-policy-record of at most 64 KiB", "", "3.3")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSyntax("sts-policy-record", octets, "RFC 8461 section 3.2") from error
    fields: dict[str, str] = {}
    patterns: dict[str, None] = {}
    # Editors leave empty lines at the end: no reason to go without a policy.
    for line in text.rstrip("\r\n").split("\n"):
        name, value = _field(line.removesuffix("\r"))
        if name == "mx":
            if not _PATTERN.fullmatch(value) or len(value) > 255:
                raise _bad("sts-policy-mx", line, "3.2")
            patterns[value.lower()] = None
        else:
            fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise _bad("sts-policy-version", fields.get("version", ""), "3.2")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in ("enforce", "testing", "none"):
        raise _bad("sts-policy-mode", mode, "3.2")
    if not _AGE.fullmatch(age):
        raise _bad("sts-policy-max-age", age, "3.2")
    if len(patterns) > _MOST_PATTERNS or (mode != "none" and not patterns):
        raise _bad(f"list of 1 to {_MOST_PATTERNS} mx patterns", f"{len(patterns)}", "3.2")
    return StsPolicy(cast("Mode", mode), tuple(patterns), min(int(age), _LONGEST_AGE))


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    value = value.strip(" \t")
    if not colon or not _NAME.fullmatch(name) or not value or not value.isprintable():
        raise _bad("sts-policy-field", line, "3.2")
    return name, value


def _bad(rule: str, found: str, section: str) -> BadSyntax:
    return BadSyntax(rule, found.encode("utf-8", "replace"), f"RFC 8461 section {section}")
