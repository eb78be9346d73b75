"""Programs that read, over verified TLS: what was sent comes back octet by octet.

What a program writes down differs in what is its own: fetchmail and getmail add a Received or
Delivered-To field on top, and mail in Unix files has lines that end in LF.
"""

import imaplib
import mailbox
import poplib

import pytest

from tests.clients.conftest import User
from tests.clients.letters import LETTERS, below_ours, untouched, with_lf
from tests.clients.programs import Home
from tests.clients.reading import contents, flags, imap, send
from tests.running import Postroom

pytestmark = pytest.mark.clients


@pytest.fixture
def full(postroom: Postroom, user: User) -> User:
    """A user who has got every kind of message."""
    send(postroom, user, LETTERS.values())
    return user


@pytest.mark.parametrize("implicit", [True, False], ids=["imaps", "starttls"])
def test_imaplib(postroom: Postroom, full: User, implicit: bool) -> None:
    client: imaplib.IMAP4
    if implicit:
        port = postroom.ports["imaps"]
        client = imaplib.IMAP4_SSL("localhost", port, ssl_context=postroom.trust(), timeout=30)
    else:
        client = imaplib.IMAP4("localhost", postroom.ports["imap"], timeout=30)
        client.starttls(postroom.trust())
    with client:
        client.login(full.address, full.password)
        client.select("INBOX")
        untouched(map(below_ours, contents(client)), LETTERS.values())


@pytest.mark.parametrize("implicit", [True, False], ids=["pop3s", "stls"])
def test_poplib(postroom: Postroom, full: User, implicit: bool) -> None:
    client: poplib.POP3
    if implicit:
        port = postroom.ports["pop3s"]
        client = poplib.POP3_SSL("localhost", port, context=postroom.trust(), timeout=30)
    else:
        client = poplib.POP3("localhost", postroom.ports["pop3"], timeout=30)
        client.stls(postroom.trust())
    client.user(full.address)
    client.pass_(full.password)
    count, size = client.stat()
    found = [b"".join(line + b"\r\n" for line in client.retr(n + 1)[1]) for n in range(count)]
    assert sum(map(len, found)) == size
    untouched(map(below_ours, found), LETTERS.values())
    for number in range(count):
        client.dele(number + 1)
    client.quit()
    with imap(postroom, full) as session:
        assert contents(session) == []


@pytest.mark.parametrize("implicit", [True, False], ids=["imaps", "starttls"])
def test_curl_imap(postroom: Postroom, full: User, home: Home, implicit: bool) -> None:
    found = []
    place = f"imaps://localhost:{postroom.ports['imaps']}"
    if not implicit:
        place = f"imap://localhost:{postroom.ports['imap']}"
    login = ("--cacert", postroom.authority, "--user", f"{full.address}:{full.password}")
    for uid in range(1, len(LETTERS) + 1):
        found.append(
            home.run(
                "curl", "--silent", "--show-error", "--max-time", "30", "--ssl-reqd", *login,
                f"{place}/INBOX;UID={uid}",
            )  # fmt: skip
        )
    untouched(map(below_ours, found), LETTERS.values())


@pytest.mark.parametrize("implicit", [True, False], ids=["pop3s", "stls"])
def test_curl_pop3(postroom: Postroom, full: User, home: Home, implicit: bool) -> None:
    found = []
    place = f"pop3s://localhost:{postroom.ports['pop3s']}"
    if not implicit:
        place = f"pop3://localhost:{postroom.ports['pop3']}"
    login = ("--cacert", postroom.authority, "--user", f"{full.address}:{full.password}")
    for number in range(1, len(LETTERS) + 1):
        found.append(
            home.run(
                "curl", "--silent", "--show-error", "--max-time", "30", "--ssl-reqd", *login,
                f"{place}/{number}",
            )  # fmt: skip
        )
    untouched(map(below_ours, found), LETTERS.values())


def test_curl_appends_and_searches(postroom: Postroom, user: User, home: Home) -> None:
    place = f"imaps://localhost:{postroom.ports['imaps']}/INBOX"
    curl = (
        "curl", "--silent", "--show-error", "--max-time", "30",
        "--cacert", postroom.authority, "--user", f"{user.address}:{user.password}",
    )  # fmt: skip
    for name, letter in LETTERS.items():
        home.run(*curl, place, "--upload-file", home.write(f"{name}.eml", letter))
    with imap(postroom, user) as session:
        assert contents(session) == list(LETTERS.values())
    assert home.run(*curl, f"{place}?SUBJECT%20dots").split() == [b"*", b"SEARCH", b"3"]


@pytest.mark.parametrize("protocol", ["IMAP", "POP3"])
def test_fetchmail(postroom: Postroom, full: User, home: Home, protocol: str) -> None:
    """Everything is fetched once and deleted here. Its own Received field is switched off."""
    port = postroom.ports["imaps" if protocol == "IMAP" else "pop3s"]
    spool = home.write("fetched", b"")
    home.write("append.sh", f'cat >> "{spool}"; printf "\\n=_end_of_it\\n" >> "{spool}"\n')
    rc = home.write(
        ".fetchmailrc",
        f'poll localhost protocol {protocol} service {port} uidl\n'
        f'user "{full.address}" password "{full.password}"\n'
        f'ssl sslcertck sslcertfile "{postroom.authority}"\n'
        f'no rewrite no mimedecode pass8bits fetchall no keep\n'
        f'mda "sh {home.folder}/append.sh"\n'
        if protocol == "POP3"
        else f'poll localhost protocol {protocol} service {port}\n'
        f'user "{full.address}" password "{full.password}"\n'
        f'ssl sslcertck sslcertfile "{postroom.authority}"\n'
        f'no rewrite no mimedecode pass8bits fetchall no keep\n'
        f'mda "sh {home.folder}/append.sh"\n',
    )
    home.run("fetchmail", "--fetchmailrc", rc, "--invisible", "--timeout", "30", "--silent")
    found = spool.read_bytes().split(b"\n=_end_of_it\n")[:-1]
    assert len(found) == len(LETTERS)
    print(found[0][:600])
    home.run("fetchmail", "--fetchmailrc", rc, "--timeout", "30", status=1)  # 1: no mail
    with imap(postroom, full) as session:
        assert contents(session) == []


@pytest.mark.parametrize("retriever", ["SimpleIMAPSSLRetriever", "SimplePOP3SSLRetriever"])
def test_getmail(postroom: Postroom, full: User, home: Home, retriever: str) -> None:
    port = postroom.ports["imaps" if "IMAP" in retriever else "pop3s"]
    for name in ("new", "cur", "tmp"):
        (home.folder / "Mail" / name).mkdir(parents=True)
    home.write(
        "getmail/getmailrc",
        f"[retriever]\ntype = {retriever}\nserver = localhost\nport = {port}\n"
        f"username = {full.address}\npassword = {full.password}\n"
        f"ca_certs = {postroom.authority}\ntimeout = 30\n"
        f"[destination]\ntype = Maildir\npath = {home.folder}/Mail/\nuser = root\n"
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\nverbose = 0\n",
    )
    command = ("getmail", "--getmaildir", home.folder / "getmail")
    home.run(*command)
    found = [path.read_bytes() for path in (home.folder / "Mail" / "new").iterdir()]
    print(found[0][:600])
    assert len(found) == len(LETTERS)
    home.run(*command)
    with imap(postroom, full) as session:
        assert contents(session) == []
