"""What was used last stays; it never grows beyond its octets."""

from hypothesis import given
from hypothesis import strategies as st

from postroom.scripts.recent import _OVERHEAD, Recent


def test_what_was_used_last_stays() -> None:
    recent = Recent[str](3 * _OVERHEAD)
    for key in "abc":
        recent.keep(key, key.upper(), 0)
    assert recent.get("a") == "A"
    recent.keep("d", "D", 0)
    assert [recent.get(key) for key in "abcd"] == ["A", None, "C", "D"]


def test_one_that_is_too_large_for_all_is_kept_alone() -> None:
    recent = Recent[str](10)
    recent.keep("a", "A", 5)
    recent.keep("b", "B", 10_000)
    assert (recent.get("a"), recent.get("b")) == (None, "B")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2000)), max_size=60))
def test_the_count_is_that_of_the_entries(keeps: list[tuple[int, int]]) -> None:
    recent = Recent[int](4000)
    for key, octets in keeps:
        assert recent.keep(key, octets, octets) == octets
        assert recent.get(key) == octets
        assert recent._octets == sum(size for _, size in recent._entries.values())
        assert recent._octets <= 4000 or len(recent._entries) == 1
