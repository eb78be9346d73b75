"""The report (RFC 8460 section 4.4) and the message that carries it (section 5.3). Pure."""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any

from postroom.message.compose import header
from postroom.relay.tls_reports.counts import Count

MEDIA_TYPE = "application/tlsrpt+gzip"


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports. ``domain`` is ours, and signs the mail; ``contact`` is an address there."""

    organization: str
    domain: str
    contact: str


@dataclass(frozen=True, slots=True)
class TlsReport:
    """One report about one day, the same whenever it is made of the same counts."""

    domain: str  # that it is about and goes to
    id: str
    filename: str
    body: bytes  # JSON, compressed


def tls_report(submitter: Submitter, domain: str, day: str, counts: Iterable[Count]) -> TlsReport:
    """*day*: "2026-11-25"."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    end = start + timedelta(days=1, seconds=-1)
    seed = f"{submitter.domain} {domain} {day}".encode()
    name = f"{day}.{blake2b(seed, digest_size=10).hexdigest()}@{submitter.domain}"
    report = {
        "organization-name": submitter.organization,
        "date-range": {
            "start-datetime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "end-datetime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        },
        "contact-info": submitter.contact,
        "report-id": name,
        "policies": [_policy(count) for count in counts],
    }
    text = json.dumps(report, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    begun, ended = int(start.timestamp()), int(end.timestamp())
    filename = f"{submitter.domain}!{domain}!{begun}!{ended}.json.gz"
    return TlsReport(domain, name, filename, gzip.compress(text, mtime=begun))


def _policy(count: Count) -> dict[str, Any]:
    policy: dict[str, Any] = {
        "policy-type": count.policy.kind,
        "policy-domain": count.policy.domain,
    }
    if count.policy.lines:
        policy["policy-string"] = list(count.policy.lines)
    if count.policy.mx:
        policy["mx-host"] = list(count.policy.mx)
    row: dict[str, Any] = {
        "policy": policy,
        "summary": {
            "total-successful-session-count": count.successes,
            "total-failure-session-count": sum(count.failures.values()),
        },
    }
    if count.failures:
        row["failure-details"] = [
            {
                "result-type": failure.kind,
                **({"receiving-mx-hostname": failure.host} if failure.host else {}),
                **({"receiving-ip": failure.address} if failure.address else {}),
                "failed-session-count": times,
                **({"failure-reason-code": failure.detail} if failure.detail else {}),
            }
            for failure, times in count.failures.items()
        ]
    return row


def as_message(
    report: TlsReport, submitter: Submitter, recipients: Iterable[str], now: datetime
) -> bytes:
    """The message, to be signed by the submitter's domain (section 3)."""
    boundary = f"=_{blake2b(report.id.encode(), digest_size=15).hexdigest()}"
    subject = (
        f"Report Domain: {report.domain} Submitter: {submitter.domain} Report-ID: <{report.id}>"
    )
    fields = (
        header("Date", format_datetime(now)),
        header("From", f"<{submitter.contact}>"),
        header("To", ", ".join(f"<{address}>" for address in recipients)),
        header("Subject", subject),
        header("Message-ID", f"<{report.id}>"),
        header("TLS-Report-Domain", report.domain),
        header("TLS-Report-Submitter", submitter.domain),
        # Bad news about TLS must not be held up by it (section 3; RFC 8689 section 3).
        header("TLS-Required", "No"),
        header("Auto-Submitted", "auto-generated"),
        b"MIME-Version: 1.0\r\n",
        b'Content-Type: multipart/report; report-type="tlsrpt";\r\n',
        f'\tboundary="{boundary}"\r\n\r\n'.encode(),
    )
    words = (
        f"This is a report about TLS sessions with the mail servers of {report.domain},\r\n"
        f"sent by {submitter.organization} as RFC 8460 describes. Questions are welcome at\r\n"
        f"{submitter.contact}.\r\n"
    )
    attached = base64.encodebytes(report.body).replace(b"\n", b"\r\n")
    delimiter = f"--{boundary}".encode()
    return b"".join(
        (
            *fields,
            delimiter + b"\r\n",
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            if not words.isascii()
            else b"Content-Type: text/plain; charset=us-ascii\r\n\r\n",
            words.encode(),
            b"\r\n" + delimiter + b"\r\n",
            f"Content-Type: {MEDIA_TYPE}\r\nContent-Transfer-Encoding: base64\r\n".encode(),
            f'Content-Disposition: attachment;\r\n\tfilename="{report.filename}"\r\n\r\n'.encode(),
            attached,
            b"\r\n" + delimiter + b"--\r\n",
        )
    )
