import ipaddress
from pathlib import Path

import pytest

from gateway.settings import ANY_PORT, DEFAULT_PORTS, GatewaySettings
from postroom.errors import BadSetting


def test_an_empty_environment_is_the_defaults() -> None:
    assert GatewaySettings.from_environment({}) == GatewaySettings()
    assert GatewaySettings().ports == DEFAULT_PORTS


def test_every_field_has_its_variable(tmp_path: Path) -> None:
    for name in ("certificate", "key"):
        (tmp_path / name).write_text("")
    found = GatewaySettings.from_environment(
        {
            "POSTROOM_BIND": "localhost, [::1]",
            "POSTROOM_SMTP": "0",
            "POSTROOM_IMAPS": "any",
            "POSTROOM_TLS_CERTIFICATE": str(tmp_path / "certificate"),
            "POSTROOM_TLS_KEY": str(tmp_path / "key"),
            "POSTROOM_PLAINTEXT_ON_LOOPBACK": "yes",
            "POSTROOM_PROXY_NETWORKS": "10.0.0.0/8,fd00::/8",
            "POSTROOM_MESSAGE_SIZE": "1048576",
            "POSTROOM_RECIPIENTS": "200",
            "POSTROOM_BARE_NEWLINE": "normalise",
            "POSTROOM_CONNECTIONS": "7",
            "POSTROOM_CONNECTIONS_PER_CLIENT": "3",
            "POSTROOM_CONNECTION_RATE": "0",
            "POSTROOM_MESSAGE_RATE": "5",
            "POSTROOM_UNLIMITED_NETWORKS": "192.0.2.0/24",
            "POSTROOM_ERRORS": "9",
            "POSTROOM_SMTP_TIMEOUT": "1",
            "POSTROOM_IMAP_TIMEOUT": "2",
            "POSTROOM_POP3_TIMEOUT": "3",
            "POSTROOM_SIEVE_TIMEOUT": "3.5",
            "POSTROOM_LOGIN_TIMEOUT": "4",
            "POSTROOM_HANDSHAKE_TIMEOUT": "5",
            "POSTROOM_DRAIN_TIMEOUT": "6.5",
            "POSTROOM_THREADS": "2",
            "POSTROOM_METRICS": "9100",
            "POSTROOM_READY_FILE": "/tmp/ready",
        }
    )
    ports = {**DEFAULT_PORTS, "smtp": 0, "imaps": ANY_PORT}
    networks = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
    assert found == GatewaySettings(
        bind=("127.0.0.1", "::1"),
        ports=ports,
        tls_certificate=tmp_path / "certificate",
        tls_key=tmp_path / "key",
        plaintext_on_loopback=True,
        proxy_networks=networks,
        message_size=1048576,
        recipients=200,
        bare_newline="normalise",
        connections=7,
        connections_per_client=3,
        connection_rate=0,
        message_rate=5,
        unlimited_networks=(ipaddress.ip_network("192.0.2.0/24"),),
        errors=9,
        smtp_timeout=1,
        imap_timeout=2,
        pop3_timeout=3,
        sieve_timeout=3.5,
        login_timeout=4,
        handshake_timeout=5,
        drain_timeout=6.5,
        threads=2,
        metrics=9100,
        ready_file=Path("/tmp/ready"),
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTROOM_BIND", "mail.example.test"),
        ("POSTROOM_IMAP", "65536"),
        ("POSTROOM_IMAP", "-1"),
        ("POSTROOM_IMAP", "²"),
        ("POSTROOM_TLS_CERTIFICATE", "/does/not/exist"),
        ("POSTROOM_PLAINTEXT_ON_LOOPBACK", "maybe"),
        ("POSTROOM_PROXY_NETWORKS", "10.0.0.1/8"),
        ("POSTROOM_MESSAGE_SIZE", "50M"),
        ("POSTROOM_RECIPIENTS", "99"),
        ("POSTROOM_BARE_NEWLINE", "allow"),
        ("POSTROOM_SMTP_TIMEOUT", "0"),
        ("POSTROOM_SMTP_TIMEOUT", "nan"),
        ("POSTROOM_THREADS", "0"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable):
        GatewaySettings.from_environment({variable: value})


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("")
    with pytest.raises(BadSetting, match="POSTROOM_TLS_KEY"):
        GatewaySettings.from_environment({"POSTROOM_TLS_CERTIFICATE": str(tmp_path / "c")})


@pytest.mark.parametrize(
    ("flag", "client", "may"),
    [
        (True, "127.0.0.1", True),
        (True, "127.8.8.8", True),
        (True, "::1", True),
        (True, "192.0.2.1", False),
        (True, "", False),
        (False, "127.0.0.1", False),
    ],
)
def test_plaintext_is_for_the_loopback(flag: bool, client: str, may: bool) -> None:
    assert GatewaySettings(plaintext_on_loopback=flag).may_send_plaintext(client) is may


def test_what_users_may_send_and_who_vouches_for_them(tmp_path: Path) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text("{}")
    given = {
        "POSTROOM_SENDER_MESSAGES": "0",
        "POSTROOM_SENDER_RECIPIENTS": "9",
        "POSTROOM_CHANNEL_BINDING": "on",
        "POSTROOM_OAUTH_JWKS": str(keys),
        "POSTROOM_OAUTH_ISSUER": "https://id.example.test",
        "POSTROOM_OAUTH_AUDIENCE": "mail",
    }
    found = GatewaySettings.from_environment(given)
    assert (found.sender_messages, found.sender_recipients) == (0, 9)
    assert found.channel_binding
    assert (found.oauth_jwks, found.oauth_claim) == (keys, "email")
    del given["POSTROOM_OAUTH_AUDIENCE"]  # tokens for anybody would be taken
    with pytest.raises(BadSetting, match="set together"):
        GatewaySettings.from_environment(given)
