"""TextIndex over files in one folder. Nobody alters a file: it is written whole, or removed."""

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from postroom.errors import StoreUnavailable
from postroom.message.searchable import Needle
from postroom.platform.embedded.segments import make_folder, sync_folder
from postroom.platform.text_index import SegmentKey, Text, Written
from postroom.platform.text_segments import find_in_segment, write_segment

SUFFIX = ".sqlite"


class EmbeddedTextIndex:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(
        self,
        key: SegmentKey,
        texts: Iterable[Text],
        merged: Sequence[SegmentKey] = (),
        keep: Callable[[int], bool] = lambda uid: True,
    ) -> Written:
        draft = self._folder / f"{key}.{secrets.token_hex(6)}.draft"
        try:
            make_folder(self._folder.absolute())
            sources = [(each, self._path(each)) for each in merged]
            messages = write_segment(draft, texts, sources, keep)
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            octets = draft.stat().st_size
            draft.replace(self._path(key))
            sync_folder(self._folder)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder}: {error}") from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        return Written(messages, octets)

    def find(self, key: SegmentKey, needles: Sequence[Needle]) -> list[list[int]]:
        return find_in_segment(key, self._path(key), needles)

    def delete(self, keys: Sequence[SegmentKey]) -> None:
        try:
            for key in keys:
                self._path(key).unlink(missing_ok=True)
                for draft in self._folder.glob(f"{key}.*.draft"):  # of a process that was killed
                    draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"{self._folder}: {error}") from error

    def _path(self, key: SegmentKey) -> Path:
        return self._folder / f"{key}{SUFFIX}"
