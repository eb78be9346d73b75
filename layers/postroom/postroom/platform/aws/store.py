"""All adapters over AWS, wired: what ``app.open_platform`` opens when POSTROOM_STORE is aws."""

from typing import TYPE_CHECKING

from postroom.errors import BadSetting
from postroom.platform.aws.blobs import S3BlobStore
from postroom.platform.aws.clients import Clients
from postroom.platform.aws.queue import SqsQueue, dead_letters_of
from postroom.platform.aws.table import DynamoTable
from postroom.platform.aws.text_index import S3TextIndex
from postroom.platform.aws.topic import SnsTopic
from postroom.platform.aws.vault import KmsVault
from postroom.platform.clock import Clock
from postroom.platform.table import Table
from postroom.settings import Settings

if TYPE_CHECKING:
    from postroom.platform.blobs import BlobStore
    from postroom.platform.text_index import TextIndex
    from postroom.platform.topic import Topic
    from postroom.platform.vault import Vault


class AwsStore:
    """Region, credentials and endpoints come from the usual AWS variables."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clients = Clients()
        self._urls = dict(settings.queues)
        self._queues: dict[str, SqsQueue] = {}
        self._topic = SnsTopic(self._clients, settings.topic)
        self.table: Table = DynamoTable(self._clients, settings.table, clock)
        self.blobs: BlobStore = S3BlobStore(self._clients, settings.bucket)
        self.topic: Topic = self._topic
        self.vault: Vault = KmsVault(self._clients, settings.key)
        self.text_index: TextIndex = S3TextIndex(
            self._clients, settings.bucket, settings.cache / "search"
        )
        self.reads_are_local: bool = False

    def queue(self, name: str) -> SqsQueue:
        """The queue whose URL is in POSTROOM_QUEUE_<NAME>, or the dead-letter queue of that one."""
        if name not in self._queues:
            self._queues[name] = SqsQueue(self._clients, self._url(name))
        return self._queues[name]

    def _url(self, name: str) -> str:
        if name in self._urls:
            return self._urls[name]
        fed_by = name.removesuffix("-dead")
        if fed_by not in self._urls:
            raise BadSetting(f"POSTROOM_QUEUE_{fed_by.upper()} is not set")
        return dead_letters_of(self._clients, self._urls[fed_by])

    def close(self) -> None:
        self._topic.close()
        self._clients.close()
