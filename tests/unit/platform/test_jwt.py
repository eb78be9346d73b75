"""Tokens signed by a real key, and everything that is wrong with others."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from postroom.errors import StoreUnavailable
from postroom.platform.jwt import JwtTokens

NOW = 1_700_000_000
CLAIMS = {
    "iss": "https://id.example.test",
    "aud": ["imap", "mail.example.test"],
    "exp": NOW + 300,
    "email": "alice@example.test",
}


@dataclass
class FixedClock:
    def seconds(self) -> float:
        return float(NOW)

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW, UTC)


Sign = Callable[..., str]
KEY = ECKey.generate_key("P-256", {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "two"})


def sign(key: Any = KEY, algorithm: str = "ES256", **claims: Any) -> str:
    header = {"alg": algorithm, "kid": key.kid}
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(header, told, key, algorithms=[algorithm])


def signed_with_the_public_key() -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=")
    signed = header + b"." + sign().split(".")[1].encode()
    digest = hmac.digest(KEY.as_pem(private=False), signed, hashlib.sha256)
    return (signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


@pytest.fixture
def tokens(tmp_path: Path) -> JwtTokens:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(KeySet([KEY, OTHER]).as_dict(private=False)))
    return JwtTokens(keys, "https://id.example.test", "mail.example.test", "email", FixedClock())


def test_good_tokens(tokens: JwtTokens) -> None:
    assert tokens.account(sign()) == "alice@example.test"
    assert tokens.account(sign(OTHER, "RS256", aud="mail.example.test")) == "alice@example.test"
    assert tokens.account(sign(exp=NOW - 30, nbf=NOW + 30)) == "alice@example.test"  # clocks differ
    tokens.claim = "sub"
    assert tokens.account(sign(sub="bob@example.test")) == "bob@example.test"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(sign(exp=NOW - 120), id="expired"),
        pytest.param(sign(exp=None), id="for ever"),
        pytest.param(sign(nbf=NOW + 120), id="not yet"),
        pytest.param(sign(iss="https://other.test"), id="another issuer"),
        pytest.param(sign(iss=None), id="no issuer"),
        pytest.param(sign(aud="web"), id="another audience"),
        pytest.param(sign(aud=None), id="no audience"),
        pytest.param(sign(email=None), id="no address"),
        pytest.param(sign(email="alice"), id="no domain"),
        pytest.param(sign(email=["alice@example.test"]), id="a list of addresses"),
        pytest.param(sign(email_verified=False), id="not verified"),
        pytest.param(sign(exp="soon"), id="no number"),
        pytest.param(sign(ECKey.generate_key("P-256", {"kid": "one"})), id="forged"),
        pytest.param(sign(ECKey.generate_key("P-256", {"kid": "three"})), id="unknown key"),
        pytest.param(signed_with_the_public_key(), id="HMAC with the public key"),
        pytest.param(sign()[:-4] + "AAAA", id="altered signature"),
        pytest.param(sign().rpartition(".")[0] + ".", id="no signature"),
        pytest.param("eyJhbGciOiJub25lIn0." + sign().split(".")[1] + ".", id="alg none"),
        pytest.param("", id="empty"),
        pytest.param("x" * 10_000, id="long"),
        pytest.param("a.b.c", id="not base64"),
        pytest.param("\xff", id="not ASCII"),
    ],
)
def test_bad_tokens(tokens: JwtTokens, token: str) -> None:
    assert tokens.account(token) is None


def test_keys_are_read_again_when_they_change(tokens: JwtTokens) -> None:
    assert tokens.account(sign()) is not None
    new = ECKey.generate_key("P-256", {"kid": "new"})
    assert tokens.account(sign(new)) is None
    time.sleep(0.01)
    tokens.keys.write_text(json.dumps(KeySet([new]).as_dict(private=False)))
    assert tokens.account(sign(new)) == "alice@example.test"
    assert tokens.account(sign()) is None
    for bad in ("", "[]", '{"keys": 5}', '{"keys": [{"kty": "EC"}]}'):
        tokens.keys.write_text(bad)
        with pytest.raises(StoreUnavailable):
            tokens.account(sign())
    tokens.keys.unlink()
    with pytest.raises(StoreUnavailable):
        tokens.account(sign())


@settings(max_examples=200, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.text(max_size=60) | st.text('eyJhbGciOiJub25lIn0.{}[]":,'))
def test_any_token(tokens: JwtTokens, token: str) -> None:
    assert tokens.account(token) is None
