"""Programs that submit, over STARTTLS and implicit TLS, with every mechanism that they have; each
message arrives octet by octet below the fields that delivery writes."""

import base64
import contextlib
import imaplib
import poplib
import smtplib
from collections.abc import Callable

import pytest
from scramp import ScramClient

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched, with_lf
from tests.clients.programs import Home
from tests.clients.reading import inbox
from tests.running import PASSWORD, Postroom

pytestmark = pytest.mark.clients
SENDER = "alice@elsewhere.test"  # who has written the letters
WAYS = pytest.mark.parametrize("way", ["submission", "submissions"])


@pytest.fixture
def writer(postroom: Postroom, user: User) -> User:
    """A user who may send as SENDER, and as whoever else has written the letters."""
    for address in ("@elsewhere.test", "alice@example.test"):
        granted = postroom.command("user", "grant", address, user.address)
        assert granted.returncode == 0, granted.stderr
    return user


def arrived(postroom: Postroom, user: User, count: int) -> list[bytes]:
    found = inbox(postroom, user, count)
    assert all(b" with ESMTPSA id " in octets for octets in found)
    return [below_ours(octets) for octets in found]


@WAYS
def test_smtplib(postroom: Postroom, writer: User, way: str) -> None:
    port = postroom.ports[way]
    if way == "submission":
        client = smtplib.SMTP("localhost", port, timeout=30)
        client.starttls(context=postroom.trust())
    else:
        client = smtplib.SMTP_SSL("localhost", port, timeout=30, context=postroom.trust())
    with client:
        client.login(writer.address, writer.password)
        for letter in LETTERS.values():
            assert client.sendmail(SENDER, [writer.address], letter, ["BODY=8BITMIME"]) == {}
    untouched(arrived(postroom, writer, len(LETTERS)), LETTERS.values())


@WAYS
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(postroom: Postroom, writer: User, home: Home, way: str, mechanism: str) -> None:
    path = home.write("letter.eml", with_lf(LETTERS["plain"])[:-1])
    home.run(
        "swaks", "--silent", "2", "--server", f"localhost:{postroom.ports[way]}",
        "--tls" if way == "submission" else "--tls-on-connect",
        "--tls-verify", "--tls-ca-path", postroom.authority,
        "--auth", mechanism, "--auth-user", writer.address, "--auth-password", writer.password,
        "--from", SENDER, "--to", writer.address, "--data", f"@{path}",
    )  # fmt: skip
    untouched(arrived(postroom, writer, 1), [LETTERS["plain"]])


@WAYS
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "*"])
def test_curl(postroom: Postroom, writer: User, home: Home, way: str, mechanism: str) -> None:
    said = home.run("curl", "--version").decode()
    if mechanism == "SCRAM-SHA-256" and "gsasl" not in said:
        pytest.skip("this curl has no SCRAM")
    scheme = "smtp" if way == "submission" else "smtps"
    for name, letter in LETTERS.items():
        path = home.write(f"{name}.eml", letter)
        home.run(
            "curl", "--silent", "--show-error", "--max-time", "30", "--ssl-reqd",
            "--cacert", postroom.authority, "--user", f"{writer.address}:{writer.password}",
            "--login-options", f"AUTH={mechanism}",
            f"{scheme}://localhost:{postroom.ports[way]}/client.test",
            "--mail-from", SENDER, "--mail-rcpt", writer.address, "--upload-file", path,
        )  # fmt: skip
    untouched(arrived(postroom, writer, len(LETTERS)), LETTERS.values())


@WAYS
@pytest.mark.parametrize("mechanism", ["on", "plain", "login", "scram-sha-256"])
def test_msmtp(postroom: Postroom, writer: User, home: Home, way: str, mechanism: str) -> None:
    starttls = "on" if way == "submission" else "off"
    home.write(
        ".msmtprc",
        f"account default\nhost localhost\nport {postroom.ports[way]}\nfrom {SENDER}\n"
        f"tls on\ntls_starttls {starttls}\ntls_trust_file {postroom.authority}\n"
        f"auth {mechanism}\nuser {writer.address}\npassword {writer.password}\n"
        "timeout 30\nset_from_header off\nset_date_header off\n",
    )
    for letter in LETTERS.values():
        home.run("msmtp", writer.address, stdin=with_lf(letter))
    untouched(arrived(postroom, writer, len(LETTERS)), LETTERS.values())


@WAYS
def test_neomutt(postroom: Postroom, writer: User, home: Home, way: str) -> None:
    """It writes the message itself, chooses the mechanism itself, and leaves Bcc in it."""
    scheme = "smtp" if way == "submission" else "smtps"
    name = writer.address.replace("@", "%40")
    home.write(
        ".neomuttrc",
        f'set smtp_url = "{scheme}://{name}@localhost:{postroom.ports[way]}/"\n'
        f'set smtp_pass = "{writer.password}"\nset ssl_starttls = yes\n'
        f'set ssl_force_tls = yes\nset ssl_ca_certificates_file = "{postroom.authority}"\n'
        f'set from = "{writer.address}"\nset use_from = yes\nset realname = "Writer"\n'
        "set record = \nset write_bcc = yes\nset hostname = client.test\n",
    )
    home.run(
        "neomutt", "-s", "from a person", "-b", writer.address, "--", writer.address,
        stdin="Grüße\n".encode(),
    )  # fmt: skip
    found = b"".join(arrived(postroom, writer, 1))
    assert b"\r\nSubject: from a person\r\n" in b"\r\n" + found
    assert b"Bcc" not in found


def test_scram_with_channel_binding(postroom: Postroom, writer: User) -> None:
    """In every protocol; none of Debian's programs binds to the certificate yet."""
    with smtplib.SMTP_SSL(
        "localhost", postroom.ports["submissions"], timeout=30, context=postroom.trust()
    ) as client:
        client.ehlo("client.test")
        certificate = client.sock.getpeercert(binary_form=True)  # type: ignore[union-attr]
        scram = ScramClient(
            ["SCRAM-SHA-256-PLUS"],
            writer.address,
            PASSWORD,
            channel_binding=("tls-server-end-point", ssl_end_point(certificate)),
        )
        first = base64.b64encode(scram.get_client_first().encode()).decode()
        _, said = client.docmd("AUTH", f"SCRAM-SHA-256-PLUS {first}")
        scram.set_server_first(base64.b64decode(said).decode())
        _, said = client.docmd(base64.b64encode(scram.get_client_final().encode()).decode())
        scram.set_server_final(base64.b64decode(said).decode())
        assert client.docmd("")[0] == 235
        client.sendmail(SENDER, [writer.address], LETTERS["plain"])
    untouched(arrived(postroom, writer, 1), [LETTERS["plain"]])


def scram_answers(user: User) -> Callable[[bytes], bytes]:
    """What a client says to each challenge of SCRAM-SHA-256."""
    scram = ScramClient(["SCRAM-SHA-256"], user.address, user.password)

    def answer(challenge: bytes) -> bytes:
        if not challenge:
            return scram.get_client_first().encode()
        if challenge.startswith(b"r="):
            scram.set_server_first(challenge.decode())
            return scram.get_client_final().encode()
        scram.set_server_final(challenge.decode())
        return b""

    return answer


def test_scram_in_imap(postroom: Postroom, user: User) -> None:
    with imaplib.IMAP4_SSL(
        "localhost", postroom.ports["imaps"], ssl_context=postroom.trust(), timeout=30
    ) as client:
        assert "AUTH=SCRAM-SHA-256" in client.capabilities
        client.authenticate("SCRAM-SHA-256", scram_answers(user))
        assert client.state == "AUTH"


def test_scram_in_pop3(postroom: Postroom, user: User) -> None:
    client = poplib.POP3_SSL(
        "localhost", postroom.ports["pop3s"], timeout=30, context=postroom.trust()
    )
    with contextlib.closing(client):
        assert "SCRAM-SHA-256" in client.capa()["SASL"]
        answer, line = scram_answers(user), b"AUTH SCRAM-SHA-256\r\n"
        for _ in range(4):
            client.sock.sendall(line)
            said = client.file.readline()
            if not said.startswith(b"+ "):
                break
            line = base64.b64encode(answer(base64.b64decode(said[2:]))) + b"\r\n"
        assert said == b"+OK 0 messages (0 octets)\r\n"


def ssl_end_point(certificate: bytes) -> bytes:
    from scramp.core import CBindData

    return bytes(CBindData.from_der(certificate))


def test_a_wrong_password_is_refused(postroom: Postroom, user: User, home: Home) -> None:
    said = home.run(
        "swaks", "--server", f"localhost:{postroom.ports['submission']}", "--tls",
        "--auth", "PLAIN", "--auth-user", user.address, "--auth-password", "wrong",
        "--from", user.address, "--to", user.address, status=28,
    )  # fmt: skip
    assert b"535 5.7.8" in said


def test_nobody_sends_as_somebody_else(postroom: Postroom, user: User, home: Home) -> None:
    said = home.run(
        "swaks", "--server", f"localhost:{postroom.ports['submission']}", "--tls",
        "--auth", "PLAIN", "--auth-user", user.address, "--auth-password", user.password,
        "--from", "postmaster@example.test", "--to", user.address, status=23,
    )  # fmt: skip
    assert b"550 5.7.1 You may not send as postmaster@example.test" in said


def test_nobody_submits_in_the_clear(postroom: Postroom, user: User, home: Home) -> None:
    said = home.run(
        "swaks", "--server", f"localhost:{postroom.ports['submission']}",
        "--from", user.address, "--to", user.address, status=23,
    )  # fmt: skip
    assert b"530 5.7.0 Must issue a STARTTLS command first" in said
