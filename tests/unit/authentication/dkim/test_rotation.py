"""A key follows another: what a year looks like, with DNS that is served by hand."""

import pytest

from postroom.authentication.dkim.rotation import DAY, HOUR, KEPT, SETTLES, rotate_due
from tests.unit.authentication.dkim.material import DOMAIN, NOW, Office, TableResolver

FIRST, SECOND = "pr20270115e", "pr20270714e"
ED25519 = ("ed25519-sha256",)


def step(rooms: Office, resolver: TableResolver | None, hours: float = 0) -> int:
    rooms.clock.time += hours * HOUR
    return rotate_due(rooms.keys, int(rooms.clock.time), resolver)


def live(rooms: Office, resolver: TableResolver | None, days: float) -> int:
    """Let time pass, with a look every hour."""
    return sum(step(rooms, resolver, 1) for _ in range(int(days * 24)))


def until_seen(rooms: Office, resolver: TableResolver) -> None:
    """Publish the second key, and wait until that is noticed."""
    second = rooms.keys.get(DOMAIN, SECOND)
    resolver.publish({second.name: second.text})
    for _ in range(24):
        if not rooms.keys.get(DOMAIN, SECOND).seen:
            step(rooms, resolver, 1)
    assert rooms.keys.get(DOMAIN, SECOND).seen == int(rooms.clock.time)
    assert rooms.states() == [(FIRST, "signing"), (SECOND, "announced")]


@pytest.fixture
def resolver() -> TableResolver:
    return TableResolver()


@pytest.fixture
def office(rooms: Office, resolver: TableResolver) -> Office:
    """One published key, old enough to be followed."""
    [key] = rooms.keys.make(DOMAIN, ED25519)
    resolver.publish({key.name: key.text})
    live(rooms, resolver, 179)
    assert rooms.states() == [(FIRST, "signing")]
    live(rooms, resolver, 2)
    assert rooms.states() == [(FIRST, "signing"), (SECOND, "announced")]
    return rooms


def test_from_one_key_to_the_next(office: Office, resolver: TableResolver) -> None:
    live(office, resolver, 60)  # nobody has published the record: nothing happens
    assert office.states() == [(FIRST, "signing"), (SECOND, "announced")]
    second = office.keys.get(DOMAIN, SECOND)
    resolver.publish({second.name: second.text})
    live(office, resolver, 1 + SETTLES / DAY + 0.1)  # it was looked at once a day by now
    assert office.states() == [(FIRST, "retired"), (SECOND, "signing")]
    assert {selector for selector, _ in office.keys.published(DOMAIN)} == {FIRST, SECOND}
    live(office, resolver, KEPT / DAY - 1)
    assert office.states() == [(FIRST, "retired"), (SECOND, "signing")]
    live(office, resolver, 2)
    assert office.states() == [(SECOND, "signing")]


def test_a_record_that_was_just_seen_is_given_time(office: Office, resolver: TableResolver) -> None:
    until_seen(office, resolver)
    # It was seen at one server, and is not there at another.
    del resolver.texts[f"{SECOND}._domainkey.{DOMAIN}"]
    live(office, resolver, SETTLES / DAY)
    assert office.states() == [(FIRST, "signing"), (SECOND, "announced")]
    assert not office.keys.get(DOMAIN, SECOND).seen


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param(("v=DKIM1; k=ed25519; p=AAAA",), id="another key"),
        pytest.param(("nonsense",), id="no record"),
        pytest.param(("{}", "v=DKIM1; k=ed25519; p=AAAA"), id="two records"),
        pytest.param((), id="none"),
    ],
)
def test_what_is_published_wrongly_does_not_count(
    office: Office, resolver: TableResolver, texts: tuple[str, ...]
) -> None:
    second = office.keys.get(DOMAIN, SECOND)
    resolver.texts[second.name] = tuple(text.replace("{}", second.text) for text in texts)
    live(office, resolver, 3)
    assert office.states() == [(FIRST, "signing"), (SECOND, "announced")]


def test_a_broken_resolver_changes_nothing(office: Office, resolver: TableResolver) -> None:
    until_seen(office, resolver)
    resolver.broken = True
    live(office, resolver, 1)
    assert office.states() == [(FIRST, "signing"), (SECOND, "announced")]
    resolver.broken = False
    live(office, resolver, 0.2)
    assert office.states() == [(FIRST, "retired"), (SECOND, "signing")]


def test_without_a_resolver_somebody_has_to_say_so(office: Office) -> None:
    live(office, None, 30)
    assert office.states() == [(FIRST, "signing"), (SECOND, "announced")]
    office.keys.activate(DOMAIN, SECOND)
    live(office, None, 15)
    assert office.states() == [(SECOND, "signing")]


def test_both_algorithms_follow_on_their_own(rooms: Office, resolver: TableResolver) -> None:
    made = rooms.keys.make(DOMAIN, bits=3072)
    resolver.publish({key.name: key.text for key in made})
    live(rooms, resolver, 181)
    announced = rooms.keys.ring(DOMAIN).with_state("announced")
    assert [(key.algorithm, key.bits) for key in announced] == [
        ("rsa-sha256", 3072),
        ("ed25519-sha256", 0),
    ]
    resolver.publish({announced[1].name: announced[1].text})  # the other one is forgotten
    live(rooms, resolver, 2)
    assert sorted(rooms.states()) == [
        (FIRST, "retired"),
        ("pr20270115r", "signing"),
        (SECOND, "signing"),
        ("pr20270714r", "announced"),
    ]


def test_never(rooms: Office, resolver: TableResolver) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    rooms.keys.set(DOMAIN, rotation=0, lifetime=0)
    assert live(rooms, resolver, 400) == 0


def test_a_shorter_time_holds_at_once(rooms: Office, resolver: TableResolver) -> None:
    rooms.keys.make(DOMAIN, ED25519)
    live(rooms, resolver, 40)
    rooms.keys.set(DOMAIN, rotation=30, lifetime=0)
    assert step(rooms, resolver) == 1
    assert [state for _, state in rooms.states()] == ["signing", "announced"]


def test_the_dns_is_asked_sparingly(office: Office, resolver: TableResolver) -> None:
    resolver.asked.clear()
    live(office, resolver, 1)
    assert len(resolver.asked) <= 24
    live(office, resolver, 60)
    resolver.asked.clear()
    live(office, resolver, 10)
    assert len(resolver.asked) <= 11


def test_only_what_is_due_is_read(rooms: Office, resolver: TableResolver) -> None:
    for number in range(30):
        rooms.keys.make(f"d{number}.test", ED25519)
    step(rooms, resolver)  # all were new
    assert rooms.keys.due(NOW, 100) == []
    assert len(rooms.keys.due(NOW + DAY, 100)) == 30


def test_twice_at_once(office: Office, resolver: TableResolver) -> None:
    """Both have read the same state: one of them acts."""
    until_seen(office, resolver)
    office.clock.time += SETTLES
    now = int(office.clock.time)
    ring = office.keys.ring

    def late(domain: str):  # type: ignore[no-untyped-def]
        found = ring(domain)
        office.keys.ring = ring  # type: ignore[method-assign]
        assert rotate_due(office.keys, now, resolver) == 1
        return found

    office.keys.ring = late  # type: ignore[method-assign]
    assert rotate_due(office.keys, now, resolver) in (0, 1)
    assert office.states() == [(FIRST, "retired"), (SECOND, "signing")]
