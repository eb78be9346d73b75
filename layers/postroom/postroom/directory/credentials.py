"""Passwords at rest: an argon2id hash, and what SCRAM needs.

``credentials/<account>``:``password`` holds both, with a version that changes with the password.
``credentials``:``secret`` is random, made once: see `scram.nobodys_verifier`.
"""

import base64

from postroom.directory.passwords import LONGEST_PASSWORD, hash_password, verify, verify_nobody
from postroom.directory.records import Account
from postroom.directory.saslprep import saslprep
from postroom.directory.scram import SALT_OCTETS, ScramVerifier, make_verifier, nobodys_verifier
from postroom.errors import BadSyntax, ConditionFailed, PostroomError, StoreUnavailable
from postroom.platform.clock import Randomness
from postroom.platform.table import Absent, Holds, Key, Put, Record, Table, Value

_SECRET = Key("credentials", "secret")


class BadPassword(PostroomError):
    def __init__(self) -> None:
        super().__init__(f"a password has 1 to {LONGEST_PASSWORD} octets")


def credentials_key(account: str) -> Key:
    return Key(f"credentials/{account}", "password")


class Credentials:
    def __init__(self, table: Table, randomness: Randomness) -> None:
        self._table = table
        self._randomness = randomness
        self._secret = b""

    def new(self, account: str, password: str) -> Put:
        """The write that gives an account its password. Slow, as `check`. Raises BadPassword."""
        if not 1 <= len(password.encode("utf-8", "replace")) <= LONGEST_PASSWORD:
            raise BadPassword
        version = base64.b32encode(self._randomness.octets(10)).decode("ascii").lower()
        body: dict[str, Value] = {
            "hash": hash_password(_spellings(password)[0]),
            "version": version,
        }
        return Put(credentials_key(account), {**body, **self._scram(account, password)})

    def check(self, account: Account | None, password: str) -> bool:
        """Slow, some 20 ms of a core; the same time for nobody's password and for a wrong one."""
        stored = None if account is None else self._table.get(credentials_key(account.id))
        too_long = len(password.encode("utf-8", "replace")) > LONGEST_PASSWORD
        spellings = _spellings(password)
        if account is None or stored is None or too_long:
            for spelling in spellings:
                verify_nobody(spelling[:LONGEST_PASSWORD])
            return False
        hashed = str(stored.body["hash"])
        if not any(verify(hashed, spelling) for spelling in spellings):
            return False
        if "salt" not in stored.body:
            self._complete(account.id, stored, password)
        return True

    def version(self, account: str) -> str | None:
        stored = self._table.get(credentials_key(account))
        return None if stored is None else str(stored.body["version"])

    def verifier(self, account: Account | None, name: str) -> ScramVerifier:
        """For SCRAM; one that nothing matches for an unknown *name*, a disabled account, and one
        whose password is from before there was SCRAM and has not been used since."""
        stored = None if account is None else self._table.get(credentials_key(account.id))
        made = None
        if account is not None and account.enabled and stored is not None:
            made = _verifier_in(stored, account.id)
        # Computed always: a known name must not answer sooner.
        nobodys = nobodys_verifier(self._nobodys_secret(), name)
        return made or nobodys

    def _scram(self, account: str, password: str) -> dict[str, Value]:
        try:
            made = make_verifier(account, password, self._randomness.octets(SALT_OCTETS))
        except BadSyntax:  # no SCRAM client can send it; PLAIN takes it as it is
            return {"salt": b""}
        return {
            "salt": made.salt,
            "iterations": made.iterations,
            "stored_key": made.stored_key,
            "server_key": made.server_key,
        }

    def _complete(self, account: str, stored: Record, password: str) -> None:
        """A password from before there was SCRAM: now that it is known to be right, derive."""
        condition = Holds("version", str(stored.body["version"]))
        body = {**stored.body, **self._scram(account, password)}
        try:
            self._table.write(Put(stored.key, body, condition=condition))
        except (ConditionFailed, StoreUnavailable):
            return  # changed meanwhile, or another time

    def _nobodys_secret(self) -> bytes:
        if not self._secret:
            found = self._table.get(_SECRET)
            if found is None:
                octets = self._randomness.octets(32)
                try:
                    self._table.write(Put(_SECRET, {"octets": octets}, condition=Absent()))
                except ConditionFailed:  # another process was faster
                    found = self._table.get(_SECRET)
            secret = octets if found is None else found.body["octets"]
            self._secret = secret if isinstance(secret, bytes) else b""
        return self._secret


def _verifier_in(stored: Record, account: str) -> ScramVerifier | None:
    body = stored.body
    salt, iterations = body.get("salt"), body.get("iterations")
    stored_key, server_key = body.get("stored_key"), body.get("server_key")
    if not (
        isinstance(salt, bytes)
        and isinstance(iterations, int)
        and isinstance(stored_key, bytes)
        and isinstance(server_key, bytes)
    ):
        return None
    return ScramVerifier(account, salt, iterations, stored_key, server_key, str(body["version"]))


def _spellings(password: str) -> list[str]:
    """As SASLprep has it (RFC 4616 section 2, RFC 6856 section 2.2), so that each client's é is the
    same; and as it came, when that differs: passwords used to be kept so."""
    try:
        prepared = saslprep(password)
    except BadSyntax:  # only PLAIN and PASS can say it, and only as it is
        return [password]
    return [prepared] if prepared == password or not prepared else [prepared, password]
