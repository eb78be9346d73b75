"""The records of one owner's scripts, an account's or a domain's.

Partition ``scripts/<account id>`` or ``scripts/@<domain>``: under ``catalogue`` what there is, and
the texts that run by themselves, so that a delivery reads one record; under ``script/<name>`` the
text of each script, the active one's as well.

The catalogue's *revision* changes with everything that changes, and guards it. As long as
anything can run it is also the *version* that the owner's address or domain record tells to
deliveries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from postroom.platform.table import Absent, Condition, Holds, Key, Put, Record, Value
from postroom.scripts.errors import OverQuota, ScriptExists
from postroom.scripts.limits import Limits


@dataclass(frozen=True, slots=True)
class Catalogue:
    revision: str = ""  # "": nothing was ever kept
    active: str = ""  # name of the active script of an account, "" for none
    sizes: Mapping[str, int] = field(default_factory=dict)  # octets, by name
    # Texts that run by themselves: "form" and "active" of an account, "before" and "after" of a
    # domain.
    running: Mapping[str, bytes] = field(default_factory=dict)

    def admit(self, name: str, size: int, limits: Limits) -> None:
        """Raises OverQuota when a script of that name and size cannot be kept."""
        if size > limits.script:
            raise OverQuota("MAXSIZE", f"a script can have {limits.script} octets, not {size}")
        if name not in self.sizes and len(self.sizes) >= limits.scripts:
            raise OverQuota(
                "MAXSCRIPTS", f"there are {limits.scripts} scripts, the most there can be"
            )
        total = sum(self.sizes.values()) - self.sizes.get(name, 0) + size
        if total > limits.total:
            raise OverQuota("", f"all scripts together can have {limits.total} octets, not {total}")

    def with_running(self, role: str, text: bytes) -> Mapping[str, bytes]:
        """What runs when *text* has that role; b"" for nothing."""
        others = {other: kept for other, kept in self.running.items() if other != role}
        return {**others, role: text} if text else others

    def renamed(self, old: str, new: str) -> Mapping[str, int]:
        """The sizes when a script has another name. Raises ScriptExists."""
        if new in self.sizes:
            raise ScriptExists(new)
        return {new if name == old else name: size for name, size in self.sizes.items()}


def catalogue_key(partition: str) -> Key:
    return Key(partition, "catalogue")


def script_key(partition: str, name: str) -> Key:
    return Key(partition, f"script/{name}")


def personal(account: str) -> str:
    """The partition of an account's scripts. Ids of accounts have no "@"."""
    return f"scripts/{account}"


def shared(domain: str) -> str:
    """The partition of a domain's scripts; *domain* is canonical."""
    return f"scripts/@{domain}"


def text_of(record: Record) -> bytes:
    text = record.body["text"]
    assert isinstance(text, bytes)  # noqa: S101  (narrowing: `put_text` wrote it)
    return text


def put_text(partition: str, name: str, text: bytes) -> Put:
    return Put(script_key(partition, name), {"text": text})


def catalogue_of(record: Record | None) -> Catalogue:
    if record is None:
        return Catalogue()
    body = record.body
    sizes, running = body["sizes"], body["running"]
    assert isinstance(sizes, dict)  # noqa: S101  (narrowing: `put_catalogue` wrote it)
    assert isinstance(running, dict)  # noqa: S101
    return Catalogue(
        str(body["revision"]),
        str(body["active"]),
        {name: size for name, size in sizes.items() if isinstance(size, int)},
        {role: text for role, text in running.items() if isinstance(text, bytes)},
    )


def put_catalogue(partition: str, catalogue: Catalogue, before: Catalogue) -> Put:
    """The write of a catalogue that nobody has changed since it was *before*."""
    body: dict[str, Value] = {
        "revision": catalogue.revision,
        "active": catalogue.active,
        "sizes": {**catalogue.sizes},
        "running": {**catalogue.running},
    }
    guard: Condition = Holds("revision", before.revision) if before.revision else Absent()
    return Put(catalogue_key(partition), body, condition=guard)


def keys_of(partition: str, catalogue: Catalogue) -> Sequence[Key]:
    """All records of the owner."""
    return [catalogue_key(partition), *(script_key(partition, name) for name in catalogue.sizes)]
