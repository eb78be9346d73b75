"""Whatever somebody says, he reads and changes no more of another's mailboxes than he may.

The model knows nothing of commands. It looks at the owner's mailboxes before and after each, and
asks of each difference which right it needs (RFC 4314 section 4).
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from postroom.mailboxes.rights import ALL, Rights
from tests.conversations.imap_world import Client, World, new_data

THEIRS = "Other Users/alice@example.test/"
NAMES = ("INBOX", "a", "a/b", "c")
_FLAG_RIGHTS = {"\\Seen": "s", "\\Deleted": "t"}  # all others: w

names = st.sampled_from(NAMES)
places = names.map(lambda name: f'"{THEIRS}{name}"')
targets = places | st.just("INBOX")
flags = st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "$Work"])
flag_lists = st.lists(flags, min_size=1, max_size=3).map(lambda flags: f"({' '.join(flags)})")
few = st.sets(st.sampled_from(sorted(ALL)), max_size=3)
letters = (few | few.map(lambda rights: ALL - rights)).map(
    lambda rights: "".join(sorted(rights)) or '""'
)
whom = st.sampled_from(["bob", "-bob", "anyone", "-anyone"])

in_selected = st.one_of(
    st.sampled_from(["FETCH 1:* (FLAGS BODY[])", "SEARCH TEXT secret", "EXPUNGE", "CLOSE", "NOOP"]),
    st.builds("STORE 1:* {}FLAGS {}".format, st.sampled_from(["+", "-", ""]), flag_lists),
    st.builds("COPY 1:* {}".format, targets),
    st.builds("MOVE 1 {}".format, targets),
    st.builds("REPLACE 1 {} {} {{4+}}\r\nx: y".format, targets, flag_lists),
)
anywhere = st.one_of(
    st.builds("SELECT {}".format, places),
    st.builds("APPEND {} {} {{4+}}\r\nx: y".format, places, flag_lists),
    st.builds(
        'APPEND INBOX CATENATE (URL "/Other%20Users/alice%40example.test/{}/;UID=1")'.format, names
    ),
    st.builds("STATUS {} (MESSAGES UNSEEN)".format, places),
    st.builds('CREATE "{}{}{}"'.format, st.just(THEIRS), names, st.sampled_from(["", "/new"])),
    st.builds("DELETE {}".format, places),
    st.builds("RENAME {} {}".format, places, places),
    st.builds('RENAME {} "{}c/moved"'.format, places, st.just(THEIRS)),
    st.builds("SETACL {} {} {}".format, places, whom, letters),
    st.builds("GETACL {}".format, places),
    st.builds("MYRIGHTS {}".format, places),
    st.builds('SETMETADATA {} (/shared/comment "{}")'.format, places, names),
    st.builds("GETMETADATA {} /shared/comment".format, places),
    st.just('LIST "" * RETURN (MYRIGHTS STATUS (MESSAGES) METADATA (/shared/comment))'),
    st.just('ESEARCH IN (subtree "Other Users") RETURN (ALL) TEXT secret'),
    st.builds("ESEARCH IN (mailboxes {}) ALL".format, places),
    st.builds("GETQUOTAROOT {}".format, places),
)
Step = tuple[str, str]  # who says what


@st.composite
def visits(draw: st.DrawFn) -> list[Step]:
    """Alice gives or takes rights, and Bob has a look."""
    name, most = draw(names), sorted(ALL - draw(few))
    said = [("alice", f"SETACL {name} bob lr{''.join(most)}"), ("bob", f'SELECT "{THEIRS}{name}"')]
    if draw(st.booleans()):
        change = f"SETACL {name} {draw(whom)} {draw(letters)}"
        said.insert(draw(st.integers(0, 2)), ("alice", change))
    return said + [
        ("bob", each) for each in draw(st.lists(in_selected | in_selected | anywhere, max_size=5))
    ]


steps = st.lists(visits(), min_size=1, max_size=5)


def tried(rights: str, *commands: str) -> list[Step]:
    select = f'SELECT "{THEIRS}a"'
    return [("alice", f"SETACL a bob {rights}"), *(("bob", each) for each in (select, *commands))]


@dataclass(frozen=True)
class Seen:
    """One of the owner's mailboxes."""

    name: str
    messages: dict[int, frozenset[str]]  # flags by UID
    entries: dict[str, Rights]
    annotations: dict[str, bytes]
    rights: frozenset[str]  # bob's


def look(world: World) -> dict[str, Seen]:
    alice, bob, mailboxes = world.account().id, world.account("bob").id, world.app.mailboxes
    acls, kept = mailboxes.sharing.all_of(alice), mailboxes.annotations.all_of(alice)
    seen = {}
    for each in mailboxes.all_of(alice):
        acl = acls.get(each.id, {})
        # What is given to bob or to anyone, and taken from neither.
        plus, minus = (
            {
                letter
                for name in (f"{sign}user/{bob}", f"{sign}anyone/example.test")
                for letter in acl.get(name, ())
            }
            for sign in ("", "-")
        )
        seen[each.id] = Seen(
            each.name,
            {message.uid: message.flags for message in mailboxes.messages(each.id)},
            dict(acl),
            dict(kept.get(each.id, {})),
            frozenset(plus - minus),
        )
    return seen


def right_for(flag: str) -> str:
    return _FLAG_RIGHTS.get(flag, "w")


def nearest_above(name: str, tree: dict[str, Seen]) -> frozenset[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        for each in tree.values():
            if each.name == name:
                return each.rights
    return frozenset()


def check_changes(before: dict[str, Seen], after: dict[str, Seen]) -> None:
    moved = [
        before[each].name
        for each in before
        if each in after and after[each].name != before[each].name and "x" in before[each].rights
    ]
    for each, was in before.items():
        now = after.get(each)
        if now is None:
            assert "x" in was.rights
            continue
        if now.name != was.name and not any(was.name.startswith(top + "/") for top in moved):
            assert "x" in was.rights
            assert "k" in nearest_above(now.name, before)
        assert now.entries == was.entries or "a" in was.rights
        if now.annotations != was.annotations:
            assert "l" in was.rights
            assert was.rights & set("rswip")
        for uid, flags in was.messages.items():
            if uid not in now.messages:
                assert "e" in was.rights
            else:
                changed = flags ^ now.messages[uid]
                assert {right_for(flag) for flag in changed} <= was.rights
        for uid in now.messages.keys() - was.messages.keys():
            assert "i" in was.rights
            assert {right_for(flag) for flag in now.messages[uid]} <= was.rights
    for each in after.keys() - before.keys():
        assert "k" in nearest_above(after[each].name, before)


def check_told(told: bytes, seen: dict[str, Seen]) -> None:
    for secret in re.findall(rb"secret of (m\w+)", told):
        assert "r" in seen[secret.decode()].rights
    by_name = {f"{THEIRS}{each.name}": each for each in seen.values()}
    for line in told.decode().splitlines():
        if line.startswith("* LIST") and "\\No" not in line.partition("/")[0]:
            name = line.rpartition('"/" ')[2].strip('"')
            assert name not in by_name or "l" in by_name[name].rights
        for response in ("STATUS", "ESEARCH"):
            if line.startswith(f"* {response}"):
                for name in re.findall(f'"({THEIRS}[^"]*)"', line):
                    assert "r" in by_name[name].rights
        if line.startswith("* ACL"):
            assert "a" in by_name[line.split('"')[1]].rights


async def connect(world: World) -> Client:
    client = await world.client(name="bob")
    await client.ask(b"ENABLE CONDSTORE")
    return client


async def play(data: Path, said: list[Step]) -> None:
    world = World(data)
    try:
        for name in NAMES[1:]:
            world.app.mailboxes.create(world.account().id, name)
        for name in NAMES:
            mailbox = world.app.mailboxes.find(world.account().id, name).id
            for flags in ((), ("\\Seen",), ("\\Deleted", "$Work")):
                world.deliver(f"Subject: x\r\n\r\nsecret of {mailbox}\r\n".encode(), name, flags)
        alice, bob = await world.client(), await connect(world)
        for who, command in said:
            if who == "alice":
                await alice.ask(command.encode())
                continue
            before = look(world)
            told = await bob.ask(command.encode())
            check_changes(before, look(world))
            check_told(told, before)
            if bob.closed:
                bob = await connect(world)
    finally:
        await world.close()


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
@example([tried("lrst", "EXPUNGE", "CLOSE")])
@example([tried("lrw", "STORE 1:* FLAGS (\\Flagged)", "STORE 1:* -FLAGS (\\Seen $Work)")])
@example(
    [
        [("alice", "SETACL a bob lraeiklprstwx"), ("alice", "SETACL a/b bob lraeiklprstwx")],
        [("bob", f'DELETE "{THEIRS}a"'), ("bob", f'CREATE "{THEIRS}a/b/new"')],
    ]
)
@example([tried("lri", f'COPY 1:* "{THEIRS}a"', "MOVE 1 INBOX", "FETCH 1 (BODY[])")])
def test_nobody_reads_or_changes_what_his_rights_do_not_allow(
    tmp_path_factory: pytest.TempPathFactory,
    said: list[list[Step]],
) -> None:
    data = new_data(tmp_path_factory.getbasetemp(), tmp_path_factory.mktemp("play"))
    asyncio.run(play(data, [step for part in said for step in part]))


def test_who_is_removed_reads_nothing_that_anyone_may(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def play() -> None:
        world = World(new_data(tmp_path_factory.getbasetemp(), tmp_path))
        world.deliver(b"x: secret\r\n\r\n")
        alice = await world.client()
        assert b"t OK" in await alice.ask(b"SETACL INBOX anyone lr")
        inside = await world.client(f'"{THEIRS}INBOX"', name="bob")
        outside = await world.client(name="bob")
        assert b"secret" in await inside.ask(b"FETCH 1 BODY[]")
        bob = world.account("bob")
        world.app.directory.remove_account(bob.address)
        world.app.mailboxes.remove_account(bob.id)
        assert b"secret" not in await inside.ask(b"FETCH 1 BODY[]")
        assert inside.closed
        assert b"* " not in await outside.ask(b'ESEARCH IN (subtree "Other Users") ALL')
        select = f'SELECT "{THEIRS}INBOX"'.encode()
        assert b"t NO [NONEXISTENT]" in await outside.ask(select)
        await world.close()

    asyncio.run(play())
