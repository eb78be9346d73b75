"""`postroom dkim`: the keys that mail of our domains is signed with."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from local.cli.session import DEFAULT_DATA, Data, Json, console, done, opened, show
from postroom.authentication.dkim.keys import DkimKey, KeyRing, NoSuchKey
from postroom.authentication.dkim.records import ALGORITHMS, Algorithm
from postroom.authentication.dkim.rotation import KEPT, rotate_due
from postroom.deliverability.records import DnsRecord, zone_line
from postroom.directory.addresses import canonical_domain
from postroom.errors import BadSetting

dkim = typer.Typer(
    no_args_is_help=True,
    help="DKIM: keys that mail of a domain is signed with, and how one follows another.",
)

_DAY = 86_400


class Kind(StrEnum):
    both = "both"
    rsa = "rsa"
    ed25519 = "ed25519"

    @property
    def algorithms(self) -> Sequence[Algorithm]:
        return [one for one in ALGORITHMS if self in ("both", one.partition("-")[0])]


def _domain(text: str) -> str:
    """As keys have it. Raises BadAddress."""
    return canonical_domain(text) if text else text


DomainName = Annotated[
    str, typer.Argument(metavar="DOMAIN", callback=_domain, help="The domain of authors.")
]
OneDomain = Annotated[
    str, typer.Argument(metavar="[DOMAIN]", callback=_domain, help="Only this one; else all.")
]
Selector = Annotated[str, typer.Argument(metavar="SELECTOR", help="As `dkim list` shows it.")]
KindOption = Annotated[Kind, typer.Option("--algorithm", help="What to make a key for.")]
Bits = Annotated[int, typer.Option("--bits", help="Length of an RSA key: 2048 to 4096.")]


@dkim.command("make")
def make(
    domain: DomainName, kind: KindOption = Kind.both, bits: Bits = 2048, data: Data = DEFAULT_DATA
) -> None:
    """Make a domain's keys, and print the records to publish.

    First keys sign at once. Where a key signs already, the new one waits for its record.
    """
    with opened(data) as app:
        made = app.dkim_keys.make(domain, kind.algorithms, bits)
        if not made:
            waiting = app.dkim_keys.ring(domain).with_state("announced")
            names = ", ".join(key.selector for key in waiting)
            raise BadSetting(f"{names} wait to be published or activated: no new keys are needed")
    _print_made(made)


@dkim.command("rotate")
def rotate(
    domain: DomainName, kind: KindOption = Kind.both, bits: Bits = 2048, data: Data = DEFAULT_DATA
) -> None:
    """Begin to replace a domain's keys now: make the next ones, and print their records."""
    with opened(data) as app:
        if not app.dkim_keys.list(domain):
            raise NoSuchKey(domain)
        made = app.dkim_keys.make(domain, kind.algorithms, bits)
        waiting = app.dkim_keys.ring(domain).with_state("announced")
    _print_made(made or waiting)


@dkim.command("import")
def adopt(
    domain: DomainName,
    selector: Annotated[str, typer.Argument(help="Under which the record is published.")],
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help="The private key in PEM; - for standard input.")
    ],
    data: Data = DEFAULT_DATA,
) -> None:
    """Take over the key of another mail system, so that no record has to change."""
    with opened(data) as app:
        key = app.dkim_keys.adopt(domain, selector, file.read(65_536))
    done(f"{key.domain} signs with {key.selector} ({key.algorithm})")


@dkim.command("list")
def list_keys(
    domain: OneDomain = "",
    records: Annotated[
        bool, typer.Option("--records", help="Print the DNS records, as a zone file has them.")
    ] = False,
    as_json: Json = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Keys, what each one does now, and what comes next."""
    with opened(data) as app:
        domains = [domain] if domain else app.dkim_keys.domains()
        rings = [app.dkim_keys.ring(one) for one in domains]
    if records and not as_json:
        for ring in rings:
            _print_records(ring.keys)
        return
    rows = [_row(ring, key, as_json) for ring in rings for key in ring.keys]
    show(rows, as_json, f"there are no keys: postroom dkim make {domain or 'DOMAIN'}")


@dkim.command("activate")
def activate(domain: DomainName, selector: Selector, data: Data = DEFAULT_DATA) -> None:
    """Sign with a key from now on; the one before it retires.

    Its record must be in the DNS, at all name servers, or signatures fail. An announced key whose
    record is seen there begins to sign by itself after some hours.
    """
    with opened(data) as app:
        key = app.dkim_keys.activate(domain, selector)
    done(f"{key.domain} signs with {key.selector}, within five minutes everywhere")


@dkim.command("retire")
def retire(domain: DomainName, selector: Selector, data: Data = DEFAULT_DATA) -> None:
    """Sign with a key no more. Its record stays needed for a while."""
    with opened(data) as app:
        key = app.dkim_keys.retire(domain, selector)
        left = app.dkim_keys.ring(domain).with_state("signing")
    done(f"{key.selector} signs no more; keep {key.name} until {_date(key.since + KEPT)}")
    if not left:
        console.print(f"[yellow]Mail of {key.domain} leaves unsigned now.[/]")


@dkim.command("remove")
def remove(
    domain: DomainName,
    selector: Selector,
    force: Annotated[bool, typer.Option("--force", help="Even if it signs mail now.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Destroy a key. Mail that it has signed and that is still on its way fails its check once
    the record is gone."""
    with opened(data) as app:
        key = app.dkim_keys.get(domain, selector)
        if key.state == "signing" and not force:
            raise BadSetting(f"{key.selector} signs mail now: retire it first, or use --force")
        app.dkim_keys.remove(domain, selector)
    done(f"{key.selector} is gone: remove {key.name} from the DNS")


@dkim.command("set")
def set_signing(
    domain: DomainName,
    rotation: Annotated[
        int | None,
        typer.Option("--rotate-days", help="Days until a key is followed by another; 0: never."),
    ] = None,
    lifetime: Annotated[
        int | None,
        typer.Option("--expire-days", help="Days that a signature holds (x=); 0: for ever."),
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Change how a domain signs. What is not named stays."""
    with opened(data) as app:
        ring = app.dkim_keys.ring(domain)
        rotation = ring.rotation if rotation is None else rotation
        lifetime = ring.lifetime if lifetime is None else lifetime
        app.dkim_keys.set(domain, rotation, lifetime)
    turn = f"follow each other every {rotation} days" if rotation else "stay for ever"
    end = f"end after {lifetime} days" if lifetime else "do not end"
    done(f"keys of {domain} {turn}, signatures {end}")


@dkim.command("check")
def check_due(data: Data = DEFAULT_DATA) -> None:
    """Look now at what `tick` looks at by itself: keys to replace, to activate, to remove."""
    with opened(data) as app:
        changed = rotate_due(app.dkim_keys, int(app.clock.seconds()), app.resolver)
    done(f"{changed} keys changed")


def _print_made(keys: Sequence[DkimKey]) -> None:
    _print_records(keys)
    signing = [key.selector for key in keys if key.state == "signing"]
    waiting = [key.selector for key in keys if key.state == "announced"]
    if signing:
        done(f"mail is signed with {' and '.join(signing)} from now on: publish the records above")
    if waiting:
        done(f"{' and '.join(waiting)} will sign once the records above are seen in the DNS")
        console.print("  or at once, by postroom dkim activate", style="dim")


def _print_records(keys: Sequence[DkimKey]) -> None:
    """For a zone file, so without colours or line breaks of ours."""
    for key in keys:
        typer.echo(zone_line(DnsRecord("DKIM", key.name, "TXT", key.text, "needed", "")))


def _row(ring: KeyRing, key: DkimKey, as_json: bool) -> dict[str, Any]:
    if as_json:
        return {
            "domain": key.domain,
            "selector": key.selector,
            "algorithm": key.algorithm,
            "bits": key.bits,
            "state": key.state,
            "made": key.made,
            "since": key.since,
            "rotate_days": ring.rotation,
            "expire_days": ring.lifetime,
            "record": {"name": key.name, "text": key.text},
        }
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm.removesuffix("-sha256") + (f" {key.bits}" if key.bits else ""),
        "state": key.state,
        "since": _date(key.since),
        "next": _next(ring, key),
    }


def _next(ring: KeyRing, key: DkimKey) -> str:
    if key.state == "retired":
        return f"gone on {_date(key.since + KEPT)}"
    if key.state == "announced":
        return "signs in some hours" if key.seen else "signs once it is in the DNS"
    if not ring.rotation:
        return "stays"
    return f"followed from {_date(key.since + ring.rotation * _DAY)}"


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d")
