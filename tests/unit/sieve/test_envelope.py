"""Tests envelope (RFC 5228 section 5.4, RFC 5233, RFC 6009) and environment (RFC 5183)."""

from dataclasses import replace

import pytest

from postroom.sieve.actions import Discard
from postroom.sieve.world import Envelope
from tests.unit.sieve.worlds import TableWorld, actions, complaints, failure

REQUIRE = (
    'require ["envelope", "envelope-dsn", "envelope-deliverby", "subaddress", "relational", '
    '"variables", "environment"];\n'
)
ENVELOPE = Envelope(
    sender="tim+x@Example.com",
    recipient="ken+sieve+more@example.test",
    notify=("SUCCESS", "DELAY"),
    original="rfc822;ken+2Bold@example.org",
    ret="HDRS",
    envid="QQ+3D314",
    by=3600,
    by_mode="RT",
)
NOTHING = Envelope(sender="", recipient="bob@example.test")


def holds(test: str, envelope: Envelope = ENVELOPE, world: TableWorld | None = None) -> bool:
    found = actions(f"{REQUIRE}if {test} {{ discard; }}", envelope=envelope, world=world)
    return found == (Discard(),)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param(':all :is "from" "tim+x@example.com"', True, id="from"),
        pytest.param('"FROM" "tim+x@example.com"', True, id="parts have no case"),
        pytest.param(':comparator "i;octet" "from" "tim+x@example.com"', False, id="i;octet"),
        pytest.param(':domain ["from", "to"] "example.test"', True, id="any part"),
        pytest.param(':localpart "to" "ken+sieve+more"', True, id="local part"),
        pytest.param(':user "to" "ken"', True, id="user"),
        pytest.param(':detail "to" "sieve+more"', True, id="detail"),
        pytest.param(':count "eq" ["from", "to"] "2"', True, id="count"),
        pytest.param('"notify" "delay"', True, id="notify, each of them"),
        pytest.param(':count "eq" "notify" "2"', True, id="how many"),
        pytest.param('"notify" "NEVER"', False, id="none other"),
        pytest.param('"orcpt" "rfc822;ken+old@example.org"', True, id="orcpt, decoded"),
        pytest.param(':domain "orcpt" "example.org"', True, id="part of its address"),
        pytest.param(':detail "orcpt" "old"', True, id="detail of its address"),
        pytest.param('"ret" "HDRS"', True, id="ret"),
        pytest.param('"envid" "QQ=314"', True, id="envid, decoded"),
        pytest.param('"bytimerelative" "3600"', True, id="relative time"),
        pytest.param('"bytimeabsolute" "2026-11-25T21:00:00+01:00"', True, id="time"),
        pytest.param(
            ':zone "-0500" "bytimeabsolute" "2026-11-25T15:00:00-05:00"', True, id="time elsewhere"
        ),
        pytest.param('"bymode" "return"', True, id="mode"),
        pytest.param('"bytrace" "true"', True, id="trace"),
    ],
)
def test_parts_of_the_envelope_are_compared(test: str, expected: bool) -> None:
    assert holds(f"envelope {test}") is expected


@pytest.mark.parametrize("part", [":all", ":localpart", ":domain", ":user", ":detail"])
def test_the_null_reverse_path_is_the_empty_string(part: str) -> None:
    assert holds(f'envelope {part} "from" ""', NOTHING)
    assert holds(f'envelope {part} :contains "from" ""', NOTHING)
    assert holds(f'envelope {part} :count "eq" "from" "0"', NOTHING)


@pytest.mark.parametrize(
    "part",
    ["notify", "orcpt", "ret", "envid", "bytimerelative", "bytimeabsolute", "bymode", "bytrace"],
)
def test_what_was_not_said_matches_nothing(part: str) -> None:
    assert not holds(f'envelope :contains "{part}" ""', NOTHING)
    assert holds(f'envelope :count "eq" "{part}" "0"', NOTHING)


@pytest.mark.parametrize(
    ("address", "part", "expected"),
    [
        pytest.param("@a.example,@b.example:tim@c.example", ":all", "tim@c.example", id="a route"),
        pytest.param("@a..example:tim@c.example", ":all", None, id="a route with an empty label"),
        pytest.param("@.a.example:tim@c.example", ":all", None, id="a route with a leading dot"),
        pytest.param("a@b@c.example", ":domain", None, id="two signs"),
        pytest.param("tim@", ":all", None, id="no domain"),
        pytest.param("tim@", ":localpart", None, id="no domain, in part"),
        pytest.param("MAILER-DAEMON", ":all", "MAILER-DAEMON", id="a name alone"),
        pytest.param("MAILER-DAEMON", ":localpart", None, id="has no part"),
        pytest.param('"a @ b"@c.example', ":localpart", "a @ b", id="quoted"),
        pytest.param('"a\\"b"@c.example', ":localpart", 'a"b', id="quoted in quotes"),
        pytest.param("..a..b..@c.example", ":localpart", "..a..b..", id="dots"),
        pytest.param("a@[192.0.2.1]", ":domain", "[192.0.2.1]", id="a literal"),
        pytest.param("a@_b.example", ":domain", "_b.example", id="an odd name of a host"),
        pytest.param("a b@c.example", ":domain", None, id="a space"),
    ],
)
def test_odd_addresses_have_their_parts(address: str, part: str, expected: str | None) -> None:
    envelope = replace(NOTHING, sender=address)
    key = (expected or "").replace("\\", "\\\\").replace('"', '\\"')
    assert holds(f'envelope {part} "from" "{key}"', envelope) is (expected is not None)
    assert holds(f'envelope {part} :contains "from" ""', envelope) is (expected is not None)


@pytest.mark.parametrize(
    ("address", "separator", "user", "detail"),
    [
        pytest.param("ken+a@x.example", "+", "ken", "a", id="one"),
        pytest.param("ken+@x.example", "+", "ken", "", id="an empty detail"),
        pytest.param("ken@x.example", "+", "ken", None, id="none"),
        pytest.param("ken-a@x.example", "+", "ken-a", None, id="another sign"),
        pytest.param("ken-a+b@x.example", "+-", "ken", "a+b", id="the first of several"),
        pytest.param("+a@x.example", "+", "", "a", id="no user"),
        pytest.param("ken+a@x.example", "", "ken+a", None, id="no separator"),
    ],
)
def test_details_stand_behind_the_separator_of_the_domain(
    address: str, separator: str, user: str, detail: str | None
) -> None:
    envelope = replace(NOTHING, recipient=address, separator=separator)
    assert holds(f'envelope :user "to" "{user}"', envelope)
    assert holds(f'envelope :detail "to" "{detail or ""}"', envelope) is (detail is not None)
    assert holds('envelope :detail :contains "to" ""', envelope) is (detail is not None)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('if envelope "form" "x" { }', 'did you mean "from"?', id="an unknown part"),
        pytest.param('if envelope :zone "CET" "bymode" "x" { }', "no time zone", id="a zone"),
        pytest.param(
            'if envelope :user :domain "to" "x" { }', "cannot be used together", id="two parts"
        ),
    ],
)
def test_what_cannot_be_asked_is_told(script: str, expected: str) -> None:
    assert expected in complaints(REQUIRE + script)[0]


@pytest.mark.parametrize(
    ("part", "extension"), [("notify", "envelope-dsn"), ("bymode", "envelope-deliverby")]
)
def test_parts_need_their_extension(part: str, extension: str) -> None:
    found = complaints(f'require "envelope"; if envelope "{part}" "x" {{ }}')
    assert f'require "{extension}"' in found[0]


def test_parts_of_variables_are_looked_up_when_it_runs() -> None:
    assert actions(
        REQUIRE + 'set "part" "from"; if envelope :contains "${part}" "tim" { discard; }',
        envelope=ENVELOPE,
    ) == (Discard(),)
    assert "no envelope part" in failure(REQUIRE + 'if envelope "${x}y" "z" { }')


WORLD = TableWorld(items={"name": "Postroom", "remote-host": "", "version": "1"})


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param('environment "name" "postroom"', True, id="an item"),
        pytest.param('environment "NAME" "Postroom"', True, id="items have no case"),
        pytest.param('environment :matches "version" "*"', True, id="any match type"),
        pytest.param('environment :contains "location" ""', False, id="one that is not known"),
        pytest.param('environment :contains "remote-host" ""', True, id="known and empty"),
        pytest.param('environment :count "eq" "name" "1"', True, id="count"),
        pytest.param('environment :count "eq" "remote-host" "0"', True, id="count of empty"),
        pytest.param(
            'environment :count "eq" "location" "0"', False, id="of unknown, always fails"
        ),
    ],
)
def test_the_environment_is_asked(test: str, expected: bool) -> None:
    assert holds(test, world=WORLD) is expected
