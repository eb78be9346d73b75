"""TextIndex over S3: one object a segment, ``search/<key>`` in the bucket of the messages.

What is searched is fetched whole and kept in a folder on this machine, shared by its processes,
as long as it has room there: a segment never changes, so that a copy is good for as long as
the segment is known. Nothing in the folder is needed: it may go at any time.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from postroom.errors import StoreUnavailable
from postroom.message.searchable import Needle
from postroom.platform.aws.clients import Clients, code_of, unavailable
from postroom.platform.text_index import SegmentKey, SegmentUnusable, Text, Written
from postroom.platform.text_segments import find_in_segment, write_segment

_PIECE = 1024 * 1024
_PREFIX = "search/"
_DELETES = 1000  # keys in one DeleteObjects
_KEPT = 7 * 86_400  # seconds since a copy was used: who removes a segment cannot reach all copies


class S3TextIndex:
    def __init__(self, clients: Clients, bucket: str, folder: Path) -> None:
        self._clients = clients
        self._bucket = bucket
        self._folder = folder
        self._store = f"s3://{bucket}/{_PREFIX}"

    def write(
        self,
        key: SegmentKey,
        texts: Iterable[Text],
        merged: Sequence[SegmentKey] = (),
        keep: Callable[[int], bool] = lambda uid: True,
    ) -> Written:
        with self._draft(key) as draft:
            sources = [(each, self._fetched(each)) for each in merged]
            messages = write_segment(draft, texts, sources, keep)
            octets = draft.stat().st_size
            with draft.open("rb") as body, unavailable(self._store):
                self._clients.s3.put_object(Bucket=self._bucket, Key=_PREFIX + key, Body=body)
            draft.replace(self._path(key))
        self._make_room(0)
        return Written(messages, octets)

    def find(self, key: SegmentKey, needles: Sequence[Needle]) -> list[list[int]]:
        try:
            return find_in_segment(key, self._fetched(key), needles)
        except SegmentUnusable:
            # Another process may have made room, or our copy be damaged.
            with suppress(OSError):
                self._path(key).unlink(missing_ok=True)
            return find_in_segment(key, self._fetched(key), needles)

    def delete(self, keys: Sequence[SegmentKey]) -> None:
        for start in range(0, len(keys), _DELETES):
            some = keys[start : start + _DELETES]
            objects: Any = [{"Key": _PREFIX + key} for key in some]
            with unavailable(self._store):
                answer = self._clients.s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for key in some:
                with suppress(OSError):
                    self._path(key).unlink(missing_ok=True)
            for refused in answer.get("Errors", []):
                raise StoreUnavailable(
                    f"s3://{self._bucket}/{refused.get('Key')} not deleted: {refused.get('Code')}"
                )

    def _path(self, key: SegmentKey) -> Path:
        return self._folder / key

    def _fetched(self, key: SegmentKey) -> Path:
        """Where the segment is on this machine. Raises SegmentUnusable when it is not in S3."""
        path = self._path(key)
        with suppress(OSError):
            os.utime(path)  # used now: others make room first
            return path
        with self._draft(key) as draft, unavailable(self._store):
            try:
                found = self._clients.s3.get_object(Bucket=self._bucket, Key=_PREFIX + key)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    raise SegmentUnusable(key, f"it is not in {self._store}") from error
                raise
            self._make_room(found["ContentLength"])
            with draft.open("wb") as file:
                for piece in found["Body"].iter_chunks(_PIECE):
                    file.write(piece)
            draft.replace(path)
        return path

    @contextmanager
    def _draft(self, key: SegmentKey) -> Iterator[Path]:
        draft = self._folder / f"{key}.{secrets.token_hex(6)}.draft"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            yield draft
        except OSError as error:
            raise StoreUnavailable(f"{self._folder}: {error}") from error
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def _make_room(self, octets: int) -> None:
        """For so many more: the copies have half of the disk, and the newest are kept."""
        files: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            with suppress(OSError):  # another process makes room, too
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        room = shutil.disk_usage(self._folder).total // 2 - octets
        held = sum(size for _, size, _ in files)
        too_old = time.time() - _KEPT
        for used, size, path in sorted(files):
            if held <= room and used > too_old:
                break
            with suppress(OSError):
                path.unlink(missing_ok=True)
            held -= size
