"""`postroom up` as one thing: it stops in order, keeps its data, is administered, heals itself."""

import json
import os
import random
import signal
import smtplib
import socket
import time
from pathlib import Path

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched
from tests.clients.reading import imap, inbox, send
from tests.running import PASSWORD, PORTS, Postroom, kill, running

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_drains_stops_and_keeps_everything(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, ["ann"]) as postroom:
        user = User("ann@example.test")
        send(postroom, user, LETTERS.values())
        with imap(postroom, user) as client:
            client.create("Work")
            client.uid("STORE", "1:3", "+FLAGS", r"(\Flagged Important)")
            client.uid("COPY", "2:4", "Work")
            before = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE MODSEQ RFC822.SIZE)")[1]
        # Someone who does nothing does not hold it up, and is told.
        idle = smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30)
        started = time.monotonic()
        assert postroom.stop(number) == 0
        assert time.monotonic() - started < 15
        assert idle.getreply()[0] == 421
        idle.close()
        postroom.start()
        with imap(postroom, user) as client:
            after = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE MODSEQ RFC822.SIZE)")[1]
            assert after == before
            assert client.select("Work")[1] == [b"3"]
        untouched(map(below_ours, inbox(postroom, user, len(LETTERS))), LETTERS.values())


def test_what_was_accepted_before_the_stop_arrives_after_the_start(tmp_path: Path) -> None:
    with running(tmp_path, ["ann"]) as postroom:
        user = User("ann@example.test")
        with smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client:
            for letter in [*LETTERS.values()] * 5:
                client.sendmail("alice@elsewhere.test", [user.address], letter)
        assert postroom.stop() == 0
        postroom.start()
        found = inbox(postroom, user, 5 * len(LETTERS))
        untouched(map(below_ours, found), [*LETTERS.values()] * 5)


def test_it_is_administered_while_it_runs(postroom: Postroom) -> None:
    def done(*words: str, stdin: str = "") -> str:
        found = postroom.command(*words, stdin=stdin)
        assert found.returncode == 0, found.stdout + found.stderr
        return found.stdout

    done("domain", "add", "cli.test")
    done("user", "add", "eve@cli.test", "--password-stdin", "--quota", "1GB", stdin=f"{PASSWORD}\n")
    done("alias", "add", "sales@cli.test", "eve@cli.test")
    letter = b"Message-ID: <traced@elsewhere.test>\r\nSubject: x\r\n\r\nx\r\n"
    eve = User("eve@cli.test")
    with smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client:
        client.sendmail("alice@elsewhere.test", ["sales@cli.test"], letter)
        client.sendmail("alice@elsewhere.test", ["eve+news@cli.test"], letter)
    assert len(inbox(postroom, eve, 2)) == 2

    [shown] = json.loads(done("user", "show", "eve@cli.test", "--json"))
    assert shown["quota"] == 1_000_000_000
    assert {box["mailbox"]: box["messages"] for box in shown["mailboxes"]}["INBOX"] == 2
    journeys = json.loads(done("trace", "traced@elsewhere.test", "--json"))
    assert {tuple(one["recipients"]) for one in journeys} == {
        ("sales@cli.test",),
        ("eve+news@cli.test",),
    }
    assert all([event["step"] for event in one["events"]][-1] == "delivered" for one in journeys)
    assert json.loads(done("dlq", "list", "--json")) == []

    done("user", "set", "eve@cli.test", "--language", "pt-BR", "--messages", "20")
    done("user", "grant", "@club.test", "eve@cli.test")
    done("user", "grant", "Boss@elsewhere.test", "eve@cli.test")
    done("user", "revoke", "@club.test", "eve@cli.test")
    done("user", "quota", "eve@cli.test", "2GB")
    [shown] = json.loads(done("user", "show", "eve@cli.test", "--json"))
    assert (shown["language"], shown["messages_per_hour"], shown["quota"]) == (
        "pt-BR",
        20,
        2_000_000_000,
    )
    assert shown["may_send_as"] == ["boss@elsewhere.test"]
    refused = postroom.command("user", "set", "eve@cli.test", "--language", "d e")
    assert refused.returncode == 1
    assert "BCP 47" in refused.stderr

    done("user", "password", "eve@cli.test", "--password-stdin", stdin="another pass phrase\n")
    with imap(postroom, User("eve@cli.test", "another pass phrase")) as session:
        assert session.state == "SELECTED"
    done("alias", "remove", "sales@cli.test")
    done("user", "remove", "eve@cli.test", "--yes")
    with (
        smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        client.sendmail("alice@elsewhere.test", ["eve@cli.test"], letter)
    done("domain", "remove", "cli.test")
    refused = postroom.command("user", "show", "eve@cli.test")
    assert refused.returncode == 1
    assert "eve@cli.test" in refused.stderr


@pytest.mark.parametrize("kind", ["gateway-1", "worker-1"])
def test_a_killed_process_is_started_again(postroom: Postroom, user: User, kind: str) -> None:
    before = postroom.pids()[kind]
    kill([before])
    deadline = time.monotonic() + 30
    while not (healthy := postroom.health())["ok"] or postroom.pids()[kind] == before:
        assert time.monotonic() < deadline, healthy
        time.sleep(0.05)
    accepts(postroom.ports["smtp"])
    send(postroom, user, LETTERS.values())
    untouched(map(below_ours, inbox(postroom, user, len(LETTERS))), LETTERS.values())


def accepts(port: int) -> None:
    """Wait until a new gateway listens: it is alive some time before."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("name", ["smtp", "imaps", "http"])
def test_a_port_in_use_ends_it_with_the_reason(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        postroom = Postroom(tmp_path, 1, 1, {}, dict.fromkeys(PORTS, 0))
        postroom.ports[name] = port
        try:
            status = postroom.launch().wait(60)
        finally:
            postroom.end()
    log = postroom.log.read_text()
    assert status not in (0, None), log
    assert f"cannot listen on 127.0.0.1 port {port}" in log
    assert "Traceback" not in log
    assert not (tmp_path / "ready").exists()


def test_a_client_hello_is_heard_whenever_it_comes(postroom: Postroom) -> None:
    """Right with the connection or a moment later, while the server makes itself ready for TLS.

    Of a thousand such connections some hit every step of the event loop.
    """
    trust, chance = postroom.trust(), random.Random(2026)
    for _ in range(1200):
        with socket.create_connection(("127.0.0.1", postroom.ports["imaps"]), timeout=10) as sock:
            moment = time.perf_counter() + chance.uniform(0, 0.0008)
            while time.perf_counter() < moment:  # too short for a sleep
                pass
            trust.wrap_socket(sock, server_hostname="localhost").close()


def test_ports_that_are_off_are_not_open(postroom: Postroom) -> None:
    """ManageSieve is switched off in these tests."""
    listeners = {port for name, port in postroom.ports.items() if name != "http"}
    assert listening(postroom.pids()["gateway-1"]) == listeners


def listening(pid: int) -> set[int]:
    """The TCP ports on which a process listens, as the kernel says (proc(5))."""
    sockets = {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
    table = [Path(f"/proc/{pid}/net/{name}").read_text().splitlines() for name in ("tcp", "tcp6")]
    rows = [line.split() for lines in table for line in lines[1:]]
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in sockets  # 0A: LISTEN
    }
