"""Where the records of mailboxes lie in the table, and how they are written.

account/<account>   list                one record: every change of the list of mailboxes meets here
                    mailbox/<id>        a mailbox with its counters
                    deleted/<id>        a deleted mailbox, within the grace period; "sweeping"
                                        once its messages are being removed
                    subscription/<name> a subscribed name that does not exist
                    acl/<id>            who besides the owner has which rights on a mailbox
shared/<identifier> <account>           has an ACL in which the identifier is named
mailbox/<id>        m/<uid>             a message; once altered, its MODSEQ as order
                    x/<day>/<uid>       what was expunged on that day, its MODSEQ as order
annotations/<account>  <mailbox>|server  see ``annotations``
sweep               <day>/<id>          a mailbox in which something was expunged on that day
"""

from collections.abc import Mapping

import msgspec

from postroom.mailboxes.records import Mailbox, Message
from postroom.mailboxes.rights import Entries
from postroom.platform.table import Key, Value

LIST = "list"
MAILBOX = "mailbox/"
DELETED_MAILBOX = "deleted/"
SUBSCRIPTION = "subscription/"
ACL = "acl/"
MESSAGE = "m/"
TOMBSTONE = "x/"
SWEEP = "sweep"

_encoder = msgspec.msgpack.Encoder()
encode_message = _encoder.encode
decode_message = msgspec.msgpack.Decoder(Message).decode


def inbox_id(account: str) -> str:
    """The id of an account's INBOX, which needs no look-up: every delivery begins there.

    INBOX is never deleted and its rename moves the messages (RFC 9051 section 6.3.6), so the id
    lives as long as the account.
    """
    return f"m{account}"


def account_partition(account: str) -> str:
    return f"account/{account}"


def list_key(account: str) -> Key:
    return Key(f"account/{account}", LIST)


def mailbox_key(account: str, mailbox: str) -> Key:
    return Key(f"account/{account}", MAILBOX + mailbox)


def deleted_mailbox_key(account: str, mailbox: str) -> Key:
    return Key(f"account/{account}", DELETED_MAILBOX + mailbox)


def subscription_key(account: str, name: str) -> Key:
    return Key(f"account/{account}", SUBSCRIPTION + name)


def acl_key(account: str, mailbox: str) -> Key:
    return Key(f"account/{account}", ACL + mailbox)


def shared_key(identifier: str, account: str) -> Key:
    return Key(f"shared/{identifier}", account)


def messages_partition(mailbox: str) -> str:
    return f"mailbox/{mailbox}"


def message_sort(uid: int) -> str:
    return f"m/{uid:010}"


def message_key(mailbox: str, uid: int) -> Key:
    return Key(f"mailbox/{mailbox}", f"m/{uid:010}")


def tombstone_key(mailbox: str, day: int, uid: int) -> Key:
    return Key(f"mailbox/{mailbox}", f"x/{day:06}/{uid:010}")


def tombstones_of_day(day: int) -> str:
    """What the sort keys of that day's tombstones begin with."""
    return f"x/{day:06}/"


def tombstone_of(key: Key) -> tuple[int, int]:
    """Return day and UID of a tombstone's key."""
    _, day, uid = key.sort.split("/")
    return int(day), int(uid)


def sweep_key(day: int, mailbox: str) -> Key:
    return Key(SWEEP, f"{day:06}/{mailbox}")


def mailbox_body(mailbox: Mailbox) -> dict[str, Value]:
    """The mailbox without its account and id: those are the key."""
    return {
        "name": mailbox.name,
        "special_use": mailbox.special_use,
        "subscribed": mailbox.subscribed,
        "uid_validity": mailbox.uid_validity,
        "uid_next": mailbox.uid_next,
        "highest_mod_seq": mailbox.highest_mod_seq,
        "messages": mailbox.messages,
        "unseen": mailbox.unseen,
        "deleted": mailbox.deleted,
        "size": mailbox.size,
        "first_recent": mailbox.first_recent,
        "keywords": list(mailbox.keywords),
        "version": mailbox.version,
        "forgotten": mailbox.forgotten,
        "sweep_day": mailbox.sweep_day,
    }


def acl_body(entries: Entries) -> dict[str, Value]:
    return {"entries": {name: "".join(sorted(rights)) for name, rights in entries.items()}}


def acl_of(body: Mapping[str, Value]) -> Entries:
    entries = body["entries"]
    assert isinstance(entries, dict)  # noqa: S101  (we wrote it)
    return {name: frozenset(str(rights)) for name, rights in entries.items()}


def mailbox_of(account: str, mailbox: str, body: Mapping[str, Value]) -> Mailbox:
    return msgspec.convert({"id": mailbox, "account": account, **body}, Mailbox)
