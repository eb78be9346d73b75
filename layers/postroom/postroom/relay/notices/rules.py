"""Who is told what (RFC 3461 sections 4.1 and 5.2). Pure.

Two rules stand above those of this page: a message with the null reverse-path is never reported
on (RFC 5321 section 4.5.5), and spam is refused in the dialogue, not bounced afterwards.
"""

from collections.abc import Sequence

from postroom.relay.reports import Action

_KEYWORD = {
    "failed": "FAILURE",
    "delayed": "DELAY",
    "delivered": "SUCCESS",
    "relayed": "SUCCESS",
    "expanded": "SUCCESS",
}
# Section 4.1: without NOTIFY a sender hears of failures, and may hear of delays.
_WITHOUT_NOTIFY = ("FAILURE", "DELAY")


def wanted(notify: Sequence[str], action: Action) -> bool:
    """Whether the sender asked to be told of *action*. *notify*: the keywords of NOTIFY, or none.

    ``relayed`` is for peers that do not speak DSN only (section 5.2.2 rule b): one that does
    reports the success itself.
    """
    asked = {keyword.upper() for keyword in notify} or _WITHOUT_NOTIFY
    return "NEVER" not in asked and _KEYWORD[action] in asked
