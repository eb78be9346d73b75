"""A world to try scripts in: every mailbox exists, or those that were named; scripts to include
are files beside the one that is tried."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from postroom.sieve.engine import Program, compile_script


@dataclass(frozen=True, slots=True)
class Anywhere:
    moment: datetime
    mailboxes: Collection[str] | None
    scripts: Path  # the folder

    def now(self) -> datetime:
        return self.moment

    def environment(self, item: str) -> str | None:
        return {"name": "Postroom", "location": "MDA", "phase": "during"}.get(item)

    def mailbox_exists(self, name: str) -> bool:
        return self.mailboxes is None or name in self.mailboxes

    def mailbox_id_exists(self, mailbox_id: str) -> bool:
        return False

    def special_use_exists(self, mailbox: str | None, uses: Collection[str]) -> bool:
        return False

    def metadata(self, mailbox: str | None, annotation: str) -> str | None:
        return None

    def has_list(self, name: str) -> bool:
        return False

    def in_list(self, name: str, value: str) -> bool:
        return False

    def seen(self, handle: str, unique_id: str) -> bool:
        return False

    def spam(self) -> tuple[float, float] | None:
        return None

    def virus(self) -> int | None:
        return None

    def script(self, location: Literal["personal", "global"], name: str) -> Program | None:
        for path in (self.scripts / f"{name}.sieve", self.scripts / name):
            if path.is_file():
                return compile_script(path.read_bytes(), traced=True)
        return None
