"""Programs that send: each message arrives octet by octet below the fields that delivery writes."""

import smtplib

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched, with_lf
from tests.clients.programs import Home
from tests.clients.reading import inbox
from tests.running import Postroom

pytestmark = pytest.mark.clients
SENDER = "alice@elsewhere.test"


def arrived(postroom: Postroom, user: User, count: int) -> list[bytes]:
    return [below_ours(octets) for octets in inbox(postroom, user, count)]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "starttls"])
def test_smtplib(postroom: Postroom, user: User, tls: bool) -> None:
    with smtplib.SMTP("localhost", postroom.ports["smtp"], timeout=30) as client:
        if tls:
            client.starttls(context=postroom.trust())
        for letter in LETTERS.values():
            assert client.sendmail(SENDER, [user.address], letter, ["BODY=8BITMIME"]) == {}
    untouched(arrived(postroom, user, len(LETTERS)), LETTERS.values())


def test_swaks(postroom: Postroom, user: User, home: Home) -> None:
    """With STARTTLS and the certificate checked, each message in a connection of its own."""
    # It strips dots and empty lines from the end of a message, so these two cannot be sent whole.
    letters = {name: LETTERS[name] for name in LETTERS.keys() - {"dots", "empty body"}}
    for name, letter in letters.items():
        # --data takes lines that end in LF, sends CRLF and adds one at the end.
        path = home.write(f"{name}.eml", with_lf(letter)[:-1])
        home.run(
            "swaks", "--silent", "2", "--server", f"localhost:{postroom.ports['smtp']}",
            "--tls", "--tls-verify", "--tls-ca-path", postroom.authority,
            "--from", SENDER, "--to", user.address, "--data", f"@{path}",
        )  # fmt: skip
    untouched(arrived(postroom, user, len(letters)), letters.values())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "starttls"])
def test_curl(postroom: Postroom, user: User, home: Home, tls: bool) -> None:
    secured = ("--ssl-reqd", "--cacert", postroom.authority) if tls else ()
    for name, letter in LETTERS.items():
        path = home.write(f"{name}.eml", letter)
        home.run(
            "curl", "--silent", "--show-error", "--max-time", "30", *secured,
            f"smtp://localhost:{postroom.ports['smtp']}/client.test",
            "--mail-from", SENDER, "--mail-rcpt", user.address, "--upload-file", path,
        )  # fmt: skip
    untouched(arrived(postroom, user, len(LETTERS)), LETTERS.values())


def test_msmtp(postroom: Postroom, user: User, home: Home) -> None:
    home.write(
        ".msmtprc",
        f"account default\nhost localhost\nport {postroom.ports['smtp']}\nfrom {SENDER}\n"
        f"tls on\ntls_starttls on\ntls_trust_file {postroom.authority}\nauth off\n"
        "timeout 30\nset_from_header off\nset_date_header off\n",
    )
    for letter in LETTERS.values():
        home.run("msmtp", user.address, stdin=with_lf(letter))
    untouched(arrived(postroom, user, len(LETTERS)), LETTERS.values())


def test_an_unknown_user_is_refused(postroom: Postroom, home: Home) -> None:
    said = home.run(
        "swaks", "--server", f"localhost:{postroom.ports['smtp']}",
        "--from", SENDER, "--to", "nobody@example.test", status=24,
    )  # fmt: skip
    assert b"550 5.1.1" in said


def test_nobody_relays(postroom: Postroom, home: Home) -> None:
    said = home.run(
        "swaks", "--server", f"localhost:{postroom.ports['smtp']}",
        "--from", SENDER, "--to", "bob@faraway.test", status=24,
    )  # fmt: skip
    assert b" 5.7.1" in said
