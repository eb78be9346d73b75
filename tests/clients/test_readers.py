"""Programs that read, over verified TLS: what was sent comes back octet by octet.

What a program writes down differs in what is its own: fetchmail and getmail add a Received or
Delivered-To field on top, and mail in Unix files has lines that end in LF.
"""

import imaplib
import poplib
from collections.abc import Callable

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


CURL = ("curl", "--silent", "--show-error", "--max-time", "30", "--ssl-reqd")


@pytest.mark.parametrize("scheme", ["imaps", "imap"])
def test_curl_imap(postroom: Postroom, full: User, home: Home, scheme: str) -> None:
    login = ("--cacert", postroom.authority, "--user", f"{full.address}:{full.password}")
    inbox = f"{scheme}://localhost:{postroom.ports[scheme]}/INBOX"
    found = [home.run(*CURL, *login, f"{inbox};UID={n}") for n in range(1, len(LETTERS) + 1)]
    untouched(map(below_ours, found), LETTERS.values())


@pytest.mark.parametrize("scheme", ["pop3s", "pop3"])
def test_curl_pop3(postroom: Postroom, full: User, home: Home, scheme: str) -> None:
    login = ("--cacert", postroom.authority, "--user", f"{full.address}:{full.password}")
    place = f"{scheme}://localhost:{postroom.ports[scheme]}"
    found = [home.run(*CURL, *login, f"{place}/{n}") for n in range(1, len(LETTERS) + 1)]
    untouched(map(below_ours, found), LETTERS.values())


def test_curl_appends_and_searches(postroom: Postroom, user: User, home: Home) -> None:
    place = f"imaps://localhost:{postroom.ports['imaps']}/INBOX"
    curl = (*CURL, "--cacert", postroom.authority, "--user", f"{user.address}:{user.password}")
    for name, letter in LETTERS.items():
        home.run(*curl, place, "--upload-file", home.write(f"{name}.eml", letter))
    with imap(postroom, user) as session:
        assert contents(session) == list(LETTERS.values())
    assert home.run(*curl, f"{place}?SUBJECT%20dots").split() == [b"*", b"SEARCH", b"3"]


def kept(home: Home) -> tuple[str, Callable[[], list[bytes]]]:
    """A delivery command that keeps each message in a file, and what it has kept."""
    folder = home.folder / "kept"
    folder.mkdir()
    script = home.write("keep.sh", f'cat > "$(mktemp "{folder}/XXXXXXXX")"\n')
    return str(script), lambda: [path.read_bytes() for path in folder.iterdir()]


@pytest.mark.parametrize("protocol", ["IMAP", "POP3"])
def test_fetchmail(postroom: Postroom, full: User, home: Home, protocol: str) -> None:
    port = postroom.ports["imaps" if protocol == "IMAP" else "pop3s"]
    script, found = kept(home)
    home.write(
        ".fetchmailrc",
        f"poll localhost protocol {protocol} service {port}\n"
        f'user "{full.address}" password "{full.password}"\n'
        f'ssl sslcertck sslcertfile "{postroom.authority}"\n'
        f'no rewrite no mimedecode pass8bits fetchall no keep mda "sh {script}"\n',
    )
    pid = home.folder / "fetchmail.pid"
    command = ("fetchmail", "--invisible", "--silent", "--timeout", "30", "--pidfile", pid)
    home.run(*command)
    untouched(map(below_ours, found()), map(with_lf, LETTERS.values()))
    home.run(*command, status=1)  # no mail: all was deleted
    with imap(postroom, full) as session:
        assert contents(session) == []


@pytest.mark.parametrize("retriever", ["SimpleIMAPSSLRetriever", "SimplePOP3SSLRetriever"])
def test_getmail(postroom: Postroom, user: User, home: Home, retriever: str) -> None:
    """It takes messages apart and puts them together anew, with a field of its own.

    Boundaries right behind each other then get an empty line between them: that one is left out.
    """
    letters = [letter for name, letter in LETTERS.items() if name != "50 multiparts deep"]
    send(postroom, user, letters)
    port = postroom.ports["imaps" if "IMAP" in retriever else "pop3s"]
    script, found = kept(home)
    home.write(
        "getmail/getmailrc",
        f"[retriever]\ntype = {retriever}\nserver = localhost\nport = {port}\n"
        f"username = {user.address}\npassword = {user.password}\n"
        f"ca_certs = {postroom.authority}\ntimeout = 30\n"
        # A Maildir of its own it refuses to write when it runs as root, as in a container.
        f'[destination]\ntype = MDA_external\npath = /bin/sh\narguments = ("{script}",)\n'
        "allow_root_commands = true\n"
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\nverbose = 0\n",
    )
    command = ("getmail", "--getmaildir", home.folder / "getmail")
    home.run(*command)
    own = b"X-getmail-retrieved-from-mailbox: INBOX\n"
    came = [below_ours(octets).replace(own, b"", 1) for octets in found()]
    untouched(came, map(with_lf, letters))
    home.run(*command)
    assert len(found()) == len(letters)
    with imap(postroom, user) as session:
        assert contents(session) == []


def test_neomutt(postroom: Postroom, full: User, home: Home) -> None:
    """Its batch mode: mark, copy to a new folder, save and delete, by IMAP with TLS."""
    home.write(
        ".neomuttrc",
        f'set folder="imaps://localhost:{postroom.ports["imaps"]}/"\n'
        f'set imap_user="{full.address}" imap_pass="{full.password}"\n'
        f'set ssl_ca_certificates_file="{postroom.authority}"\n'
        f'set certificate_file="{home.folder}/none"\n'
        "set ssl_verify_host=yes ssl_verify_dates=yes ssl_usesystemcerts=no\n"
        "set confirmcreate=no confirmappend=no delete=yes quit=yes mark_old=no wait_key=no\n"
        f'set header_cache="{home.folder}/cache"\n'
        'set spoolfile="+INBOX" mbox_type=Maildir move=no record="" postponed=""\n'
        'push "<tag-pattern>~A<enter><tag-prefix><copy-message>=Kept<enter>'
        '<tag-prefix><flag-message><delete-pattern>~s dots<enter><sync-mailbox><exit>"\n',
    )
    home.run(
        "script",
        "--quiet",
        "--return",
        "--command",
        "neomutt -F .neomuttrc",
        "/dev/null",
        stdin=b"",
    )
    with imap(postroom, full) as session:
        assert len(contents(session)) == len(LETTERS) - 1
        assert all("\\Flagged" in found for found in flags(session))
        session.select("Kept")
        untouched(map(below_ours, contents(session)), LETTERS.values())
