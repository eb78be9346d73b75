"""Each day's reports, once a day (RFC 8460 section 4.1): who wants one gets one.

Records: ``tls-reports`` : ``<day>``, when to look again, and whether all is done; and beside the
results of a domain, in ``tls-results/<day>`` : ``<domain>/!``, the places that have their report.
"""

import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import groupby

from postroom.errors import BadSyntax, ConditionFailed
from postroom.platform.resolver import DnsUnavailable, Resolver
from postroom.platform.table import Absent, Body, Holds, Key, Put, Record, Table, Value
from postroom.platform.web import Web, WebFailed
from postroom.relay.tls_reports.compose import (
    MEDIA_TYPE,
    Submitter,
    TlsReport,
    as_message,
    tls_report,
)
from postroom.relay.tls_reports.counts import Counts, decode
from postroom.relay.tls_reports.records import ReportPlaces, places
from postroom.relay.tls_reports.store import KEPT, day_of, partition_of

log = logging.getLogger(__name__)

_PARTITION = "tls-reports"
_MARKER = "!"  # comes before the names of processes
# Section 4.1: not all at midnight. Workers write their last counts in the first minutes.
_EARLIEST, _SPREAD = 600, 4 * 3600 - 600  # seconds after midnight
_AGAIN = 3600  # seconds until what failed is tried again
_GIVE_UP = 24 * 3600  # seconds (section 5.5)
_POST_TIMEOUT = 10.0  # seconds
_MOST_FAILURES = 20  # of posts in one pass
_MAIL = "mail"


@dataclass(frozen=True, slots=True)
class DueMail:
    """A report to be sent by mail, and signed by the domain of ``sender``.

    ``id`` is the same each time: use it so that a repeat sends nothing twice.
    """

    id: str
    domain: str
    sender: str
    recipients: tuple[str, ...]
    message: bytes


class DailyReports:
    def __init__(self, table: Table, resolver: Resolver, web: Web, submitter: Submitter) -> None:
        self._table = table
        self._resolver = resolver
        self._web = web
        self._submitter = submitter

    def due_reports(self, now: datetime) -> Iterator[DueMail]:
        """Make the reports that are due: those to https: places are posted, those to addresses
        are yielded. Cheap when nothing is due (one read), so it may be called each minute.

        A report counts as sent when the next one is asked for: whoever stops in between, or
        dies, gets it once more from a later call. Of several callers at once one gets reports.
        Raises StoreUnavailable.
        """
        days = [day_of(now - timedelta(days=back)) for back in (1, 2)]
        keys = [Key(_PARTITION, day) for day in days]
        known = self._table.get_many(keys)
        for day, key in zip(days, keys, strict=True):
            begin = self._begin(day)
            if now.timestamp() >= begin:
                yield from self._of_day(day, key, known.get(key), now, begin + _GIVE_UP)

    def _begin(self, day: str) -> int:
        """Seconds since 1970: another time for each of us and each day."""
        midnight = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) + 86_400
        lot = blake2b(f"{self._submitter.domain} {day}".encode(), digest_size=8).digest()
        return midnight + _EARLIEST + int.from_bytes(lot, "big") % _SPREAD

    def _of_day(
        self, day: str, key: Key, state: Record | None, now: datetime, last: int
    ) -> Iterator[DueMail]:
        seconds = int(now.timestamp())
        looked = 0
        if state is not None:
            next_look = state.body["next"]
            assert isinstance(next_look, int)  # noqa: S101  (we wrote it)
            if state.body["done"] or next_look > seconds:
                return
            looked = next_look
        # Nobody else begins before this call is over, or was interrupted an hour ago.
        claim: Body = {"next": seconds + _AGAIN, "done": False}
        try:
            self._table.write(
                Put(
                    key,
                    claim,
                    expires=seconds + KEPT,
                    condition=Holds("next", looked) if state is not None else Absent(),
                )
            )
        except ConditionFailed:
            return
        posting, done, over = _Posting(self._web), True, False
        try:
            for domain, records in groupby(self._table.range(partition_of(day)), _domain_of):
                found = list(records)
                done = (yield from self._of_domain(day, domain, found, posting, now)) and done
            over = True
        finally:
            if over:
                done = done or seconds >= last
                again = seconds + _AGAIN
            else:  # the caller had enough for now
                done, again = False, seconds + 1
            self._table.write(Put(key, {"next": again, "done": done}, expires=seconds + KEPT))

    def _of_domain(
        self, day: str, domain: str, records: list[Record], posting: "_Posting", now: datetime
    ) -> Generator[DueMail, None, bool]:
        """Return whether nothing is left to do."""
        sent: list[str] = []
        if records[0].key.sort == f"{domain}/{_MARKER}":
            marker = records.pop(0).body
            if marker["done"]:
                return True
            sent = _texts(marker["sent"])
        if not records:
            return True
        try:
            wanted = self._places(domain)
        except DnsUnavailable as error:
            log.info("no place for a TLS report", extra={"domain": domain, "reason": str(error)})
            return False
        report = self._report(day, domain, records) if wanted.mail or wanted.web else None
        done = True
        for url in wanted.web:
            if report is not None and url not in sent:
                if posting.post(url, report):
                    sent.append(url)
                else:
                    done = False
        if report is not None and wanted.mail and _MAIL not in sent:
            message = as_message(report, self._submitter, wanted.mail, now)
            yield DueMail(report.id, domain, self._submitter.contact, wanted.mail, message)
            sent.append(_MAIL)
        marker_key = Key(partition_of(day), f"{domain}/{_MARKER}")
        body: Body = {"sent": list(sent), "done": done}
        self._table.write(Put(marker_key, body, expires=int(now.timestamp()) + KEPT))
        return done

    def _places(self, domain: str) -> ReportPlaces:
        try:
            return places(self._resolver.query(f"_smtp._tls.{domain}", "TXT").records)
        except BadSyntax as error:
            log.info("no place for a TLS report", extra={"domain": domain, "reason": str(error)})
            return ReportPlaces()

    def _report(self, day: str, domain: str, records: list[Record]) -> TlsReport:
        counts = Counts()
        for record in records:
            octets = record.body["counts"]
            assert isinstance(octets, bytes)  # noqa: S101  (we wrote it)
            counts.add(decode(octets))
        return tls_report(self._submitter, domain, day, counts)


class _Posting:
    """The posts of one pass: a few places that hang must not hold up all the others."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._failures = 0

    def post(self, url: str, report: TlsReport) -> bool:
        if self._failures >= _MOST_FAILURES:
            return False
        try:
            self._web.post(url, report.body, MEDIA_TYPE, timeout=_POST_TIMEOUT)
        except WebFailed as error:
            self._failures += 1
            log.info("TLS report not posted", extra={"domain": report.domain, "reason": str(error)})
            return False
        return True


def _domain_of(record: Record) -> str:
    return record.key.sort.rpartition("/")[0]


def _texts(value: Value) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
