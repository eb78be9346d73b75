"""The Received field that the edge puts on top (RFC 5321 section 4.4)."""

import re
from email.utils import formatdate
from functools import lru_cache

from gateway.smtp.client import Client

_ODD_IN_HELO = re.compile(r"[^A-Za-z0-9.:_\[\]\-\u00a0-\U0010ffff]")


def received_field(
    client: Client,
    *,
    helo: str,
    extended: bool,
    smtputf8: bool,
    authenticated: bool,
    hostname: str,
    queue_id: str,
    seconds: float,
    only_recipient: str = "",
) -> bytes:
    """Return the field with its CRLFs.

    *only_recipient* is named in a for-clause: give it only when there is one recipient, or the
    field would tell each of the others (RFC 5321 section 7.2).
    """
    # Names end at this point what a comment or a semicolon in HELO could pretend to be.
    said = _ODD_IN_HELO.sub("?", helo)
    if not smtputf8 and not said.isascii():
        said = said.encode("ascii", "replace").decode()
    protocol = protocol_name(extended, smtputf8, bool(client.tls), authenticated)
    tls = f"\r\n\t(using {_tls_comment(client.tls)})" if client.tls else ""
    recipient = f"\r\n\tfor <{only_recipient}>" if only_recipient else ""
    return (
        f"Received: from {said} ({client.name or 'unknown'} [{_literal(client.address)}]){tls}\r\n"
        f"\tby {hostname} (Postroom) with {protocol} id {queue_id}{recipient};\r\n"
        f"\t{_date(int(seconds))}\r\n"
    ).encode()


def protocol_name(extended: bool, smtputf8: bool, tls: bool, authenticated: bool) -> str:
    """ESMTP, ESMTPSA, UTF8SMTPS and so on (RFC 3848, RFC 6531 section 4.3)."""
    if not extended:
        return "SMTP"
    base = "UTF8SMTP" if smtputf8 else "ESMTP"
    return f"{base}{'S' if tls else ''}{'A' if authenticated else ''}"


def _tls_comment(tls: str) -> str:
    version, _, cipher = tls.partition(" ")
    return f"{version} with cipher {cipher}" if cipher else version


def _literal(address: str) -> str:
    return f"IPv6:{address}" if ":" in address else address


@lru_cache(maxsize=4)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=False, localtime=False).replace("-0000", "+0000")
