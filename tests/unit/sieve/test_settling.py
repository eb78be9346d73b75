"""Each thing is done once (RFC 5228 section 2.10.3), and what does not go together is said."""

import pytest

from postroom.sieve.actions import (
    Action,
    Discard,
    FileInto,
    Keep,
    Notify,
    Redirect,
    Reject,
    Remember,
    Vacation,
)
from postroom.sieve.outcome import conflict, settle

_AWAY = Vacation("away", 60)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        pytest.param([Keep(), Keep()], [Keep()], id="keep twice"),
        pytest.param(
            [FileInto("a"), Keep(), FileInto("a")], [FileInto("a"), Keep()], id="a mailbox twice"
        ),
        pytest.param(
            [FileInto("a", ("x",)), FileInto("a", ("y",))],
            [FileInto("a", ("y",))],
            id="the last flags win",
        ),
        pytest.param(
            [FileInto("a", create=True), FileInto("a")],
            [FileInto("a", create=True)],
            id="created when one asks for it",
        ),
        pytest.param([Keep(("x",)), FileInto("INBOX")], [Keep()], id="INBOX is where keep files"),
        pytest.param(
            [FileInto("INBOX", ("x",)), Keep(("y",), implicit=True)],
            [FileInto("INBOX", ("x",))],
            id="implicit keep has no say in flags",
        ),
        pytest.param([FileInto("a"), FileInto("A")], [FileInto("a"), FileInto("A")], id="case"),
        pytest.param(
            [FileInto("a"), FileInto("a", message=b"edited")],
            [FileInto("a"), FileInto("a", message=b"edited")],
            id="an edited message is another",
        ),
        pytest.param(
            [FileInto("a", special_use="\\Junk"), FileInto("a")],
            [FileInto("a", special_use="\\Junk"), FileInto("a")],
            id="a special use may be elsewhere",
        ),
        pytest.param(
            [FileInto("a", special_use="\\Junk"), FileInto("a", special_use="\\junk")],
            [FileInto("a", special_use="\\Junk")],
            id="a special use twice",
        ),
        pytest.param(
            [Redirect("Bob@example.test"), Redirect("Bob@EXAMPLE.test")],
            [Redirect("Bob@example.test")],
            id="an address twice",
        ),
        pytest.param(
            [Redirect("Bob@example.test"), Redirect("bob@example.test")],
            [Redirect("Bob@example.test"), Redirect("bob@example.test")],
            id="local parts differ in case",
        ),
        pytest.param([Discard(), Discard()], [Discard()], id="discard twice"),
        pytest.param([Discard(), FileInto("a")], [FileInto("a")], id="discard beside fileinto"),
        pytest.param([Discard(), Reject("no")], [Reject("no")], id="discard beside reject"),
        pytest.param([_AWAY, Discard()], [_AWAY, Discard()], id="answered and discarded"),
        pytest.param(
            [Remember("", "x", 60), Remember("", "x", 90, True), Remember("h", "x", 60)],
            [Remember("", "x", 90, True), Remember("h", "x", 60)],
            id="remembered as asked for last",
        ),
        pytest.param(
            [Notify("mailto:a@b.test?cc=c@d.test", "1"), Notify("mailto:c@d.test,A@b.test", "2")],
            [Notify("mailto:a@b.test?cc=c@d.test", "1")],
            id="nobody is notified twice",
        ),
        pytest.param(
            [Notify("mailto:a@b.test,c@d.test"), Notify("mailto:e@f.test?cc=A@b.test")],
            [
                Notify("mailto:a@b.test,c@d.test"),
                Notify("mailto:e@f.test?cc=A@b.test", told=("a@b.test",)),
            ],
            id="nor in company",
        ),
        pytest.param(
            [
                Notify("mailto:a@b.test"),
                Notify("mailto:c@d.test"),
                Notify("mailto:a@b.test,c@d.test"),
            ],
            [Notify("mailto:a@b.test"), Notify("mailto:c@d.test")],
            id="nor when several told them",
        ),
        pytest.param(
            [_AWAY, Vacation("away as well", 60)], [_AWAY], id="the first of two scripts answers"
        ),
        pytest.param([_AWAY, Reject("no")], [Reject("no")], id="a rejection is the answer"),
    ],
)
def test_each_thing_is_done_once(actions: list[Action], expected: list[Action]) -> None:
    assert settle(actions) == tuple(expected)


@pytest.mark.parametrize(
    ("earlier", "action"),
    [
        pytest.param(Reject("no"), Reject("no"), id="two rejections"),
        pytest.param(Reject("no"), Reject("no", extended=True), id="reject and ereject"),
        pytest.param(Reject("no"), Keep(), id="reject and keep"),
        pytest.param(FileInto("a"), Reject("no"), id="fileinto and reject"),
        pytest.param(Reject("no", extended=True), Redirect("a@b.test"), id="ereject and redirect"),
        pytest.param(_AWAY, Reject("no"), id="vacation and reject"),
        pytest.param(Reject("no"), _AWAY, id="reject and vacation"),
        pytest.param(_AWAY, _AWAY, id="two answers"),
    ],
)
def test_what_does_not_go_together(earlier: Action, action: Action) -> None:
    assert conflict([Discard(), earlier], action)


@pytest.mark.parametrize("action", [Discard(), Notify("mailto:a@b.test"), Remember("", "x", 1)])
def test_the_rest_goes_with_everything(action: Action) -> None:
    others: list[Action] = [Keep(), FileInto("a"), Redirect("a@b.test"), _AWAY, action]
    assert not conflict(others, action)
    assert not conflict([Reject("no")], action)
