"""The forms of accounts: what was set, and the script that follows from it."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from postroom.autoreply.form import Form
from postroom.autoreply.generating import script_of
from postroom.platform.table import Delete, Key, Put, Table


class Scripts(Protocol):
    """The part of `postroom.scripts.store` that keeps the script of a form."""

    def put_form(self, account: str, text: bytes) -> object:
        """Keep the script, b"" for none. It runs with the next message."""


class Forms:
    def __init__(self, table: Table, scripts: Scripts) -> None:
        self._table = table
        self._scripts = scripts

    def get(self, account: str) -> Form:
        """What the account has set; an empty form when nothing was."""
        record = self._table.get(_key(account))
        return (
            Form() if record is None else msgspec.json.decode(str(record.body["form"]), type=Form)
        )

    def put(self, account: str, form: Form, domains: Iterable[str]) -> None:
        """Keep a form, and let its script run. Raises BadForm, and what `put_form` raises.

        The script comes first: should the form not follow, its user sees that it was not saved,
        and saving it again mends it.
        """
        script = script_of(form, domains)
        self._scripts.put_form(account, script.encode())
        self._table.write(Put(_key(account), {"form": msgspec.json.encode(form).decode()}))

    def remove(self, account: str) -> None:
        """Forget the form of an account that is gone; its script goes with all others."""
        self._table.write(Delete(_key(account)))


def _key(account: str) -> Key:
    return Key(f"account/{account}", "form")
