"""What scripts decide, from the 250 to the mailboxes and out again: each effect once."""

from collections.abc import Callable

import pytest

from postroom.directory.records import Account
from postroom.mailboxes.annotations import SERVER
from postroom.mailboxes.records import Message
from tests.flows.house import DOMAIN, House, below_ours
from tests.flows.post import mail, nothing_waits
from tests.sinks import Sink

SENDER = "sender@else.test"
ALICE, BOB = f"alice@{DOMAIN}", f"bob@{DOMAIN}"

Activate = Callable[..., None]


@pytest.fixture
def bob(house: House) -> Account:
    return house.account("bob")


def use(house: House, account: Account, script: str, name: str = "main") -> None:
    house.app.scripts.put(account.id, name, script.encode())
    house.app.scripts.set_active(account.id, name)


def held(house: House, account: Account, mailbox: str = "INBOX") -> list[Message]:
    found = house.app.mailboxes.find(account.id, mailbox)
    return list(house.app.mailboxes.messages(found.id))


def steps(house: House, queue_id: str, account: Account) -> list[str]:
    return [
        event.step
        for journey in house.app.journeys.trace(queue_id)
        if journey.place == account.id and journey.queue_id == queue_id
        for event in journey.events
    ]


def test_filed_and_flagged(house: House, alice: Account) -> None:
    house.app.mailboxes.create(alice.id, "Lists/postroom")
    use(
        house,
        alice,
        'require ["fileinto", "imap4flags"];\n'
        'if header :contains "subject" "[postroom]" {\n'
        '  fileinto :flags ["\\\\Seen", "$Label1"] "Lists/postroom";\n'
        "}\n",
    )
    octets = b"Subject: [postroom] hello\r\n\r\nHi.\r\n"
    queue_id, _ = house.send(octets, ALICE)
    house.send(b"Subject: other\r\n\r\nHi.\r\n", ALICE)
    house.work()
    [message] = held(house, alice, "Lists/postroom")
    assert message.flags == {"\\Seen", "$Label1"}
    assert below_ours(house.read("alice", "Lists/postroom")[0])[1] == octets
    assert len(held(house, alice)) == 1
    assert steps(house, queue_id, alice) == ["accepted", "delivered"]


def test_a_changed_script_works_with_the_next_message(house: House, alice: Account) -> None:
    for mailbox in ("One", "Two"):
        house.app.mailboxes.create(alice.id, mailbox)
        use(house, alice, f'require "fileinto"; fileinto "{mailbox}";')
        house.send(mail(), ALICE)
        house.work()
    house.app.scripts.set_active(alice.id, "")
    house.send(mail(), ALICE)
    house.work()
    assert [len(held(house, alice, name)) for name in ("One", "Two", "INBOX")] == [1, 1, 1]


def test_several_copies_and_a_repeat(house: House, alice: Account) -> None:
    use(
        house,
        alice,
        'require ["fileinto", "mailbox"];fileinto :create "A"; fileinto :create "B/C"; keep;',
    )
    house.send(mail(), ALICE)
    letters = house.letters()
    assert house.invoke(letters) == set()
    assert house.invoke(letters) == set(), "the queue repeats itself"
    assert [len(held(house, alice, name)) for name in ("A", "B/C", "INBOX")] == [1, 1, 1]
    assert len({held(house, alice, name)[0].blob for name in ("A", "B/C", "INBOX")}) == 1


def test_edited_mail_is_what_the_client_reads(house: House, alice: Account) -> None:
    use(
        house,
        alice,
        'require ["editheader", "fileinto", "mailbox"];\n'
        'fileinto :create "Plain";\n'
        'addheader "X-Seen-By" "a script";\n'
        "keep;",
    )
    house.send(b"Subject: x\r\n\r\nHi.\r\n", ALICE)
    house.work()
    assert b"X-Seen-By: a script\r\n" in house.read("alice")[0]
    assert b"X-Seen-By" not in house.read("alice", "Plain")[0]


def test_discarded_mail_is_in_no_mailbox_and_in_the_journey(house: House, alice: Account) -> None:
    use(house, alice, "discard;")
    queue_id, _ = house.send(mail(), ALICE)
    house.work()
    assert held(house, alice) == []
    assert steps(house, queue_id, alice) == ["accepted", "discarded"]
    assert nothing_waits(house)


def test_redirected_to_another_server_with_a_way_back(
    house: House, alice: Account, sink: Sink
) -> None:
    use(house, alice, 'redirect "carol@one.test";')
    octets = b"From: somebody@else.test\r\nSubject: on\r\n\r\nHi.\r\n"
    house.send(octets, ALICE, sender=SENDER)
    house.work()
    [letter] = sink.letters
    assert letter.recipients == ["carol@one.test"]
    assert letter.sender.startswith("SRS0=")
    assert letter.sender.endswith(f"@{DOMAIN}")
    assert letter.content.endswith(octets)
    assert f"Delivered-To: {ALICE}\r\n".encode() in letter.content
    assert f"ORCPT=rfc822;{ALICE}" in letter.rcpt[0]
    assert held(house, alice) == []
    assert nothing_waits(house)


def test_a_repeat_redirects_once(house: House, alice: Account, sink: Sink) -> None:
    use(house, alice, 'require "copy"; redirect :copy "carol@one.test";')
    house.send(mail(), ALICE)
    letters = house.letters()
    house.invoke(letters)
    house.invoke(letters)
    house.work()
    assert len(sink.letters) == 1
    assert len(held(house, alice)) == 1


def test_redirected_to_somebody_here_who_has_scripts_too(
    house: House, alice: Account, bob: Account
) -> None:
    house.app.mailboxes.create(bob.id, "From alice")
    use(house, alice, f'redirect "{BOB}";')
    use(house, bob, 'require "fileinto"; fileinto "From alice";')
    house.send(mail(), ALICE)
    house.work()
    assert len(held(house, bob, "From alice")) == 1
    assert held(house, alice) == []


def test_two_who_redirect_to_each_other_keep_it_once(
    house: House, alice: Account, bob: Account
) -> None:
    use(house, alice, f'redirect "{BOB}";')
    use(house, bob, f'redirect "{ALICE}";')
    house.send(mail(), ALICE)
    house.work()
    assert len(held(house, alice)) + len(held(house, bob)) == 1
    assert nothing_waits(house)


def test_rejected_mail_comes_back_with_the_reason(house: House, alice: Account, sink: Sink) -> None:
    use(house, alice, 'require "reject"; reject "I do not want this.\\r\\nNor that.";')
    queue_id, _ = house.send(mail(), ALICE, sender=SENDER)
    house.work()
    [bounce] = sink.letters
    assert (bounce.sender, bounce.recipients) == ("", [SENDER])
    assert b"I do not want this." in bounce.content
    assert b"Status: 5.7.1" in bounce.content
    assert held(house, alice) == []
    assert steps(house, queue_id, alice) == ["accepted", "rejected"]


def test_rejecting_a_bounce_writes_no_bounce(house: House, alice: Account, sink: Sink) -> None:
    use(house, alice, 'require "reject"; reject "No.";')
    house.send(mail(), ALICE, sender="")
    house.work()
    assert sink.letters == []
    assert nothing_waits(house)


def test_one_rejects_and_the_other_keeps(
    house: House, alice: Account, bob: Account, sink: Sink
) -> None:
    use(house, alice, 'require "reject"; reject "No.";')
    house.send(mail(), ALICE, BOB, sender=SENDER)
    house.work()
    assert len(held(house, bob)) == 1
    [bounce] = sink.letters
    assert ALICE.encode() in bounce.content
    assert BOB.encode() not in bounce.content


def test_a_script_that_fails_keeps_and_tells_once(house: House, alice: Account) -> None:
    use(house, alice, 'require "fileinto"; fileinto "Nowhere";')
    for _ in range(3):
        house.send(mail(), ALICE)
        house.work()
    found = house.read("alice")
    assert len(found) == 4
    [notice] = [text for text in found if b"Subject: Your mail filter failed" in text]
    assert b"Nowhere" in notice
    use(house, alice, 'require "fileinto"; fileinto "Elsewhere";')
    house.send(mail(), ALICE)
    house.work()
    assert len(house.read("alice")) == 6, "a new script, and new trouble"


def test_duplicates_are_found_by_message_id_but_not_in_a_repeat(
    house: House, alice: Account
) -> None:
    use(house, alice, 'require "duplicate"; if duplicate { discard; }')
    octets = b"Message-ID: <one@else.test>\r\nSubject: x\r\n\r\nHi.\r\n"
    house.send(octets, ALICE)
    letters = house.letters()
    house.invoke(letters)
    house.invoke(letters)
    house.work()
    assert len(held(house, alice)) == 1
    house.send(octets, ALICE)
    house.work()
    assert len(held(house, alice)) == 1
    house.send(octets.replace(b"<one@", b"<two@"), ALICE)
    house.work()
    assert len(held(house, alice)) == 2


def test_the_domain_speaks_before_and_after(house: House, alice: Account) -> None:
    for name in ("Spam", "Mine", "Rest"):
        house.app.mailboxes.create(alice.id, name)
    scripts = house.app.scripts
    scripts.put_domain(
        DOMAIN,
        "before",
        b'require "fileinto"; if header :is "x-spam-flag" "yes" { fileinto "Spam"; stop; }',
    )
    scripts.put_domain(DOMAIN, "after", b'require "fileinto"; fileinto "Rest";')
    use(house, alice, 'require "fileinto"; if header :is "subject" "mine" { fileinto "Mine"; }')
    for header in (b"X-Spam-Flag: YES\r\nSubject: mine", b"Subject: mine", b"Subject: other"):
        house.send(header + b"\r\n\r\nHi.\r\n", ALICE)
    house.work()
    assert [len(held(house, alice, name)) for name in ("Spam", "Mine", "Rest", "INBOX")] == [
        1,
        1,
        1,
        0,
    ]


def test_a_mailbox_that_goes_meanwhile_means_inbox(house: House, alice: Account) -> None:
    use(house, alice, 'require ["fileinto", "copy"]; fileinto :copy "Gone"; fileinto "Gone too";')
    house.app.mailboxes.create(alice.id, "Gone")
    house.send(mail(), ALICE)
    house.app.mailboxes.delete(alice.id, "Gone")
    house.work()
    assert mail() in [below_ours(text)[1] for text in house.read("alice") if b"filter" not in text]


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param("detail", id="separator"),
    ],
)
def test_detail_of_the_address(house: House, alice: Account, detail: str) -> None:
    use(
        house,
        alice,
        'require ["fileinto", "mailbox", "envelope", "subaddress", "variables"];\n'
        'if envelope :detail :matches "to" "*" { fileinto :create "d/${1}"; }',
    )
    house.send(mail(), f"alice+{detail}@{DOMAIN}")
    house.work()
    assert len(held(house, alice, f"d/{detail}")) == 1


def test_a_script_reads_what_a_client_has_annotated(house: House, alice: Account) -> None:
    for mailbox in ("Quiet", "Loud"):
        house.app.mailboxes.create(alice.id, mailbox)
    use(
        house,
        alice,
        'require ["fileinto", "mboxmetadata", "servermetadata"];\n'
        'if servermetadata :is "/private/comment" "away" { fileinto "Quiet"; }\n'
        'elsif metadata :contains "Loud" "/private/comment" "all" { fileinto "Loud"; }',
    )
    house.send(mail(), ALICE)
    house.work()
    annotations = house.app.mailboxes.annotations
    loud = house.app.mailboxes.find(alice.id, "Loud").id
    annotations.set(alice.id, loud, {"/private/comment": b"take all"})
    house.send(mail(), ALICE)
    house.work()
    annotations.set(alice.id, SERVER, {"/private/comment": b"away"})
    house.send(mail(), ALICE)
    house.work()
    assert [len(held(house, alice, name)) for name in ("INBOX", "Loud", "Quiet")] == [1, 1, 1]
