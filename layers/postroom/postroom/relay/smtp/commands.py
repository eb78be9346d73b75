"""MAIL and RCPT with their parameters, as the peer's extensions allow them."""

import re
from dataclasses import dataclass

from postroom.relay.parcel import Parcel, Recipient
from postroom.relay.smtp.extensions import Extensions

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_XTEXT_UNSAFE = re.compile(r"[^!-*,-<>-~]")  # RFC 3461 section 4
_UNITEXT_UNSAFE = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 section 3: utf-8-addr-xtext
_SAFE_VALUE = re.compile(r"[!-<>-~\u00a0-\U0010ffff]+")
_LONGEST_ORCPT = 500  # RFC 3461 section 4.2


@dataclass(frozen=True, slots=True)
class Terms:
    """What MAIL says about the content."""

    size: int
    eight_bit: bool
    smtputf8: bool
    requiretls: bool
    logged_in: bool = False


def is_safe(path: str) -> bool:
    """No address may break out of its command."""
    return _CONTROL.search(path) is None


def wire_address(address: str, smtputf8: bool) -> str | None:
    """The address as it may be sent; None when it needs SMTPUTF8 and may not have it.

    A domain has an ASCII form, which every server on the way understands; a local part has none
    (RFC 6531 section 3.2).
    """
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    if local.isascii():
        import idna

        try:
            return local + at + idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            pass
    return address if smtputf8 else None


def mail_command(parcel: Parcel, terms: Terms, peer: Extensions) -> bytes:
    """The reverse-path must be safe, and in wire form."""
    path = wire_address(parcel.reverse_path, terms.smtputf8) or ""
    parts = [f"MAIL FROM:<{path}>"]
    if peer.size is not None:
        parts.append(f"SIZE={terms.size}")
    if terms.eight_bit and peer.eight_bit:
        parts.append("BODY=8BITMIME")
    if terms.smtputf8:
        parts.append("SMTPUTF8")
    if terms.requiretls:
        parts.append("REQUIRETLS")
    if terms.logged_in:
        # Whoever we log in as, he is not the author, and we vouch for none (RFC 4954 section 5).
        parts.append("AUTH=<>")
    if peer.dsn:
        if parcel.ret in ("FULL", "HDRS"):
            parts.append(f"RET={parcel.ret}")
        if parcel.envid and parcel.envid.isascii() and _SAFE_VALUE.fullmatch(parcel.envid):
            parts.append(f"ENVID={parcel.envid}")
    if peer.deliver_by is not None and parcel.by_seconds is not None and parcel.by_mode:
        # RFC 2852 section 4: nine digits at most.
        seconds = max(-999_999_999, min(parcel.by_seconds, 999_999_999))
        parts.append(f"BY={seconds};{parcel.by_mode}")
    return " ".join(parts).encode() + b"\r\n"


def rcpt_command(recipient: Recipient, smtputf8: bool, peer: Extensions) -> bytes:
    command = f"RCPT TO:<{wire_address(recipient.address, smtputf8)}>"
    if peer.dsn and (recipient.notify or recipient.original):
        if recipient.notify:
            command += f" NOTIFY={','.join(recipient.notify)}"
        original = _original(recipient, smtputf8)
        if original:
            command += f" ORCPT={original}"
    return command.encode() + b"\r\n"


def _original(recipient: Recipient, smtputf8: bool) -> str:
    """ORCPT as it came (RFC 3461 section 5.2.1 (d)), or made of the address."""
    original = recipient.original
    if not original:
        if recipient.address.isascii():
            original = "rfc822;" + _XTEXT_UNSAFE.sub(
                lambda found: f"+{ord(found[0]):02X}", recipient.address
            )
        else:
            original = "utf-8;" + recipient.address
    if not smtputf8 and not original.isascii():
        # RFC 6533 section 3: a form that needs no SMTPUTF8.
        kind, _, address = original.partition(";")
        address = address.replace("\\x{", "\0")  # what is encoded stays so
        address = _UNITEXT_UNSAFE.sub(
            lambda found: "\\x{" if found[0] == "\0" else f"\\x{{{ord(found[0]):02X}}}", address
        )
        original = f"{kind};{address}"
    if len(original.encode()) > _LONGEST_ORCPT or _SAFE_VALUE.fullmatch(original) is None:
        return ""
    return original
