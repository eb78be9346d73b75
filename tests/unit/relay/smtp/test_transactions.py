"""What goes over the wire for one parcel, and what each reply means for whom."""

from dataclasses import replace

import pytest

from postroom.relay.parcel import Recipient
from postroom.relay.smtp.limits import ClientLimits
from tests.sinks import EXTENSIONS, PLAIN, Drop, Last, Sink, Visit, Wait, at, refuse, rules
from tests.unit.relay.smtp.sending import MAIL, courier, host, one, parcel, send

# The ways in which content travels.
WAYS = [
    pytest.param(EXTENSIONS, id="all at once"),
    pytest.param(("PIPELINING", "ENHANCEDSTATUSCODES"), id="pipelined DATA"),
    pytest.param(("CHUNKING",), id="BDAT"),
    pytest.param(PLAIN, id="step by step"),
    pytest.param(None, id="HELO"),
]


def _sink(way: tuple[str, ...] | None, *several: object) -> Sink:
    first = [at("EHLO", "502 5.5.1 What?")] if way is None else []
    return Sink(rules(*first, *several), extensions=way or ())  # type: ignore[arg-type]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [10, 70_000, 700_000])
def test_content_arrives_octet_for_octet(way: tuple[str, ...] | None, size: int) -> None:
    content = b"Subject: x\r\n\r\n" + b".\r\n..\r\n.x\r\n" + b"x" * 60 + b"\r\n" * (size // 2)
    with _sink(way) as sink:
        outcome = one(send(sink, parcel(content=content), by=courier(limits=ClientLimits())))
    assert (outcome.kind, outcome.status) == ("relayed", "2.0.0")
    assert outcome.peer == "mx.example.net [127.0.0.1]"
    [letter] = sink.letters
    assert letter.content == content
    assert letter.chunked == (way is not None and "CHUNKING" in way)
    assert (letter.sender, letter.recipients) == ("alice@example.com", ["bob@example.net"])
    assert letter.hello == "client.example.com"


@pytest.mark.parametrize("way", WAYS)
def test_each_recipient_has_a_verdict_of_its_own(way: tuple[str, ...] | None) -> None:
    with _sink(
        way, refuse("<no@"), refuse("<later@", "450 4.2.1 Busy"), refuse("<odd@", "354 What")
    ) as sink:
        [delivered] = send(
            sink, parcel("yes@example.net", "no@example.net", "later@example.net", "odd@x.net")
        )
    found = {name.split("@")[0]: one for name, one in delivered.outcomes.items()}
    assert (found["yes"].kind, found["no"].kind) == ("relayed", "failed")
    assert (found["later"].kind, found["later"].status) == ("deferred", "4.2.1")
    assert (found["odd"].kind, found["odd"].status) == ("deferred", "4.5.0")
    assert found["no"].reply == "550 5.1.1 No such user"
    assert [letter.recipients for letter in sink.letters] == [["yes@example.net"]]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("data", ["354 Go on", "554 5.5.1 No valid recipients"])
def test_all_refused_and_the_next_parcel_goes_on(way: tuple[str, ...] | None, data: str) -> None:
    """Also when DATA is taken all the same: then a lone dot ends it (RFC 2920 section 3.1)."""

    def to_data(visit: Visit, verb: str, line: str) -> str | None:
        return data if verb == "DATA" and not visit.recipients else None

    with _sink(way, refuse("<no@"), to_data) as sink:
        by = courier()
        first, second = send(sink, parcel("no@example.net"), parcel("no@example.net"), by=by)
        third = send(sink, parcel("yes@example.net", name="q3"), by=by)
        by.close()
    assert {one.kind for d in (first, second) for one in d.outcomes.values()} == {"failed"}
    assert one(third).kind == "relayed"
    assert [letter.recipients for letter in sink.letters] == [["yes@example.net"]]
    assert len(sink.visits) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("verb", "reply", "kind", "status"),
    [
        ("MAIL", "550 5.7.1 Go away", "failed", "5.7.1"),
        ("MAIL", "451 Later", "deferred", "4.3.0"),
        ("DOT", "554 5.6.0 Spam", "failed", "5.6.0"),
        ("DOT", "452 4.3.1 Full", "deferred", "4.3.1"),
        ("DOT", "354 Again?", "deferred", "4.5.0"),
    ],
)
def test_a_refusal_for_all(
    way: tuple[str, ...] | None, verb: str, reply: str, kind: str, status: str
) -> None:
    with _sink(way, at(verb, reply, times=1)) as sink:
        first, second = send(
            sink, parcel("a@example.net", "b@example.net"), parcel("c@example.net", name="q2")
        )
    assert {(one.kind, one.status) for one in first.outcomes.values()} == {(kind, status)}
    assert {one.reply for one in first.outcomes.values()} == {reply}
    assert [one.kind for one in second.outcomes.values()] == ["relayed"]
    assert [letter.recipients for letter in sink.letters] == [["c@example.net"]]


@pytest.mark.parametrize(
    ("way", "data", "kind"),
    [
        (PLAIN, "451 4.3.0 Not now", "deferred"),
        (PLAIN, "554 5.7.1 No", "failed"),
        (("PIPELINING",), "451 4.3.0 Not now", "deferred"),
        (("PIPELINING",), "250 Ok", "deferred"),
        (PLAIN, "250 Ok", "deferred"),
    ],
)
def test_data_refused(way: tuple[str, ...], data: str, kind: str) -> None:
    with _sink(way, at("DATA", data)) as sink:
        outcome = one(send(sink))
    assert outcome.kind == kind
    assert not outcome.unsure
    assert not sink.letters


@pytest.mark.parametrize("way", WAYS)
def test_lost_after_the_final_dot_is_unsure(way: tuple[str, ...] | None) -> None:
    with _sink(way, at("DOT", Drop(taken=True))) as sink:
        outcome = one(send([host(sink), host(sink, "mx2.example.net")]))
    assert (outcome.kind, outcome.status, outcome.unsure) == ("deferred", "4.4.2", True)
    assert len(sink.letters) == 1  # the second host was not asked


@pytest.mark.parametrize("way", WAYS)
def test_silence_after_the_final_dot_is_unsure(way: tuple[str, ...] | None) -> None:
    limits = ClientLimits(final=0.2, quit=0.1)
    with _sink(way, at("DOT", Wait(5))) as sink:
        [delivered] = send(sink, by=courier(limits=limits))
    [outcome] = delivered.outcomes.values()
    assert outcome.unsure
    assert delivered.strain == "slow"


@pytest.mark.parametrize("way", WAYS)
def test_421_to_the_final_dot_is_sure(way: tuple[str, ...] | None) -> None:
    with _sink(way, at("DOT", Last("421 4.3.2 Down"))) as sink:
        [delivered] = send(sink)
    [outcome] = delivered.outcomes.values()
    assert (outcome.kind, outcome.unsure, outcome.reply) == ("deferred", False, "421 4.3.2 Down")
    assert delivered.strain == "busy"
    assert not sink.letters


@pytest.mark.parametrize("verb", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("action", [Drop(), Drop(reset=True), Last("421 4.3.2 Too busy")])
@pytest.mark.parametrize("way", [("PIPELINING",), PLAIN])
def test_lost_before_the_content(way: tuple[str, ...], verb: str, action: Drop | Last) -> None:
    """Deferred, without doubt; another host gets a try at once."""
    with _sink(way, at(verb, action)) as sink, Sink() as other:
        outcome = one(send(sink))
        assert (outcome.kind, outcome.unsure) == ("deferred", False)
        assert outcome.status in ("4.4.1", "4.4.2", "4.3.2")
        assert not sink.letters
        outcome = one(send([host(sink), host(other, "mx2.example.net")]))
    assert (outcome.kind, outcome.peer) == ("relayed", "mx2.example.net [127.0.0.1]")
    assert len(other.letters) == 1


def test_verdicts_before_the_loss_stand() -> None:
    drops = rules(refuse("<no@"), at("DATA", Drop()))
    with Sink(drops, extensions=PLAIN) as sink, Sink() as other:
        hosts = [host(sink), host(other, "mx2")]
        [delivered] = send(hosts, parcel("no@example.net", "yes@example.net"))
    assert delivered.outcomes["no@example.net"].kind == "failed"
    assert delivered.outcomes["yes@example.net"].kind == "relayed"
    assert [letter.recipients for letter in other.letters] == [["yes@example.net"]]


def test_rcptmax_splits() -> None:
    with Sink(extensions=(*EXTENSIONS, "LIMITS RCPTMAX=2")) as sink:
        [delivered] = send(sink, parcel(*[f"u{number}@example.net" for number in range(5)]))
    assert {one.kind for one in delivered.outcomes.values()} == {"relayed"}
    assert [len(letter.recipients) for letter in sink.letters] == [2, 2, 1]
    assert len(sink.visits) == 1


def test_rcptdomainmax_splits() -> None:
    addresses = ("a@one.test", "b@One.test", "c@two.test", "d@three.test")
    with Sink(extensions=(*EXTENSIONS, "LIMITS RCPTDOMAINMAX=1")) as sink:
        send(sink, parcel(*addresses))
    assert [len(letter.recipients) for letter in sink.letters] == [2, 1, 1]


def test_mailmax_ends_the_connection() -> None:
    with Sink(extensions=(*EXTENSIONS, "LIMITS MAILMAX=2")) as sink:
        results = send(sink, *[parcel(name=f"q{number}") for number in range(5)])
    assert len(results) == 5
    assert [visit.taken for visit in sink.visits] == [2, 2, 1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "reply", ["452 4.5.3 Too many recipients", "452 Too many", "552 5.5.3 Too many"]
)
def test_too_many_recipients_go_in_another_transaction(
    way: tuple[str, ...] | None, reply: str
) -> None:
    def few(visit: Visit, verb: str, line: str) -> str | None:
        return reply if verb == "RCPT" and len(visit.recipients) >= 3 else None

    with _sink(way, few) as sink:
        [delivered] = send(sink, parcel(*[f"u{number}@example.net" for number in range(8)]))
    assert {one.kind for one in delivered.outcomes.values()} == {"relayed"}
    assert [len(letter.recipients) for letter in sink.letters] == [3, 3, 2]


def test_too_many_recipients_from_the_first_on_is_no_endless_loop() -> None:
    with Sink(at("RCPT", "452 4.5.3 Too many recipients")) as sink:
        [delivered] = send(sink, parcel("a@example.net", "b@example.net"))
    assert {(one.kind, one.status) for one in delivered.outcomes.values()} == {
        ("deferred", "4.5.3")
    }
    assert sink.verbs().count("MAIL") == 1


def test_a_full_mailbox_is_not_too_many_recipients() -> None:
    with Sink(refuse("<full@", "452 4.2.2 Over quota")) as sink:
        [delivered] = send(sink, parcel("a@example.net", "full@example.net"))
    assert delivered.outcomes["full@example.net"].status == "4.2.2"
    assert sink.verbs().count("MAIL") == 1


def test_dsn_parameters_are_passed_on() -> None:
    found = parcel(ret="HDRS", envid="QQ314159")
    recipients = (
        Recipient("a@example.net", ("SUCCESS", "DELAY"), "rfc822;A@example.org"),
        Recipient("b@example.net"),
    )
    with Sink() as sink:
        [delivered] = send(sink, replace(found, recipients=recipients))
    [letter] = sink.letters
    assert letter.mail.endswith("RET=HDRS ENVID=QQ314159")
    assert letter.rcpt == ["NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A@example.org", ""]
    assert all(one.dsn_passed for one in delivered.outcomes.values())
    with Sink(extensions=("PIPELINING",)) as sink:
        [delivered] = send(sink, replace(found, recipients=recipients))
    assert (sink.letters[0].mail, sink.letters[0].rcpt) == ("", ["", ""])
    assert not any(one.dsn_passed for one in delivered.outcomes.values())


def test_larger_than_the_peer_takes_fails_unsent() -> None:
    with Sink(extensions=("SIZE 60",)) as sink:
        small, large = send(sink, parcel(), parcel(content=MAIL + b"x" * 20 + b"\r\n"))
    assert [one.kind for one in small.outcomes.values()] == ["relayed"]
    [outcome] = large.outcomes.values()
    assert (outcome.kind, outcome.status) == ("failed", "5.3.4")
    assert sink.verbs().count("MAIL") == 1
    with Sink(extensions=("SIZE 0",)) as sink:
        assert one(send(sink)).kind == "relayed"


def test_deliver_by() -> None:
    """RFC 2852"""

    def outcome(mode: str, seconds: int, *offers: str) -> tuple[str, str, str]:
        with Sink(extensions=offers) as sink:
            found = one(send(sink, parcel(by_seconds=seconds, by_mode=mode)))
            said = sink.letters[0].mail if sink.letters else ""
        return found.kind, found.status, said

    assert outcome("RT", 100, "DELIVERBY") == ("relayed", "2.0.0", "BY=100;RT")
    assert outcome("N", -5, "DELIVERBY 60") == ("relayed", "2.0.0", "BY=-5;N")
    assert outcome("N", 100) == ("relayed", "2.0.0", "")
    assert outcome("R", 100) == ("failed", "5.3.3", "")
    assert outcome("R", 100, "DELIVERBY 240") == ("failed", "5.4.7", "")
    assert outcome("R", 0, "DELIVERBY") == ("failed", "5.4.7", "")


@pytest.mark.parametrize(
    "address", ["b@example.net>\r\nRCPT TO:<evil@example.net", "b\x00@example.net"]
)
def test_an_address_cannot_break_out_of_its_command(address: str) -> None:
    with Sink() as sink:
        [delivered] = send(sink, parcel(address, "good@example.net"))
    assert (delivered.outcomes[address].kind, delivered.outcomes[address].status) == (
        "failed",
        "5.1.3",
    )
    assert sink.letters[0].recipients == ["good@example.net"]
    with Sink() as sink:
        outcome = one(send(sink, replace(parcel(), reverse_path="a@b>\r\nRSET\r\n")))
    assert (outcome.kind, outcome.status) == ("failed", "5.1.7")
    assert "MAIL" not in sink.verbs()


def test_mail_put_off_and_the_connection_lost() -> None:
    with Sink(rules(at("MAIL", "451 4.7.1 Later"), at("RCPT", Drop()))) as sink:
        outcome = one(send(sink))
    assert (outcome.kind, outcome.unsure) == ("deferred", False)
