"""Environment -> what the gateway listens on, trusts and allows."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

from postroom.errors import BadSetting

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
BareNewline = Literal["refuse", "normalise"]
Value = TypeVar("Value")

ANY_PORT = -1  # "any" in the environment: a free port; the ready line tells which
DEFAULT_PORTS = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
    "sieve": 2419,
}
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Every field has the environment variable that its comment names."""

    # POSTROOM_BIND: addresses to listen on, by commas. "0.0.0.0,::" is everywhere.
    bind: tuple[str, ...] = ("127.0.0.1",)
    # POSTROOM_SMTP, POSTROOM_SUBMISSION, POSTROOM_SUBMISSIONS, POSTROOM_IMAP, POSTROOM_IMAPS,
    # POSTROOM_POP3, POSTROOM_POP3S, POSTROOM_SIEVE: ports, 0 for off
    ports: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_PORTS))

    # POSTROOM_TLS_CERTIFICATE, POSTROOM_TLS_KEY: PEM files, the chain in the first. Read again
    # when they change and on SIGHUP. Without them a development CA is made in the data folder.
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    # POSTROOM_PLAINTEXT_ON_LOOPBACK: clients on this machine may send passwords without TLS.
    plaintext_on_loopback: bool = False
    # POSTROOM_CHANNEL_BINDING: list SCRAM-SHA-256-PLUS, so that clients bind their login to the TLS
    # connection. Some clients then choose it and fail; who asks for it gets it in any case.
    channel_binding: bool = False
    # POSTROOM_PROXY_NETWORKS: networks of load balancers, by commas. Whoever connects from there
    # must begin with a PROXY protocol header; from anywhere else the header is a syntax error.
    proxy_networks: tuple[Network, ...] = ()

    # POSTROOM_MESSAGE_SIZE: octets of a message by SMTP or APPEND
    message_size: int = 50 * 1024 * 1024
    # POSTROOM_RECIPIENTS: in one transaction; RFC 5321 section 4.5.3.1.8 asks for 100 at least
    recipients: int = 1000
    # POSTROOM_SENDER_MESSAGES, POSTROOM_SENDER_RECIPIENTS: what one of our users may send, messages
    # in an hour and recipients in a day, unless `postroom user set` says otherwise; 0: no limit
    sender_messages: int = 500
    sender_recipients: int = 5000
    # POSTROOM_OAUTH_JWKS, POSTROOM_OAUTH_ISSUER, POSTROOM_OAUTH_AUDIENCE, POSTROOM_OAUTH_CLAIM:
    # tokens that users may log in with: the file of the issuer's keys (RFC 7517), whose tokens
    # and for whom, and the claim that holds the address. Off without the first three.
    oauth_jwks: Path | None = None
    oauth_issuer: str = ""
    oauth_audience: str = ""
    oauth_claim: str = "email"
    # POSTROOM_BARE_NEWLINE: what to do with CR or LF alone in a message: "refuse" or "normalise"
    bare_newline: BareNewline = "refuse"
    # POSTROOM_CONNECTIONS: of all clients together, in this process
    connections: int = 10_000
    # POSTROOM_CONNECTIONS_PER_CLIENT: of one IPv4 address or IPv6 /64, in this process
    connections_per_client: int = 100
    # POSTROOM_CONNECTION_RATE, POSTROOM_MESSAGE_RATE: of one client in a minute, 0 for no limit
    connection_rate: int = 600
    message_rate: int = 3000
    # POSTROOM_UNLIMITED_NETWORKS: limits and rates of one client do not hold for these
    unlimited_networks: tuple[Network, ...] = LOOPBACK
    # POSTROOM_ERRORS: refused commands after which a connection is closed
    errors: int = 20

    # Times in seconds.
    # POSTROOM_SMTP_TIMEOUT: RFC 5321 section 4.5.3.2.7 asks for 5 minutes
    smtp_timeout: float = 300
    # POSTROOM_IMAP_TIMEOUT: RFC 9051 section 5.4 asks for 30 minutes
    imap_timeout: float = 1800
    # POSTROOM_POP3_TIMEOUT: RFC 1939 section 3 asks for 10 minutes
    pop3_timeout: float = 600
    # POSTROOM_SIEVE_TIMEOUT: RFC 5804 section 1.2 asks for 30 minutes
    sieve_timeout: float = 1800
    # POSTROOM_LOGIN_TIMEOUT: from the greeting to the login
    login_timeout: float = 60
    # POSTROOM_HANDSHAKE_TIMEOUT: for a PROXY header, and again for a TLS handshake
    handshake_timeout: float = 15
    # POSTROOM_DRAIN_TIMEOUT: for connections to finish when the gateway stops
    drain_timeout: float = 30

    # POSTROOM_THREADS: that wait for stores at once
    threads: int = 32
    # POSTROOM_METRICS: port on which Prometheus may ask for metrics, 0 for off
    metrics: int = 0
    # POSTROOM_READY_FILE: gets one line when every listener accepts
    ready_file: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "GatewaySettings":
        """Raises BadSetting, which names the variable."""
        read = _Reader(environment)
        base = cls()
        settings = cls(
            bind=read("BIND", _addresses, base.bind),
            ports={
                name: read(name.upper(), _port, default) for name, default in DEFAULT_PORTS.items()
            },
            tls_certificate=read("TLS_CERTIFICATE", _file, None),
            tls_key=read("TLS_KEY", _file, None),
            plaintext_on_loopback=read("PLAINTEXT_ON_LOOPBACK", _flag, False),
            channel_binding=read("CHANNEL_BINDING", _flag, False),
            proxy_networks=read("PROXY_NETWORKS", _networks, ()),
            message_size=read("MESSAGE_SIZE", _whole(1024), base.message_size),
            recipients=read("RECIPIENTS", _whole(100), base.recipients),
            sender_messages=read("SENDER_MESSAGES", _whole(0), base.sender_messages),
            sender_recipients=read("SENDER_RECIPIENTS", _whole(0), base.sender_recipients),
            oauth_jwks=read("OAUTH_JWKS", _file, None),
            oauth_issuer=read("OAUTH_ISSUER", str, ""),
            oauth_audience=read("OAUTH_AUDIENCE", str, ""),
            oauth_claim=read("OAUTH_CLAIM", str, base.oauth_claim),
            bare_newline=read("BARE_NEWLINE", _bare_newline, "refuse"),
            connections=read("CONNECTIONS", _whole(1), base.connections),
            connections_per_client=read(
                "CONNECTIONS_PER_CLIENT", _whole(1), base.connections_per_client
            ),
            connection_rate=read("CONNECTION_RATE", _whole(0), base.connection_rate),
            message_rate=read("MESSAGE_RATE", _whole(0), base.message_rate),
            unlimited_networks=read("UNLIMITED_NETWORKS", _networks, LOOPBACK),
            errors=read("ERRORS", _whole(1), base.errors),
            smtp_timeout=read("SMTP_TIMEOUT", _seconds, base.smtp_timeout),
            imap_timeout=read("IMAP_TIMEOUT", _seconds, base.imap_timeout),
            pop3_timeout=read("POP3_TIMEOUT", _seconds, base.pop3_timeout),
            sieve_timeout=read("SIEVE_TIMEOUT", _seconds, base.sieve_timeout),
            login_timeout=read("LOGIN_TIMEOUT", _seconds, base.login_timeout),
            handshake_timeout=read("HANDSHAKE_TIMEOUT", _seconds, base.handshake_timeout),
            drain_timeout=read("DRAIN_TIMEOUT", _seconds, base.drain_timeout),
            threads=read("THREADS", _whole(1), base.threads),
            metrics=read("METRICS", _port, 0),
            ready_file=read("READY_FILE", Path, None),
        )
        if (settings.tls_certificate is None) != (settings.tls_key is None):
            raise BadSetting("POSTROOM_TLS_CERTIFICATE and POSTROOM_TLS_KEY are set together")
        oauth = (settings.oauth_jwks, settings.oauth_issuer, settings.oauth_audience)
        if any(oauth) and not all(oauth):
            raise BadSetting(
                "POSTROOM_OAUTH_JWKS, POSTROOM_OAUTH_ISSUER and POSTROOM_OAUTH_AUDIENCE are set "
                "together"
            )
        return settings

    def may_send_plaintext(self, client: str) -> bool:
        """Whether the client at this IP address may log in without TLS."""
        return self.plaintext_on_loopback and is_in(client, LOOPBACK)

    def is_unlimited(self, client: str) -> bool:
        return is_in(client, self.unlimited_networks)


@lru_cache(maxsize=4096)  # asked several times of each connection
def is_in(client: str, networks: tuple[Network, ...]) -> bool:
    """Whether the IP address lies in one of the networks."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in networks)


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __call__(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        variable = f"POSTROOM_{name}"
        text = self._environment.get(variable, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise BadSetting(f"{variable} is {text!r}: {error}") from error


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _addresses(text: str) -> tuple[str, ...]:
    names = ["127.0.0.1" if part == "localhost" else part for part in _parts(text)]
    return tuple(str(ipaddress.ip_address(name.strip("[]"))) for name in names)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part) for part in _parts(text))


def _port(text: str) -> int:
    if text == "any":
        return ANY_PORT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise ValueError("a port is 0 (off) to 65535, or any")
    return int(text)


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) >= least):
            raise ValueError(f"it must be a whole number from {least} upwards")
        return int(text)

    return parse


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 86400:
        raise ValueError("it must be seconds, more than 0, at most a day")
    return seconds


def _flag(text: str) -> bool:
    answers = {"1": True, "true": True, "yes": True, "on": True}
    answers |= {"0": False, "false": False, "no": False, "off": False}
    if text.lower() not in answers:
        raise ValueError("it must be on or off")
    return answers[text.lower()]


def _bare_newline(text: str) -> BareNewline:
    if text == "refuse":
        return "refuse"
    if text == "normalise":
        return "normalise"
    raise ValueError("it must be refuse or normalise")


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("there is no such file")
    return path
