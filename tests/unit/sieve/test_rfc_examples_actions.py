"""The examples of the RFCs that describe actions, each with what must come of it."""

import pytest

from postroom.sieve.actions import (
    Action,
    Copy,
    Discard,
    FileInto,
    Keep,
    Notify,
    Redirect,
    Reject,
    Remember,
    Vacation,
)
from postroom.sieve.world import Envelope
from tests.unit.sieve.worlds import NOW, TableWorld, actions, failure

_KEPT = Keep(implicit=True)
_WEEK = 7 * 86_400
_NOW = int(NOW.timestamp())  # 2026-11-25T20:00:00+01:00, a Wednesday
_WORLD = TableWorld(
    mailboxes={"INBOX": [], "Partners": [], "Backups": ["\\Archive"]},
    mailbox_ids=["F6352ae03-b7f5-463c-896f-d8b48ee3"],
    annotations={
        ("INBOX", "/private/vendor/vendor.isode/auto-replies"): "on",
        (None, "/private/vendor/vendor.isode/notification-uri"): "mailto:bob@sms.example.net",
    },
    lists={":addrbook:default": ["coyote@desert.example.org"], "tag:x": []},
    remembered=[("", "<1@desert.example.org>"), ("notifier", "7")],
    spam_score=(0.9, 1.0),
)


def _letter(*fields: str) -> bytes:
    usual = ("Message-ID: <1@desert.example.org>", "From: coyote@desert.example.org")
    return "\r\n".join([*fields, *usual, "", "Hello", ""]).encode()


def _decided(script: str, *fields: str) -> tuple[Action, ...]:
    envelope = Envelope("coyote@desert.example.org", "roadrunner@acme.example.com")
    return actions(script, letter=_letter(*fields), envelope=envelope, world=_WORLD)


@pytest.mark.parametrize(
    ("script", "fields", "expected"),
    [
        pytest.param(
            'require ["copy", "fileinto"]; fileinto :copy "incoming";',
            [],
            [FileInto("incoming"), _KEPT],
            id="RFC 3894 section 3",
        ),
        pytest.param(
            'require "ereject"; if address "from" "coyote@desert.example.org"'
            ' { ereject "I no longer accept mail from this address"; }',
            [],
            [Reject("I no longer accept mail from this address", extended=True)],
            id="RFC 5429 section 2.1",
        ),
        pytest.param(
            'require ["reject"]; if header :contains "from" "coyote@desert.example.org" {'
            " reject text:\r\nI am not taking mail from you, and I don't\r\n"
            "want your birdseed, either!\r\n.\r\n; }",
            [],
            [
                Reject(
                    "I am not taking mail from you, and I don't\r\nwant your birdseed, either!\r\n"
                )
            ],
            id="RFC 5429 section 2.2.1",
        ),
        pytest.param(
            'require ["ereject", "spamtest", "fileinto", "comparator-i;ascii-numeric",'
            ' "relational"]; if spamtest :value "ge" :comparator "i;ascii-numeric" "6"'
            ' { ereject "spam"; } elsif spamtest :value "ge" :comparator "i;ascii-numeric" "4"'
            ' { fileinto "Suspect"; }',
            [],
            [Reject("spam", extended=True)],
            id="RFC 5429 section 2.5",
        ),
        pytest.param(
            'require ["fileinto", "reject", "mailbox"]; if mailboxexists "Partners"'
            ' { fileinto "Partners"; } else { reject "not accepted"; }',
            [],
            [FileInto("Partners")],
            id="RFC 5490 section 3.1",
        ),
        pytest.param(
            'require ["mboxmetadata", "fileinto"]; if metadata :is "INBOX"'
            ' "/private/vendor/vendor.isode/auto-replies" "on" { fileinto "replied"; }',
            [],
            [FileInto("replied")],
            id="RFC 5490 section 3.3",
        ),
        pytest.param(
            'require ["enotify", "servermetadata", "variables", "envelope"];'
            ' if servermetadata :matches "/private/vendor/vendor.isode/notification-uri" "*"'
            ' { set "notif_uri" "${0}"; } if not string :is "${notif_uri}" "none" {'
            ' if envelope :all :matches "from" "*" { set "env_from" " [really: ${1}]"; }'
            ' if header :matches "Subject" "*" { set "subject" "${1}"; }'
            ' if address :matches :all "from" "*" { set "from_addr" "${1}"; }'
            ' notify :message "${from_addr}${env_from}: ${subject}" "${notif_uri}"; }',
            ["Subject: birds"],
            [
                Notify(
                    "mailto:bob@sms.example.net",
                    "coyote@desert.example.org [really: coyote@desert.example.org]: birds",
                ),
                _KEPT,
            ],
            id="RFC 5490 section 4.1",
        ),
        pytest.param(
            'require ["envelope", "fileinto", "extlists"];'
            ' if envelope :list "from" ":addrbook:default" { fileinto "friends"; }',
            [],
            [FileInto("friends")],
            id="RFC 6134 section 3: senders of the address book",
        ),
        pytest.param(
            'require ["extlists", "fileinto", "enotify"]; if allof (valid_ext_list "tag:y",'
            ' header :list "from" "tag:y") { fileinto "a"; } else { fileinto "b"; }',
            [],
            [FileInto("b")],
            id="RFC 6134 section 3: ask first",
        ),
        pytest.param(
            'require "extlists"; redirect :list ":addrbook:default";',
            [],
            [Redirect("", list_name=":addrbook:default")],
            id="RFC 6134 section 3: to all in the list",
        ),
        pytest.param(
            'require ["copy", "redirect-deliverby", "relational", "comparator-i;ascii-numeric",'
            ' "date", "variables"]; if currentdate :value "lt" :comparator "i;ascii-numeric" "hour"'
            ' "22" { if currentdate :matches "date" "*" { set "date" "${0}"; } if currentdate'
            ' :matches "zone" "*" { set "zone" "${0}"; } redirect :copy :bytimeabsolute'
            ' "${date}T22:00:00${zone}" :bymode "return" "cellphone@example.com"; }',
            [],
            [Redirect("cellphone@example.com", by=_NOW + 7200, by_mode="R"), _KEPT],
            id="RFC 6009 section 7.2, as corrected",
        ),
        pytest.param(
            'require ["redirect-dsn", "copy"];'
            ' redirect :copy :notify "NEVER" "elsewhere@example.com";',
            [],
            [Redirect("elsewhere@example.com", notify=("NEVER",)), _KEPT],
            id="RFC 6009 section 5",
        ),
        pytest.param(
            'require ["fileinto", "special-use"]; fileinto :specialuse "\\\\Junk" "Spam";',
            [],
            [FileInto("Spam", special_use="\\Junk")],
            id="RFC 8579 section 4: fileinto",
        ),
        pytest.param(
            'require ["fileinto", "special-use", "mailbox"]; if specialuse_exists "\\\\Archive"'
            ' { fileinto :specialuse "\\\\Archive" :create "INBOX/Archive"; }',
            [],
            [FileInto("INBOX/Archive", create=True, special_use="\\Archive")],
            id="RFC 8579 section 4.1: with :create",
        ),
        pytest.param(
            'require ["vacation", "fcc"]; vacation :days 7'
            ' :from "hemingway@example.com" :fcc "INBOX.Sent" "Gone Fishin\'";',
            [],
            [
                Vacation(
                    "Gone Fishin'",
                    _WEEK,
                    from_address="hemingway@example.com",
                    fcc=Copy("INBOX.Sent"),
                ),
                _KEPT,
            ],
            id="RFC 8580 section 3: vacation",
        ),
        pytest.param(
            'require ["enotify", "fcc", "mailbox", "imap4flags"]; notify :fcc "INBOX.Sent"'
            ' :flags "\\\\Seen" :create "mailto:hemingway@example.com";',
            [],
            [
                Notify(
                    "mailto:hemingway@example.com",
                    fcc=Copy("INBOX.Sent", ("\\Seen",), create=True),
                ),
                _KEPT,
            ],
            id="RFC 8580 section 3: notify",
        ),
        pytest.param(
            'require "fileinto"; require "mailboxid"; if header :contains ["from"] "coyote"'
            ' { fileinto :mailboxid "F6352ae03-b7f5-463c-896f-d8b48ee3" "INBOX.harassment"; }',
            [],
            [FileInto("INBOX.harassment", mailbox_id="F6352ae03-b7f5-463c-896f-d8b48ee3")],
            id="RFC 9042 section 3",
        ),
        pytest.param(
            'require ["fileinto", "mailboxid"]; if header :contains ["from"] "coyote" {'
            ' if mailboxidexists "F6352ae03-b7f5-463c-896f-d8b48ee3" {'
            ' fileinto :mailboxid "F6352ae03-b7f5-463c-896f-d8b48ee3" "INBOX.name.will.not.matter";'
            ' } else { fileinto "INBOX.harassment"; } }',
            [],
            [
                FileInto(
                    "INBOX.name.will.not.matter", mailbox_id="F6352ae03-b7f5-463c-896f-d8b48ee3"
                )
            ],
            id="RFC 9042 section 4",
        ),
        pytest.param(
            'require ["duplicate", "fileinto", "mailbox"];'
            ' if duplicate { fileinto :create "Trash/Duplicate"; }',
            [],
            [
                Remember("", "<1@desert.example.org>", _WEEK),
                FileInto("Trash/Duplicate", create=True),
            ],
            id="RFC 7352 section 5.1",
        ),
        pytest.param(
            'require ["duplicate", "variables", "imap4flags", "fileinto"];'
            ' if header :matches "subject" "ALERT: *" { if duplicate :seconds 60 :uniqueid "${1}"'
            ' { setflag "\\\\seen"; } fileinto "Alerts"; }',
            ["Subject: ALERT: fire"],
            [Remember("", "fire", 60), FileInto("Alerts")],
            id="RFC 7352 section 5.2",
        ),
        pytest.param(
            'require ["variables", "envelope", "enotify", "duplicate"];'
            ' if envelope :matches "from" "*" { set "sender" "${1}"; }'
            ' if header :matches "subject" "*" { set "subject" "${1}"; }'
            ' if not duplicate :seconds 1800 :uniqueid "${sender}"'
            ' { notify :message "[SIEVE] ${sender}: ${subject}" "mailto:user@im.example.com"; }',
            ["Subject: birds"],
            [
                Remember("", "coyote@desert.example.org", 1800),
                Notify("mailto:user@im.example.com", "[SIEVE] coyote@desert.example.org: birds"),
                _KEPT,
            ],
            id="RFC 7352 section 5.3",
        ),
        pytest.param(
            'require ["duplicate", "imap4flags"];'
            ' if duplicate :header "X-Event-ID" :handle "notifier" { discard; }'
            ' if allof (duplicate :header "X-Ticket-ID" :handle "support", address "to"'
            ' "support@example.com", header :contains "subject" "fileserver")'
            ' { setflag "\\\\seen"; }',
            ["X-Event-ID: 7", "X-Ticket-ID: 7"],
            [Remember("notifier", "7", _WEEK), Discard(), Remember("support", "7", _WEEK)],
            id="RFC 7352 section 5.4",
        ),
    ],
)
def test_examples(script: str, fields: list[str], expected: list[Action]) -> None:
    found = _decided(script, *fields)
    assert [_without_handle(action) for action in found] == expected


def _without_handle(action: Action) -> Action:
    """An answer's own name is a digest."""
    if isinstance(action, Vacation):
        assert action.handle
        return Vacation(
            action.reason, action.seconds, action.subject, action.from_address, fcc=action.fcc
        )
    return action


def test_lists_that_nobody_knows_are_an_error() -> None:
    assert failure('require "extlists"; redirect :list "tag:example.com,2009:none";', world=_WORLD)
