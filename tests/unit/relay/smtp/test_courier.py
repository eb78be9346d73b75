"""Hosts, addresses, connections: where a parcel is tried, and how often somebody is called."""

import threading
import time
from dataclasses import replace

import pytest

from postroom.relay.parcel import Delivered, Host, Parcel
from postroom.relay.smtp.limits import ClientLimits
from tests.running import free_port
from tests.sinks import (
    EXTENSIONS,
    Drop,
    Endless,
    Last,
    Raw,
    Sink,
    Trickle,
    Visit,
    Wait,
    at,
    greylist,
)
from tests.unit.relay.smtp.sending import ANY, QUICK, courier, host, one, parcel, send

_MANY = [parcel(name=f"q{number}") for number in range(5)]


def test_one_connection_for_many_parcels_and_the_next_call() -> None:
    with Sink() as sink:
        by = courier()
        send(sink, *_MANY, by=by)
        send(sink, *_MANY, by=by)
        assert "QUIT" not in sink.verbs()
        by.close()
    assert len(sink.visits) == 1
    assert len(sink.letters) == 10
    assert sink.verbs()[-1] == "QUIT"
    assert sink.verbs().count("RSET") == 0


def test_an_outcome_is_told_before_the_next_transaction_begins() -> None:
    with Sink() as sink:
        began: list[int] = []
        send(sink, *_MANY, then=lambda *_: began.append(sink.verbs().count("MAIL")))
    assert began == [1, 2, 3, 4, 5]


def test_a_failed_transaction_is_reset() -> None:
    with Sink(at("RCPT", "550 5.1.1 No", times=1), extensions=()) as sink:
        send(sink, parcel(), parcel())
    assert sink.verbs() == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


def test_an_idle_connection_that_died_is_replaced_silently() -> None:
    with Sink() as sink:
        by = courier()
        send(sink, by=by)
        port = sink.port
    with Sink(port=port) as again:
        outcome = one(send([host(port)], by=by))
        by.close()
    assert outcome.kind == "relayed"
    assert len(again.letters) == 1


def test_an_idle_connection_that_was_ended_by_421_is_replaced() -> None:
    def rule(visit: Visit, verb: str, line: str) -> Last | None:
        return Last("421 4.4.2 Timeout") if verb == "MAIL" and visit.taken else None

    with Sink(rule) as sink:
        by = courier()
        first, second = one(send(sink, by=by)), one(send(sink, by=by))
        by.close()
    assert (first.kind, second.kind) == ("relayed", "relayed")
    assert len(sink.visits) == 2


def test_content_is_not_sent_along_on_a_connection_that_was_idle() -> None:
    """If it has died, or dies now, there is no doubt about the message."""
    hung_up: list[int] = []

    def rule(visit: Visit, verb: str, line: str) -> Drop | None:
        if verb == "MAIL" and visit.taken and not hung_up:
            hung_up.append(1)
            return Drop()
        return None

    with Sink(rule) as sink:
        by = courier()
        first, second = one(send(sink, by=by)), one(send(sink, by=by))
        by.close()
    assert (first.kind, second.kind) == ("relayed", "relayed")
    assert len(sink.letters) == 2


def test_a_connection_that_breaks_between_parcels_is_made_anew() -> None:
    def rule(visit: Visit, verb: str, line: str) -> Last | None:
        return Last("421 4.7.0 Enough for one connection") if visit.taken == 2 else None

    with Sink(rule) as sink:
        results = send(sink, *_MANY)
    assert all(found.kind == "relayed" for d in results for found in d.outcomes.values())
    assert [visit.taken for visit in sink.visits] == [2, 2, 1]


def test_idle_connections_are_left_after_a_while() -> None:
    with Sink() as sink:
        by = courier(limits=ClientLimits(idle=0.0))
        send(sink, by=by)
        time.sleep(0.01)
        send(sink, by=by)
        by.close()
    assert len(sink.visits) == 2


def test_connections_are_not_shared_by_users_or_policies() -> None:
    with Sink(users={"a": "x", "b": "x"}) as sink:
        by = courier()
        send([host(sink, user="a", password="x")], by=by)
        send([host(sink, user="b", password="x")], by=by)
        send([host(sink)], by=by)
        by.close()
    assert [letter.user for letter in sink.letters] == ["a", "b", ""]


@pytest.mark.parametrize(
    "rule",
    [
        at("CONNECT", "554 No SMTP service here"),
        at("CONNECT", "450 4.3.2 Later"),
        at("CONNECT", Last("421 4.3.2 Too busy")),
        at("CONNECT", Drop()),
        at("CONNECT", Raw(b"\x16\x03\x01\xff\x00\xfe\r\n")),
        at("CONNECT", Raw(b"SSH-2.0-OpenSSH_9.2\r\n")),
        at("CONNECT", Endless(b"220-more\r\n")),
        at("CONNECT", Endless(b"\0" * 5000)),
        at("CONNECT", Wait(5)),
        at("CONNECT", Trickle("220 hello, this takes its time", 0.1)),
        at("EHLO", "451 4.3.0 Later"),
        at("EHLO", Endless()),
        at("EHLO", Endless(b"250-" + b"x" * 4000)),
    ],
)
def test_a_host_that_is_of_no_use_is_passed_over(rule: object) -> None:
    limits = ClientLimits(greeting=0.2, command=0.2)
    with Sink(rule) as bad, Sink() as good:  # type: ignore[arg-type]
        outcome = one(send([host(bad)], by=courier(limits=limits)))
        assert outcome.kind == "deferred"  # a 5xx greeting, too, as with Postfix
        assert outcome.status.startswith("4.")
        outcome = one(send([host(bad), host(good, "mx2.example.net")], by=courier(limits=limits)))
    assert (outcome.kind, outcome.peer) == ("relayed", "mx2.example.net [127.0.0.1]")


def test_every_command_refused() -> None:
    def rule(visit: Visit, verb: str, line: str) -> str | None:
        return None if verb == "CONNECT" else "500 5.5.1 No"

    with Sink(rule) as sink:
        outcome = one(send(sink))
    assert (outcome.kind, outcome.status) == ("deferred", "4.5.1")
    assert sink.verbs() == ["EHLO", "HELO", "QUIT"]


def test_mail_put_off_is_tried_at_the_next_host_and_the_next_parcel_at_the_first() -> None:
    with Sink(at("MAIL", "451 4.7.1 Not from you", match="<alice@")) as first, Sink() as second:
        by = courier()
        results = send([host(first), host(second, "mx2")], parcel(), by=by)
        other = replace(parcel(name="q2"), reverse_path="")
        results += send([host(first), host(second, "mx2")], other, by=by)
        by.close()
    assert [len(sink.letters) for sink in (first, second)] == [1, 1]
    assert [one([found]).kind for found in results] == ["relayed", "relayed"]


def test_mail_put_off_everywhere() -> None:
    with Sink(at("MAIL", "451 4.7.1 Not now")) as first:
        outcome = one(send([host(first), host(first, "mx2")]))
    assert (outcome.kind, outcome.status) == ("deferred", "4.7.1")
    assert outcome.peer == "mx2 [127.0.0.1]"


def test_a_recipient_put_off_is_not_tried_elsewhere() -> None:
    with Sink(greylist(60)) as first, Sink() as second:
        outcome = one(send([host(first), host(second, "mx2")]))
    assert (outcome.kind, outcome.status) == ("deferred", "4.2.0")
    assert not second.visits


def test_nobody_is_there() -> None:
    with free_port() as port:
        hosts = [Host("mx1", ("127.0.0.1", "::1"), port), Host("mx2", ("127.0.0.1",), port)]
        results = send(hosts, parcel(), parcel(name="q2"))
    for delivered in results:
        [outcome] = delivered.outcomes.values()
        assert (outcome.kind, outcome.status) == ("deferred", "4.4.1")
        assert "refused" in outcome.reason
        assert (delivered.strain, delivered.connected) == ("down", False)


def test_no_host_at_all() -> None:
    assert one(send([])).status == "4.4.4"
    assert one(send([Host("mx", ())])).status == "4.4.4"


def test_addresses_are_tried_in_order_and_not_without_end() -> None:
    with Sink() as sink:
        many = Host("mx1", tuple(f"127.0.0.{last}" for last in range(2, 40)), sink.port)
        [refused] = send([many, host(sink)])  # the connects run out before the good one
        [delivered] = send([Host("mx1", ("127.0.0.9", "127.0.0.1"), sink.port)])
    assert refused.strain == "down"
    assert one([delivered]).peer == "mx1 [127.0.0.1]"


def test_ipv6() -> None:
    with Sink(address="::1") as sink:
        outcome = one(send([Host("mx6", ("::1",), sink.port)]))
    assert (outcome.kind, outcome.peer) == ("relayed", "mx6 [::1]")


def test_sessions_are_limited() -> None:
    with Sink(at("CONNECT", "421 4.3.2 Busy")) as sink:
        send([host(sink, f"mx{number}") for number in range(8)])
    assert len(sink.visits) == QUICK.sessions


@pytest.mark.parametrize(
    ("rule", "strain"),
    [
        (None, ""),
        (at("RCPT", "450 4.2.0 Greylisted"), ""),
        (at("RCPT", "450 4.7.28 Unusual rate of mail"), "busy"),
        (at("MAIL", Last("421 4.7.0 Try again later")), "busy"),
        (at("DOT", "451 4.3.2 Overloaded"), "busy"),
        (at("RCPT", "452 4.2.1 receiving mail at a rate that prevents delivery"), "busy"),
        (at("CONNECT", "421 Too many connections"), "busy"),
        (at("MAIL", Wait(5)), "slow"),
        (at("CONNECT", Wait(5)), "slow"),
        (at("RCPT", "550 5.1.1 No such user"), ""),
    ],
)
def test_strain(rule: object, strain: str) -> None:
    with Sink(rule) as sink:  # type: ignore[arg-type]
        [delivered] = send(sink, by=courier(limits=ClientLimits(command=0.2, greeting=0.2)))
    assert delivered.strain == strain


def test_the_budget_bounds_everything() -> None:
    """Octets that trickle in, ten seconds long, are no sign of life."""
    with Sink(at("MAIL", Trickle("250 " + "x" * 200, 0.05))) as sink:
        [first, second] = send(
            sink, parcel(), parcel(name="q2"), by=courier(limits=ClientLimits()), budget=0.5
        )
    assert one([first]).status == "4.4.2"
    assert one([second]).kind == "deferred"
    assert sink.verbs().count("MAIL") == 1


def test_no_transaction_begins_when_time_is_short() -> None:
    with Sink() as sink:
        limits = ClientLimits(reserve=100)
        first, second = send(
            sink, parcel(), parcel(name="q2"), by=courier(limits=limits), budget=50
        )
    assert one([first]).kind == "relayed"  # the first is always tried
    assert (one([second]).kind, one([second]).status) == ("deferred", "4.3.0")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "DOT", "STARTTLS", "QUIT"])
@pytest.mark.parametrize(
    "action",
    [
        Endless(),
        Endless(b"\xff" * 1000),
        Raw(b"\0\0\0\0\r\n"),
        Raw(b"250\r"),
        Raw(b"250 " * 2000),
        Raw(b"250 a\r\n250 b\r\n250 c\r\n250 d\r\n250 e\r\n250 f\r\n"),
    ],
)
def test_hostile_replies_end_in_outcomes(verb: str, action: Endless | Raw) -> None:
    limits = ClientLimits(command=0.3, data=0.3, final=0.3, quit=0.1)
    extensions = ("PIPELINING", "STARTTLS") if verb == "STARTTLS" else ("PIPELINING",)
    with Sink(at(verb, action), extensions=extensions) as sink:
        results = send([host(sink, tls=ANY)], *_MANY[:2], by=courier(limits=limits))
    assert len(results) == 2


def test_several_threads() -> None:
    by = courier()
    results: list[Delivered] = []

    def deliver(number: int, sink: Sink) -> None:
        for turn in range(10):
            found = [parcel(name=f"t{number}.{turn}.{count}") for count in range(3)]
            by.deliver(
                found, [host(sink)], 60, lambda came: results.extend(done for _, done in came)
            )

    with Sink() as sink:
        threads = [threading.Thread(target=deliver, args=(n, sink)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        by.close()
    assert len(results) == len(sink.letters) == 180
    assert all(one([found]).kind == "relayed" for found in results)
    assert len(sink.visits) <= 6


def test_what_done_raises_is_raised_and_the_connection_survives() -> None:
    class Odd(Exception):
        pass

    def fail(found: Parcel, delivered: Delivered) -> None:
        raise Odd

    with Sink() as sink:
        by = courier()
        with pytest.raises(Odd):
            send(sink, parcel(), parcel(), by=by, then=fail)
        assert one(send(sink, by=by)).kind == "relayed"
        by.close()
    assert len(sink.visits) == 1
    assert len(sink.letters) == 2


def test_ten_thousand_recipients() -> None:
    addresses = [f"user{number}@example.net" for number in range(10_000)]
    with Sink(extensions=EXTENSIONS) as sink:
        [delivered] = send(sink, parcel(*addresses))
    assert {found.kind for found in delivered.outcomes.values()} == {"relayed"}
    assert len(sink.letters) == 100
