"""redirect (RFC 5228 section 4.2), to lists (RFC 6134), with what RFC 6009 adds."""

import pytest

from postroom.sieve.actions import Action, Keep, Redirect
from tests.unit.sieve.worlds import NOW, TableWorld, actions, complaints, failure

_ALL = 'require ["copy", "extlists", "redirect-dsn", "redirect-deliverby", "variables"];\n'
_WORLD = TableWorld(lists={":addrbook:default": ["a@example.test"]})
_NOW = int(NOW.timestamp())  # 2026-11-25T20:00:00+01:00


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('redirect "b@c.test";', [Redirect("b@c.test")], id="an address"),
        pytest.param('redirect "B <b@c.test>";', [Redirect("b@c.test")], id="with a name"),
        pytest.param(
            'redirect :copy "b@c.test";', [Redirect("b@c.test"), Keep(implicit=True)], id="a copy"
        ),
        pytest.param(
            'set "u" "b"; redirect "${u}@c.test";', [Redirect("b@c.test")], id="a variable"
        ),
        pytest.param(
            'redirect "b@c.test"; redirect "b@C.test"; redirect "B@c.test";',
            [Redirect("b@c.test"), Redirect("B@c.test")],
            id="once to each",
        ),
        pytest.param(
            'redirect :list ":addrbook:default";',
            [Redirect("", list_name=":addrbook:default")],
            id="a list",
        ),
        pytest.param(
            'redirect :list "URN:ietf:params:sieve:addrbook:default";',
            [Redirect("", list_name=":addrbook:default")],
            id="a list by its whole name",
        ),
        pytest.param(
            'redirect :notify "never" :ret "hdrs" "b@c.test";',
            [Redirect("b@c.test", notify=("NEVER",), ret="HDRS")],
            id="no reports",
        ),
        pytest.param(
            'redirect :notify "SUCCESS,Delay" "b@c.test";',
            [Redirect("b@c.test", notify=("SUCCESS", "DELAY"))],
            id="reports",
        ),
        pytest.param(
            'redirect :bytimerelative 600 "b@c.test";',
            [Redirect("b@c.test", by=_NOW + 600, by_mode="N")],
            id="within ten minutes",
        ),
        pytest.param(
            'redirect :bytimeabsolute "2026-11-25T22:00:00+01:00" '
            ':bymode "return" :bytrace "b@c.test";',
            [Redirect("b@c.test", by=_NOW + 7200, by_mode="RT")],
            id="until ten, or back",
        ),
        pytest.param(
            'set "z" "+0100"; redirect :bytimeabsolute "2026-11-25T22:00:00${z}" "b@c.test";',
            [Redirect("b@c.test", by=_NOW + 7200, by_mode="N")],
            id="RFC 6009 section 7: the zone as RFC 5260 has it",
        ),
        pytest.param(
            'redirect :bytimeabsolute "2026-11-25T18:00:00Z" "b@c.test";',
            [Redirect("b@c.test", by=_NOW - 3600, by_mode="N")],
            id="too late, but it may arrive",
        ),
    ],
)
def test_a_message_is_sent_on(script: str, expected: list[Action]) -> None:
    assert actions(_ALL + script, world=_WORLD) == tuple(expected)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param('"bob"', id="no address"),
        pytest.param('"a@b.test, c@d.test"', id="two addresses"),
        pytest.param(':notify "SOMETIMES" "b@c.test"', id="a condition that is none"),
        pytest.param(':notify "NEVER,DELAY" "b@c.test"', id="never and sometimes"),
        pytest.param(':notify "" "b@c.test"', id="no condition"),
        pytest.param(':ret "BODY" "b@c.test"', id="what to return"),
        pytest.param(':bytimeabsolute "tomorrow" "b@c.test"', id="no time"),
        pytest.param(':bytimeabsolute "2026-02-30T20:00:00Z" "b@c.test"', id="no such day"),
        pytest.param(':bytimeabsolute "2026-11-25T20:00:00" "b@c.test"', id="no zone"),
        pytest.param(':bytimerelative 1 :bymode "maybe" "b@c.test"', id="a mode that is none"),
        pytest.param(':bymode "notify" "b@c.test"', id="a mode without a time"),
        pytest.param(':bytrace "b@c.test"', id="a trace without a time"),
        pytest.param(
            ':bytimerelative 1 :bytimeabsolute "2026-11-25T20:00:00Z" "b@c.test"', id="two times"
        ),
    ],
)
def test_a_wrong_redirect_is_found_at_once(arguments: str) -> None:
    assert complaints(f"{_ALL}redirect {arguments};")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param('set "u" "b"; redirect "${u}";', id="no address"),
        pytest.param('redirect :list "tag:example.test,2026:none";', id="no such list"),
        pytest.param('set "n" "x"; redirect :notify "${n}" "b@c.test";', id="no condition"),
        pytest.param(
            'redirect :bytimeabsolute "2026-11-25T18:00:00Z" :bymode "return" "b@c.test";',
            id="it would come back at once",
        ),
        pytest.param("".join(f'redirect "{number}@c.test";' for number in range(6)), id="too many"),
    ],
)
def test_a_redirect_that_cannot_be_keeps_the_message(script: str) -> None:
    assert failure(_ALL + script, world=_WORLD)


def test_the_same_address_again_is_not_one_more() -> None:
    assert len(actions('redirect "b@c.test";' * 20)) == 1
