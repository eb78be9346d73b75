"""TLSA records against the certificates of a server (RFC 6698, RFC 7671, RFC 7672 section 3).

Pure: certificates come as DER octets, the time as a value. `cryptography` is imported only for
DANE-TA, whose chain has to be verified.
"""

import hashlib
import ipaddress
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from postroom.errors import BadSyntax
from postroom.platform.network import Tlsa, TlsFailed

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

DANE_TA, DANE_EE = 2, 3
_CERTIFICATE, _KEY = 0, 1  # selectors
_DIGESTS = {1: "sha256", 2: "sha512"}
_SIZES = {1: 32, 2: 64}
_LONGEST_CHAIN = 10


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """Return the records that SMTP can use (RFC 7672 section 3.1).

    PKIX-TA(0) and PKIX-EE(1) are not among them (section 3.1.3). When none is left, TLS is still
    to be used, without authentication (section 2.2).
    """
    return tuple(
        record
        for record in records
        if record.usage in (DANE_TA, DANE_EE)
        and record.selector in (_CERTIFICATE, _KEY)
        and (
            (record.matching == 0 and record.association)
            or len(record.association) == _SIZES.get(record.matching, -1)
        )
    )


def check(
    records: Sequence[Tlsa], names: Sequence[str], chain: Sequence[bytes], now: datetime
) -> None:
    """Raise TlsFailed unless a record matches *chain*, the leaf first, as the server sent it.

    *records* are usable ones. DANE-EE(3) looks at nothing but the match (RFC 7672 section
    3.1.1); DANE-TA(2) at signatures, dates and *names*, too (section 3.1.2).
    """
    if not chain:
        raise TlsFailed("validation-failure", "the server sent no certificate")
    records = _agile(records)
    leaf, *others = chain[:_LONGEST_CHAIN]
    if any(_matches(record, leaf) for record in records if record.usage == DANE_EE):
        return
    anchors = [record for record in records if record.usage == DANE_TA]
    if not anchors:
        raise TlsFailed("validation-failure", "no TLSA record matches the certificate")
    roots = [der for der in others if any(_matches(record, der) for record in anchors)]
    # An anchor that is in the DNS need not be sent by the server (RFC 7671 section 5.2.2).
    roots += [
        record.association
        for record in anchors
        if record.selector == _CERTIFICATE and record.matching == 0
    ]
    keys = [
        record.association for record in anchors if record.selector == _KEY and record.matching == 0
    ]
    if not roots and not keys:
        raise TlsFailed("validation-failure", "no TLSA record matches a certificate of the chain")
    _Chain(leaf, others, roots, keys, now).verify(names)


def _agile(records: Sequence[Tlsa]) -> list[Tlsa]:
    """Of digests of one usage and selector, only the strongest counts (RFC 7671 section 9)."""
    strongest: dict[tuple[int, int], int] = {}
    for record in records:
        place = (record.usage, record.selector)
        strongest[place] = max(strongest.get(place, 0), record.matching)
    return [
        record
        for record in records
        if record.matching in (0, strongest[record.usage, record.selector])
    ]


def _matches(record: Tlsa, der: bytes) -> bool:
    try:
        selected = der if record.selector == _CERTIFICATE else key_of(der)
    except BadSyntax:
        return False
    if record.matching:
        selected = hashlib.new(_DIGESTS[record.matching], selected).digest()
    return selected == record.association


def key_of(certificate: bytes) -> bytes:
    """Return the octets of the SubjectPublicKeyInfo as they stand in a DER certificate.

    RFC 5280 section 4.1. Raises BadSyntax.
    """
    start, _ = _element(certificate, 0)  # Certificate
    start, end = _element(certificate, start)  # TBSCertificate
    # version (which may be left out), serial number, signature, issuer, validity, subject
    skipped = 6 if certificate[start : start + 1] == b"\xa0" else 5
    for _ in range(skipped):
        _, start = _element(certificate, start)
    _, after = _element(certificate, start)
    if after > end:
        raise BadSyntax("certificate", certificate, "RFC 5280 section 4.1")
    return certificate[start:after]


def _element(der: bytes, start: int) -> tuple[int, int]:
    """Where the value of the element at *start* begins, and where it ends."""
    head = der[start : start + 2]
    position, size = start + 2, head[1] if len(head) == 2 else 0
    if size & 0x80:
        count = size & 0x7F
        size = int.from_bytes(der[position : position + min(count, 4)], "big")
        position += count
        if count > 4:
            size = len(der)
    if len(head) < 2 or position + size > len(der):
        raise BadSyntax("DER element", der[start : start + 20], "X.690 section 8.1")
    return position, position + size


class _Chain:
    """A path from the leaf to an anchor (RFC 5280 section 6), as far as SMTP needs it."""

    def __init__(
        self,
        leaf: bytes,
        others: Sequence[bytes],
        roots: Sequence[bytes],
        keys: Sequence[bytes],
        now: datetime,
    ) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        self._now = now
        try:
            self._leaf = x509.load_der_x509_certificate(leaf)
        except ValueError as error:
            raise TlsFailed("validation-failure", f"unreadable certificate: {error}") from error
        self._others = [found for der in others if (found := _load(der)) is not None]
        self._roots = [found for der in roots if (found := _load(der)) is not None]
        self._keys = []
        for key in keys:
            try:
                self._keys.append(load_der_public_key(key))
            except Exception:  # noqa: S112  # whatever the DNS said: it is no key, so nothing matches
                continue

    def verify(self, names: Sequence[str]) -> None:
        path = self._path()
        if path is None:
            raise TlsFailed(
                "certificate-not-trusted", "the chain does not lead to the anchor of a TLSA record"
            )
        for certificate in path:
            if not _valid_at(certificate, self._now):
                raise TlsFailed("certificate-expired", "a certificate of the chain is out of date")
        found = names_of(self._leaf)
        if not any(name_matches(name, one) for name in names for one in found):
            raise TlsFailed(
                "certificate-host-mismatch",
                f"the certificate is for {', '.join(found)[:200]}, not for {', '.join(names)}",
            )

    def _path(self) -> "list[Certificate] | None":
        """From the leaf to below the anchor, whose own dates do not count. None without one."""
        path = [self._leaf]
        while len(path) <= _LONGEST_CHAIN:
            last = path[-1]
            for root in self._roots:
                if _issued(last, root, len(path) - 1):
                    return path
            if any(_signed(last, key) for key in self._keys):
                return path
            above = next(
                (
                    one
                    for one in self._others
                    if one not in path and _issued(last, one, len(path) - 1)
                ),
                None,
            )
            if above is None:
                return None
            path.append(above)
        return None


def _load(der: bytes) -> "Certificate | None":
    from cryptography import x509

    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _issued(certificate: "Certificate", issuer: "Certificate", below: int) -> bool:
    """*below*: how many intermediate certificates are under the issuer."""
    from cryptography import x509

    try:
        certificate.verify_directly_issued_by(issuer)
        extensions = issuer.extensions
        constraints = extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return False
        if constraints.path_length is not None and below > constraints.path_length:
            return False
        try:
            usage = extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return True
        return usage.key_cert_sign
    except Exception:  # a hostile certificate breaks in many ways; each means: not issued by it
        return False


def _signed(certificate: "Certificate", key: object) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    signature, octets = certificate.signature, certificate.tbs_certificate_bytes
    try:
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, octets)
            return True
        digest = certificate.signature_hash_algorithm
        if digest is None:
            return False
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, octets, padding.PKCS1v15(), digest)
            return True
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, octets, ec.ECDSA(digest))
            return True
    except Exception:  # as in _issued
        return False
    return False


def _valid_at(certificate: "Certificate", now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def names_of(certificate: "Certificate") -> list[str]:
    """DNS-IDs; the CN when there are none (RFC 7672 section 3.2.3)."""
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = found.get_values_for_type(x509.DNSName)
        if names:
            return [str(name) for name in names]
    except (x509.ExtensionNotFound, ValueError):
        pass
    try:
        attributes = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(attribute.value) for attribute in attributes]
    except ValueError:
        return []


def name_matches(wanted: str, presented: str) -> bool:
    """Whether a name of a certificate is the one that we want (RFC 6125 section 6.4).

    *wanted* may itself begin with ``*.`` or ``.``, which stand for one label (RFC 8461 section
    4.1). A star of *presented* has to be its whole first label.
    """
    wanted, presented = wanted.lower().rstrip("."), presented.lower().rstrip(".")
    if wanted == presented:
        return bool(wanted) and "*" not in wanted.removeprefix("*.")
    if _is_address(wanted) or _is_address(presented):
        return False
    if wanted.startswith((".", "*.")):
        label, _, rest = presented.partition(".")
        return bool(label) and rest == wanted.partition(".")[2]
    if presented.startswith("*."):
        label, _, rest = wanted.partition(".")
        return bool(label) and "." in rest and rest == presented[2:]
    return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
