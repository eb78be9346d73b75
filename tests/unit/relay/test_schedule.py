"""Pauses between attempts, and the words for them in settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.errors import BadSetting
from postroom.relay.schedule import Schedule, duration


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 60), (2, 300), (3, 900), (4, 1800), (5, 3600), (6, 7200), (7, 14_400), (30, 14_400)],
)
def test_pauses_grow_from_a_minute_to_four_hours(attempts: int, seconds: int) -> None:
    assert Schedule().pause(attempts, b"\0\0") == seconds


@given(st.integers(0, 100), st.binary(min_size=2, max_size=2))
def test_jitter_only_lengthens_a_pause(attempts: int, random: bytes) -> None:
    plain = Schedule().pause(attempts, b"\0\0")
    assert plain <= Schedule().pause(attempts, random) <= plain * 1.1


def test_settings_name_what_is_wrong() -> None:
    found = Schedule.from_environment(
        {"POSTROOM_RETRY_PAUSES": "90s 2m", "POSTROOM_GIVE_UP_AFTER": "2d"}
    )
    assert found == Schedule((90, 120), 4 * 3600, 2 * 86_400)
    for text in ("", "5", "m", "0m", "-1m", "1w", "1 m", "9999999m"):
        with pytest.raises(BadSetting, match="POSTROOM_X"):
            duration("POSTROOM_X", text)
