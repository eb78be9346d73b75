"""The one session, the clients and the thread pool that all AWS adapters share.

botocore without boto3 above it: the adapters use no resource objects, and the import is what a
cold function waits for. A client is made when it is first needed (0.1 s for DynamoDB), so a
function pays only for the services it calls.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from postroom.errors import StoreUnavailable
from postroom.platform.aws.wire import read_items_raw

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

CONNECTIONS = 50  # kept open for each service
THREADS = 32  # for the *_soon forms and for pages read side by side
# SQS holds a long poll for up to 20 s before it answers.
_READ_TIMEOUT = {"dynamodb": 5, "s3": 20, "sqs": 30, "sns": 5, "kms": 5, "sesv2": 60}


class Clients:
    """Clients by service. All methods are safe in any thread."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()
        self._lock = threading.Lock()  # a session makes one client at a time
        self._made: dict[str, Any] = {}
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="aws")

    @property
    def dynamodb(self) -> "DynamoDBClient":
        return cast("DynamoDBClient", self._client("dynamodb"))

    @property
    def s3(self) -> "S3Client":
        return cast("S3Client", self._client("s3"))

    @property
    def sqs(self) -> "SQSClient":
        return cast("SQSClient", self._client("sqs"))

    @property
    def sns(self) -> "SNSClient":
        return cast("SNSClient", self._client("sns"))

    @property
    def kms(self) -> "KMSClient":
        return cast("KMSClient", self._client("kms"))

    @property
    def sesv2(self) -> "SESV2Client":
        return cast("SESV2Client", self._client("sesv2"))

    def close(self) -> None:
        """Finish what the pool has begun, then let go of the connections."""
        self.pool.shutdown(wait=True)
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()

    def _client(self, service: str) -> Any:
        client = self._made.get(service)
        if client is None:
            with self._lock:
                client = self._made.get(service)
                if client is None:
                    client = self._session.create_client(service, config=_config(service))
                    if service == "dynamodb":
                        read_items_raw(client)
                    self._made[service] = client
        return client


def _config(service: str) -> Config:
    return Config(
        connect_timeout=3,
        read_timeout=_READ_TIMEOUT[service],
        # Three more tries with jittered, growing pauses: throttling, 5xx, broken connections.
        # Not to send mail: a broken connection does not say that it was not sent.
        retries={"mode": "standard", "total_max_attempts": 1 if service == "sesv2" else 4},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
        # The adapters check their arguments against the ports' limits already.
        parameter_validation=False,
    )


@contextmanager
def unavailable(store: str) -> Iterator[None]:
    """Raise StoreUnavailable for every refusal and broken connection within.

    Also for a denied or malformed call: to the sender of a message that is the same, "not now",
    and the reason stands in the log.
    """
    try:
        yield
    except ClientError as error:
        raise StoreUnavailable(f"{store}: {error}") from error
    # The second is what an answer raises that is no answer: half of one, or a proxy's HTML.
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreUnavailable(f"{store}: {error}") from error


def code_of(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
