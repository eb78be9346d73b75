"""What an enhanced status code means to the person who wrote the message (RFC 3463, and the IANA
registry of enhanced status codes). Pure.

A cause is the name of a pair of texts in every language: what happened, and what to do.
"""

import re

from postroom.relay.reports import Told

_CODE = re.compile(r"(?<![0-9.])[45]\.[0-9]{1,3}\.[1-9][0-9]{0,2}(?![0-9.])")
_SUBJECT_AND_DETAIL = re.compile(r"[245]\.([0-9]{1,3}\.[0-9]{1,3})")

# By subject and detail of the code; the class (4 or 5) only says who gave up.
_EXACT = {
    "1.1": "no_such_user",
    "1.2": "no_such_domain",
    "1.3": "bad_address",
    "1.4": "no_such_user",  # ambiguous
    "1.6": "moved",
    "1.7": "sender_refused",
    "1.8": "sender_refused",
    "1.9": "system",
    "1.10": "no_mail_domain",  # null MX (RFC 7505)
    "2.1": "disabled",
    "2.2": "mailbox_full",
    "2.3": "too_large",
    "3.4": "too_large",
    "4.4": "no_such_domain",
    "4.6": "loop",
    "4.7": "expired",
    "5.3": "too_many_recipients",
    "6.7": "no_smtputf8",  # RFC 6531 section 3.5
    "6.8": "no_smtputf8",
    "6.9": "no_smtputf8",
    "6.10": "no_smtputf8",
    "7.2": "list_refused",
    "7.4": "no_tls",
    "7.10": "no_tls",  # encryption needed (RFC 5248)
    "7.11": "no_tls",
    "7.20": "not_authentic",  # DKIM (RFC 7372)
    "7.21": "not_authentic",
    "7.22": "not_authentic",
    "7.23": "not_authentic",  # SPF
    "7.24": "not_authentic",
    "7.25": "not_authentic",  # reverse DNS
    "7.26": "not_authentic",
    "7.27": "sender_refused",  # null MX of the sender (RFC 7505 section 4.2)
    "7.28": "spam",  # mail flood
    "7.30": "no_tls",  # REQUIRETLS (RFC 8689)
}
_BY_SUBJECT = {
    "1": "no_such_user",
    "2": "mailbox",
    "3": "system",
    "4": "unreachable",
    "5": "system",
    "6": "content",
    "7": "policy",
}
# Nearly everybody refuses spam with 5.7.1 and says so in words only.
_SAYS_SPAM = re.compile(
    r"spam|unsolicited|junk|reputation|block ?list|black ?list|blocked using|spamhaus|barracuda"
    r"|dnsbl|\brbl\b|bulk mail|malware|virus|phish",
    re.IGNORECASE,
)
# Plain 550 without an enhanced code: what the words of common servers mean.
_SAYS_UNKNOWN = re.compile(
    r"user unknown|unknown user|no such (?:user|recipient|mailbox|address|person)"
    r"|(?:user|recipient|mailbox|account|address).{0,60}"
    r"(?:not found|does not exist|doesn't exist|unknown|not known|no longer)",
    re.IGNORECASE,
)
_SAYS_FULL = re.compile(r"over ?quota|quota exceeded|(?:mailbox|inbox).{0,40}full", re.IGNORECASE)


def cause_of(told: Told) -> str:
    """Name the text that fits. Only ``failed`` has a cause of its own; see `delay_cause`."""
    if told.suppressed:
        return "complained" if told.suppressed == "complaint" else "suppressed"
    match = _SUBJECT_AND_DETAIL.fullmatch(told.status)
    code = match[1] if match else "0.0"
    said = told.reply[:1000]
    if code.startswith("7.") and _SAYS_SPAM.search(said):
        return "spam"
    if code in ("0.0", "1.0", "7.1", "3.0", "5.0") and _SAYS_UNKNOWN.search(said):
        return "no_such_user"
    if code in ("0.0", "2.0", "3.0", "5.0", "7.1") and _SAYS_FULL.search(said):
        return "mailbox_full"
    if code == "4.7" and (_SAYS_FULL.search(said) or "4.2.2" in said):
        return "mailbox_full"  # it was for all of the days
    if (cause := _EXACT.get(code)) is not None:
        return cause
    if told.status.startswith("4"):  # what was to pass did not pass in time
        return "expired"
    return _BY_SUBJECT.get(code.partition(".")[0], "unknown")


def delay_cause_of(told: Told) -> str:
    """Name the text that says why a message still waits."""
    cause = cause_of(told)
    if cause in ("mailbox_full", "no_tls"):
        return f"delayed_{cause}"
    # A server that talks to us and puts us off is there; one that said nothing is not.
    return "delayed_put_off" if told.reply else "delayed_unreachable"


def guess_status(said: str) -> str:
    """The enhanced code that words amount to, "" when they say nothing certain."""
    said = said[:1000]
    if (code := _CODE.search(said)) is not None:
        return code[0]
    if _SAYS_FULL.search(said):
        return "5.2.2"
    if _SAYS_SPAM.search(said):
        return "5.7.1"
    return "5.1.1" if _SAYS_UNKNOWN.search(said) else ""
