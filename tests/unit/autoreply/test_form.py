"""Forms: what may be in them, when they hold, and how they are kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from postroom.autoreply.form import Away, BadForm, Form, Reply, check, window
from postroom.autoreply.forms import Forms
from postroom.platform.embedded.store import EmbeddedStore
from postroom.platform.system import SystemClock

AWAY = Away(Reply("I am away."))


@pytest.mark.parametrize(
    ("start", "until", "zone", "expected"),
    [
        pytest.param(
            "2026-07-01", "2026-07-14", "Europe/Berlin",
            ("2026-06-30T22:00", "2026-07-14T22:00"), id="days of the user's zone, both included",
        ),
        pytest.param(
            "2026-10-24", "2026-10-25", "Europe/Berlin",
            ("2026-10-23T22:00", "2026-10-25T23:00"), id="across the end of summer time",
        ),
        pytest.param(
            "2026-03-28 18:30", "2026-03-29 18:30", "Europe/Berlin",
            ("2026-03-28T17:30", "2026-03-29T16:30"), id="across its beginning: 23 hours",
        ),
        pytest.param(
            "2026-10-25 02:30", "2026-10-25 02:30", "Europe/Berlin",
            ("2026-10-25T00:30", "2026-10-25T01:30"), id="an hour that is there twice",
        ),
        pytest.param(
            "2026-03-29 02:30", "2026-03-29 02:45", "Europe/Berlin",
            ("2026-03-29T01:30", "2026-03-29T01:45"), id="an hour that is left out",
        ),
        pytest.param(
            "2026-04-05", "2026-04-05", "Pacific/Auckland",
            ("2026-04-04T11:00", "2026-04-05T12:00"), id="the other half of the world: 25 hours",
        ),
        pytest.param(
            "2026-12-31T23:59:59", "", "Asia/Kathmandu", ("2026-12-31T18:14", None),
            id="no end, and a zone of a quarter of an hour; seconds are not counted",
        ),
        pytest.param("", "", "UTC", (None, None), id="open on both sides"),
    ],
)  # fmt: skip
def test_from_and_until_are_the_users_own_time(
    start: str, until: str, zone: str, expected: tuple[str | None, str | None]
) -> None:
    found = window(replace(AWAY, start=start, until=until, zone=zone))
    assert (
        tuple(moment and moment.isoformat(timespec="minutes")[:16] for moment in found) == expected
    )
    assert all(moment is None or moment.utcoffset() is not None for moment in found)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        (Form(replace(AWAY, outside=None)), "nobody would be answered"),
        (Form(replace(AWAY, outside=None, inside=None)), "nobody would be answered"),
        (Form(replace(AWAY, outside=Reply("  "))), "the text for outside is empty"),
        (Form(replace(AWAY, inside=Reply(""))), "the text for inside is empty"),
        (Form(replace(AWAY, outside=Reply("x" * 20_000))), "longer than 16384"),
        (Form(replace(AWAY, outside=Reply("x", "y" * 501))), "the subject for outside is longer"),
        (Form(replace(AWAY, interval=59)), "60 seconds to 365 days"),
        (Form(replace(AWAY, interval=400 * 86_400)), "60 seconds to 365 days"),
        (Form(replace(AWAY, start="2026-02-30")), "is no date"),
        (Form(replace(AWAY, start="tomorrow")), "is no date"),
        (Form(replace(AWAY, start="2026-01-01 25:00")), "is no date"),
        (Form(replace(AWAY, until="9999-12-31")), "too far away"),
        (Form(replace(AWAY, start="2026-07-02", until="2026-07-01")), "before it starts"),
        (Form(replace(AWAY, zone="Mars/Olympus")), "no time zone"),
        (Form(replace(AWAY, zone="../../etc/passwd")), "no time zone"),
        (Form(replace(AWAY, zone="Europe")), "no time zone"),
        (Form(replace(AWAY, zone="")), "no time zone"),
        (Form(replace(AWAY, addresses=("nonsense",))), '"nonsense" is not an address'),
        (Form(replace(AWAY, addresses=("a@b.test",) * 101)), "at most 100"),
    ],
)
def test_what_cannot_be_saved(form: Form, reason: str) -> None:
    with pytest.raises(BadForm, match=reason):
        check(form)


@dataclass
class Scripts:
    kept: dict[str, bytes] = field(default_factory=dict)

    def put_form(self, account: str, text: bytes) -> None:
        self.kept[account] = text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path, SystemClock())
    yield store
    store.close()


def test_a_form_is_kept_and_its_script_runs(store: EmbeddedStore) -> None:
    scripts = Scripts()
    forms = Forms(store.table, scripts)
    assert forms.get("account") == Form()
    form = Form(
        replace(AWAY, inside=Reply("Grüße", "s", "<p>"), addresses=("a@b.test",), only_known=True),
    )
    forms.put("account", form, ["example.test"])
    assert forms.get("account") == form
    assert b"vacation" in scripts.kept["account"]
    assert forms.get("another") == Form()


@pytest.mark.parametrize("inside", ["same", None])
def test_no_answer_and_the_same_answer_are_told_apart(store: EmbeddedStore, inside: None) -> None:
    forms = Forms(store.table, Scripts())
    form = Form(replace(AWAY, inside=inside))
    forms.put("account", form, [])
    assert forms.get("account") == form


def test_a_form_that_cannot_be_saved_changes_nothing(store: EmbeddedStore) -> None:
    scripts = Scripts()
    forms = Forms(store.table, scripts)
    forms.put("account", Form(AWAY), [])
    before = scripts.kept["account"]
    with pytest.raises(BadForm):
        forms.put("account", Form(replace(AWAY, zone="Mars")), [])
    assert (forms.get("account"), scripts.kept["account"]) == (Form(AWAY), before)


def test_what_is_turned_off_leaves_no_script(store: EmbeddedStore) -> None:
    scripts = Scripts()
    forms = Forms(store.table, scripts)
    forms.put("account", Form(replace(AWAY, enabled=False)), [])
    assert scripts.kept["account"] == b""
    assert forms.get("account").away is not None
