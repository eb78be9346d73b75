"""AUTH against the sink, and SCRAM against scramp, which somebody else has written."""

import base64

import pytest
from scramp import ScramMechanism

from postroom.relay.smtp.authentication import AuthenticationFailed, authentication
from postroom.relay.smtp.limits import ClientLimits
from postroom.relay.smtp.replies import Reply
from postroom.relay.smtp.transaction import Dialogue
from tests.sinks import Sink, at
from tests.unit.relay.smtp.sending import host, one, send

_USERS = {"alice": "söcret, =x"}
_LIMITS = ClientLimits()


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "X PLAIN SCRAM-SHA-256"])
def test_mechanisms(mechanisms: str) -> None:
    with Sink(users=_USERS, mechanisms=mechanisms) as sink:
        outcome = one(send([host(sink, user="alice", password=_USERS["alice"])]))
    assert outcome.kind == "relayed"
    assert [letter.user for letter in sink.letters] == ["alice"]
    [auth] = [line for line in sink.commands if line.startswith("AUTH")]
    assert auth.split(" ")[1] == mechanisms.split(" ")[-1]
    assert sink.letters[0].mail.split(" ")[-1] == "AUTH=<>", "we vouch for no author"


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
def test_a_wrong_password_is_put_off_as_it_is_our_setting(mechanisms: str) -> None:
    with Sink(users=_USERS, mechanisms=mechanisms) as sink:
        outcome = one(send([host(sink, user="alice", password="wrong")]))
    assert (outcome.kind, outcome.status) == ("deferred", "4.7.8")
    assert outcome.reply == "535 5.7.8 Wrong"
    assert not sink.letters
    assert "wrong" not in repr(outcome)


def test_no_mechanism_in_common() -> None:
    with Sink(users=_USERS, mechanisms="GSSAPI") as sink:
        outcome = one(send([host(sink, user="alice", password="x")]))
    assert (outcome.kind, outcome.status) == ("deferred", "4.7.0")


def test_a_server_that_takes_any_scram_has_not_proved_itself() -> None:
    with Sink(at("AUTH", "235 2.7.0 Come in"), users=_USERS, mechanisms="SCRAM-SHA-256") as sink:
        outcome = one(send([host(sink, user="alice", password="other")]))
    assert outcome.kind == "deferred"


def test_a_password_is_not_in_a_traceback() -> None:
    assert "secret" not in repr(host(25, user="alice", password="secret"))


def _next(dialogue: Dialogue[Reply], reply: Reply) -> bytes:
    ask = dialogue.send(reply)
    return base64.b64decode(b"".join(ask.octets).split(b" ")[-1])


def test_scram_agrees_with_scramp() -> None:
    mechanism = ScramMechanism("SCRAM-SHA-256")
    info = mechanism.make_auth_info("pencil", iteration_count=4096)
    server = mechanism.make_server(lambda _: info)
    dialogue = authentication("SCRAM-SHA-256", "us,er", "pencil", "nonce", _LIMITS)
    first = b"".join(next(dialogue).octets).split(b" ")[-1]
    server.set_client_first(base64.b64decode(first).decode())
    final = _next(dialogue, _challenge(server.get_server_first()))
    server.set_client_final(final.decode())
    assert _next(dialogue, _challenge(server.get_server_final())) == b""
    with pytest.raises(StopIteration) as end:
        dialogue.send(Reply(235, [b"Ok"]))
    assert end.value.value.code == 235


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=nonceX,s=c2FsdA==,i=4000000000",
        b"r=other,s=c2FsdA==,i=4096",
        b"r=nonceX,s=c2FsdA,i=4096",
        b"r=nonceX,i=4096",
        b"\xff",
        b"",
    ],
)
def test_hostile_challenges(challenge: bytes) -> None:
    dialogue = authentication("SCRAM-SHA-256", "user", "pencil", "nonce", _LIMITS)
    next(dialogue)
    with pytest.raises(AuthenticationFailed):
        dialogue.send(Reply(334, [base64.b64encode(challenge)]))


def _challenge(text: str) -> Reply:
    return Reply(334, [base64.b64encode(text.encode())])
