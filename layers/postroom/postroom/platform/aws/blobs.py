"""BlobStore over S3: one bucket, the blob key is the object key."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from postroom.errors import BlobMissing, PostroomError, StoreUnavailable
from postroom.platform.aws.clients import Clients, code_of, unavailable
from postroom.platform.blobs import BlobKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART = 8 * 1024 * 1024  # octets of a draft kept in memory; S3's parts are 5 MiB at least
_READ_AHEAD = 4 * 1024 * 1024  # octets
_MOST_READS = 24  # at once
_DELETES = 1000  # keys in one DeleteObjects


class S3BlobStore:
    def __init__(self, clients: Clients, bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket
        self._store = f"s3://{bucket}"

    def put(self, key: BlobKey, body: bytes) -> None:
        with unavailable(self._store):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def put_soon(self, key: BlobKey, body: bytes) -> "Future[None]":
        return self._clients.pool.submit(self.put, key, body)

    def put_each(self, blobs: Sequence[tuple[BlobKey, bytes]]) -> list[StoreUnavailable | None]:
        return list(self._clients.pool.map(self._refused, *zip(*blobs, strict=True)))

    def _refused(self, key: BlobKey, body: bytes) -> StoreUnavailable | None:
        try:
            self.put(key, body)
        except StoreUnavailable as error:
            return error
        return None

    def draft(self, key: BlobKey) -> "S3Draft":
        return S3Draft(self._clients, self._bucket, key, self)

    def get(self, key: BlobKey) -> bytes:
        return self._get(key, {})

    def get_many(self, keys: Sequence[BlobKey]) -> Iterator[bytes]:
        coming: deque[Future[bytes]] = deque()
        unasked = iter(keys)
        largest = 64 * 1024  # of the blobs seen so far: how many may come at once
        try:
            while True:
                while len(coming) < max(1, min(_MOST_READS, _READ_AHEAD // largest)):
                    key = next(unasked, None)
                    if key is None:
                        break
                    coming.append(self._clients.pool.submit(self.get, key))
                if not coming:
                    return
                body = coming.popleft().result()
                largest = max(largest * 7 // 8, len(body), 16 * 1024)
                yield body
        finally:
            for future in coming:
                future.cancel()

    def get_range(self, key: BlobKey, start: int, length: int) -> bytes:
        # S3 cannot be asked for no octets, but the blob's absence must show even then.
        last = start + max(length, 1) - 1
        return self._get(key, {"Range": f"bytes={start}-{last}"})[: max(length, 0)]

    def delete(self, keys: Sequence[BlobKey]) -> None:
        for start in range(0, len(keys), _DELETES):
            objects: Any = [{"Key": key} for key in keys[start : start + _DELETES]]
            with unavailable(self._store):
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
            for refused in answer.get("Errors", []):
                raise StoreUnavailable(
                    f"{self._store}: {refused.get('Key')} not deleted: {refused.get('Code')}"
                )

    @property
    def _s3(self) -> "S3Client":
        return self._clients.s3

    def _get(self, key: BlobKey, part: dict[str, Any]) -> bytes:
        with unavailable(self._store):
            try:
                found = self._s3.get_object(Bucket=self._bucket, Key=key, **part)
            except ClientError as error:
                # S3 says NoSuchKey only to callers with s3:ListBucket, others get
                # AccessDenied: template.yaml grants ListBucket for this line.
                if code_of(error) == "NoSuchKey":
                    raise BlobMissing(key, store=self._store) from error
                if code_of(error) == "InvalidRange":  # it starts at or after the end
                    return b""
                raise
            return found["Body"].read()


class S3Draft:
    """Small blobs are one PutObject at the end; larger ones are uploaded part by part."""

    def __init__(self, clients: Clients, bucket: str, key: BlobKey, blobs: S3BlobStore) -> None:
        self._clients = clients
        self._bucket = bucket
        self._key = key
        self._blobs = blobs
        self._buffer = bytearray()
        self._upload = ""  # id, once there is more than one part
        self._etags: list[str] = []
        self._done = False

    def write(self, octets: bytes) -> None:
        self._buffer += octets
        while len(self._buffer) >= PART:
            part = bytes(memoryview(self._buffer)[:PART])
            del self._buffer[:PART]
            self._upload_part(part)

    def commit_soon(self) -> "Future[None]":
        self._done = True
        if not self._upload:
            return self._blobs.put_soon(self._key, bytes(self._buffer))
        return self._clients.pool.submit(self._complete)

    def abandon(self) -> None:
        if not self._done:
            self._done = True
            self._abort()

    def _complete(self) -> None:
        try:
            if self._buffer:
                self._upload_part(bytes(self._buffer))
            parts: Any = [
                {"PartNumber": number, "ETag": etag} for number, etag in enumerate(self._etags, 1)
            ]
            with unavailable(f"s3://{self._bucket}"):
                self._clients.s3.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._upload,
                    MultipartUpload={"Parts": parts},
                )
        except PostroomError:
            self._abort()
            raise

    def _upload_part(self, octets: bytes) -> None:
        with unavailable(f"s3://{self._bucket}"):
            if not self._upload:
                self._upload = self._clients.s3.create_multipart_upload(
                    Bucket=self._bucket, Key=self._key
                )["UploadId"]
            sent = self._clients.s3.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload,
                PartNumber=len(self._etags) + 1,
                Body=octets,
            )
        self._etags.append(sent["ETag"])

    def _abort(self) -> None:
        if self._upload:
            try:
                with unavailable(f"s3://{self._bucket}"):
                    self._clients.s3.abort_multipart_upload(
                        Bucket=self._bucket, Key=self._key, UploadId=self._upload
                    )
            except StoreUnavailable:
                pass  # the bucket's lifecycle rule removes parts left behind
