"""How a command is run, and when: a row of the table in ``executions``."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.imap.outcomes import Done

if TYPE_CHECKING:
    from gateway.imap.session import Session


@dataclass(frozen=True, slots=True)
class Execution:
    name: str
    run: "Callable[[Session, Any], Coroutine[Any, Any, Done]]"
    anytime: bool = False  # in any state (RFC 9051 section 6.1)
    before_login: bool = False  # only there
    selected: bool = False  # only with a mailbox selected
    news: bool = True  # tell the client of changes before the tagged reply
    expunges: bool = True  # and that numbers change: never for FETCH, STORE, SEARCH by number
    always_looks: bool = False  # for news, though nobody said that there are some
