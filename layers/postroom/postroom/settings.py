"""Environment -> settings. Nothing below ``app`` reads the environment."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from postroom.errors import BadSetting
from postroom.platform.name_servers import RESOLV_CONF, NameServers
from postroom.relay.schedule import Schedule, duration

_QUEUE = "POSTROOM_QUEUE_"
CACHE = Path(tempfile.gettempdir()) / "postroom"


@dataclass(frozen=True, slots=True)
class Settings:
    """Which stores, and what we are called. Every field has an environment variable."""

    store: Literal["embedded", "aws"] = "embedded"  # POSTROOM_STORE
    data: Path = Path("var")  # POSTROOM_DATA: the embedded store's folder
    cache: Path = CACHE  # POSTROOM_CACHE: a folder for copies of what is kept elsewhere
    table: str = "postroom"  # POSTROOM_TABLE: name of the DynamoDB table
    bucket: str = "postroom"  # POSTROOM_BUCKET: name of the S3 bucket for messages
    topic: str = "changes"  # POSTROOM_TOPIC: ARN of the SNS topic for changes of mailboxes
    # POSTROOM_QUEUE_INBOUND=url: SQS URL by lower-case name; a name stands for itself when embedded
    queues: Mapping[str, str] = field(default_factory=dict)
    hostname: str = "localhost"  # POSTROOM_HOSTNAME: in greetings and Received fields
    key: str = ""  # POSTROOM_KEY: ARN of the KMS key that seals secrets; embedded has its own
    # POSTROOM_RETRY_PAUSES, POSTROOM_WARN_AFTER, POSTROOM_GIVE_UP_AFTER
    schedule: Schedule = field(default_factory=Schedule)
    # POSTROOM_RELAY_LEASE: after this time somebody else may take over what a function began;
    # more than the relay function's timeout
    lease: int = 960
    # POSTROOM_RELAY_PATIENCE: seconds that a batch waits for its slowest destination before its
    # thread goes on by itself; 0: to the end, for in Lambda nothing runs between two calls
    patience: int = 0
    # POSTROOM_RELAY_TIMEOUT: the longest wait for another server's reply. RFC 5321 section 4.5.3.2
    # asks for minutes, up to ten after the final dot: with less, mail may arrive twice at slow ones
    relay_timeout: int = 600
    # POSTROOM_RELAY_LOOPBACK: MX records that point to this machine are followed
    relay_to_loopback: bool = False
    # POSTROOM_RESOLVER=127.0.0.1:5353: name servers to ask instead of those of /etc/resolv.conf.
    # DANE needs one that validates DNSSEC, on this machine or with the word "trust-ad" behind it
    name_servers: NameServers = RESOLV_CONF

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        store = environment.get("POSTROOM_STORE", "embedded")
        if store not in ("embedded", "aws"):
            raise BadSetting(f"POSTROOM_STORE is {store!r}; it can be 'embedded' or 'aws'")
        return cls(
            store="aws" if store == "aws" else "embedded",
            data=Path(environment.get("POSTROOM_DATA", "var")),
            cache=Path(environment.get("POSTROOM_CACHE", CACHE)),
            table=environment.get("POSTROOM_TABLE", "postroom"),
            bucket=environment.get("POSTROOM_BUCKET", "postroom"),
            topic=environment.get("POSTROOM_TOPIC", "changes"),
            queues={
                name.removeprefix(_QUEUE).lower(): value
                for name, value in environment.items()
                if name.startswith(_QUEUE)
            },
            hostname=environment.get("POSTROOM_HOSTNAME", "localhost"),
            key=environment.get("POSTROOM_KEY", ""),
            schedule=Schedule.from_environment(environment),
            lease=duration("POSTROOM_RELAY_LEASE", environment.get("POSTROOM_RELAY_LEASE", "16m")),
            patience=int(environment.get("POSTROOM_RELAY_PATIENCE", "0")),
            name_servers=NameServers.parse(
                "POSTROOM_RESOLVER", environment.get("POSTROOM_RESOLVER", "")
            ),
            relay_timeout=duration(
                "POSTROOM_RELAY_TIMEOUT", environment.get("POSTROOM_RELAY_TIMEOUT", "10m")
            ),
            relay_to_loopback=environment.get("POSTROOM_RELAY_LOOPBACK", "off") == "on",
        )
