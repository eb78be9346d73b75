"""NOTIFY decides who is told (RFC 3461 section 5.2)."""

from typing import get_args

import pytest

from postroom.relay.notices.rules import wanted
from postroom.relay.reports import Action

ACTIONS = set(get_args(Action))


@pytest.mark.parametrize(
    ("notify", "told"),
    [
        pytest.param((), {"failed", "delayed"}, id="nothing was asked for"),
        pytest.param(("NEVER",), set(), id="never"),
        pytest.param(("FAILURE",), {"failed"}, id="failures only"),
        pytest.param(("DELAY",), {"delayed"}, id="delays only: a failure is not told"),
        pytest.param(("SUCCESS",), {"delivered", "relayed", "expanded"}, id="successes only"),
        pytest.param(("SUCCESS", "FAILURE", "DELAY"), ACTIONS, id="everything"),
        pytest.param(("success", "Failure"), ACTIONS - {"delayed"}, id="keywords in any case"),
        pytest.param(("NEVER", "FAILURE"), set(), id="a contradiction is silence"),
    ],
)
def test_the_sender_decides(notify: tuple[str, ...], told: set[str]) -> None:
    assert {action for action in get_args(Action) if wanted(notify, action)} == told
