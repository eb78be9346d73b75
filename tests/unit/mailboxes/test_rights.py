"""Rights: read, shown, combined, and what they let a user do with flags (RFC 4314 section 2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.errors import BadSyntax
from postroom.mailboxes.flags import FlagChange
from postroom.mailboxes.rights import ALL, Rights, allowed, combined, parse_rights, shown

RIGHTS = st.frozensets(st.sampled_from(sorted(ALL)))
FLAGS = st.frozensets(st.sampled_from(["\\Seen", "\\Deleted", "\\Flagged", "$Work"]))


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        pytest.param("lrswida", "lrswiteda", id="d is t and e"),
        pytest.param("c", "kxc", id="c is k and x"),
        pytest.param("k", "kc", id="a part of c shows it"),
        pytest.param("alr", "lra", id="in order"),
        pytest.param("", "", id="none"),
        pytest.param("lrswipkxteacd", "lrswipkxtecda", id="all"),
    ],
)
def test_virtual_rights(text: str, letters: str) -> None:
    assert shown(parse_rights(text)) == letters


@pytest.mark.parametrize("text", ["q", "lR", "0", "l r", "é"])
def test_any_other_letter_is_refused(text: str) -> None:
    with pytest.raises(BadSyntax):
        parse_rights(text)


@given(RIGHTS)
def test_without_the_virtual_ones_what_is_shown_reads_the_same(rights: Rights) -> None:
    assert parse_rights(shown(rights).translate({ord("c"): None, ord("d"): None})) == rights


@given(
    st.dictionaries(st.sampled_from(["bob", "team", "-bob", "-team", "eve", "-eve"]), RIGHTS),
    st.sampled_from(sorted(ALL)),
)
def test_a_right_is_what_somebody_gave_and_nobody_took(
    entries: dict[str, Rights], right: str
) -> None:
    given_to = {name for name, rights in entries.items() if right in rights}
    assert (right in combined(entries, ["bob", "team"])) == bool(
        given_to & {"bob", "team"} and not given_to & {"-bob", "-team"}
    )


@given(FLAGS, FLAGS, FLAGS, st.none() | FLAGS, RIGHTS)
def test_flags_without_their_right_stay(
    before: frozenset[str],
    add: frozenset[str],
    remove: frozenset[str],
    replace: frozenset[str] | None,
    rights: Rights,
) -> None:
    after = FlagChange(add, remove, replace, rights).apply(before)
    free = FlagChange(add, remove, replace, ALL).apply(before)
    assert set(allowed(after, rights)) == set(allowed(free, rights))
    others = ALL - rights
    assert set(allowed(after, others)) == set(allowed(before, others))
