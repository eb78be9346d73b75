"""DNSSEC for real: Debian's bind9 serves signed zones, its unbound validates them, on loopback.

    with signed_names(tmp_path, {"signed.test": ZONE}, plain={"plain.test": ZONE}) as names:
        names.resolver().query("signed.test", "MX").validated  # True

*bogus* zones are signed with keys that unbound does not trust. Needs bind9, bind9-utils and
unbound.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from postroom.platform.dns import DnsResolver

_HEAD = "$TTL 300\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
_PROGRAMS = ("named", "dnssec-keygen", "dnssec-signzone", "unbound")
_PATIENCE = 15.0  # seconds for a server to start


def is_installed() -> bool:
    return all(_path(program) for program in _PROGRAMS)


@dataclass(frozen=True)
class SignedNames:
    port: int  # of the validating resolver

    def resolver(self) -> DnsResolver:
        return DnsResolver(timeout=10.0, servers=[("127.0.0.1", self.port)])


@contextmanager
def signed_names(
    folder: Path,
    signed: Mapping[str, str],
    plain: Mapping[str, str] | None = None,
    bogus: Mapping[str, str] | None = None,
) -> Iterator[SignedNames]:
    """Zones by name, without their SOA and NS; names in them relative or absolute."""
    folder.chmod(0o755)
    files: dict[str, Path] = {}
    anchors = []
    for name, text in {**signed, **(bogus or {})}.items():
        files[name], anchor = _signed(folder, name, text)
        anchors.append(anchor if name in signed else _signed(folder / "x", name, text)[1])
    for name, text in (plain or {}).items():
        files[name] = folder / f"{name}.zone"
        files[name].write_text(_HEAD + text)
    with ExitStack() as stack:
        inner, outer = _free_port(), _free_port()
        stack.enter_context(_bind9(folder, files, inner))
        stack.enter_context(_unbound(folder, list(files), anchors, inner, outer))
        yield SignedNames(outer)


def _signed(folder: Path, name: str, text: str) -> tuple[Path, str]:
    """Return the file of the signed zone, and its key-signing key as a trust anchor."""
    folder.mkdir(exist_ok=True)
    zone = folder / f"{name}.zone"
    key = _run(folder, "dnssec-keygen", "-a", "ECDSAP256SHA256", "-f", "KSK", name).strip()
    other = _run(folder, "dnssec-keygen", "-a", "ECDSAP256SHA256", name).strip()
    keys = [(folder / f"{one}.key").read_text() for one in (key, other)]
    zone.write_text(_HEAD + text + "\n" + "".join(keys))
    _run(folder, "dnssec-signzone", "-o", name, "-K", str(folder), "-z", zone.name, key, other)
    [anchor] = [line for line in keys[0].splitlines() if not line.startswith(";")]
    return Path(f"{zone}.signed"), anchor


@contextmanager
def _bind9(folder: Path, files: Mapping[str, Path], port: int) -> Iterator[None]:
    zones = "".join(
        f'zone "{name}" {{ type primary; file "{path}"; }};\n' for name, path in files.items()
    )
    conf = folder / "named.conf"
    conf.write_text(
        f'options {{ directory "{folder}"; pid-file none; session-keyfile "{folder}/session";\n'
        f"listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;\n"
        f"dnssec-validation no; notify no; }};\ncontrols {{ }};\n{zones}"
    )
    with _running(folder, [_path("named"), "-g", "-c", str(conf), "-n", "1"], port):
        yield


@contextmanager
def _unbound(
    folder: Path, names: list[str], anchors: list[str], inner: int, outer: int
) -> Iterator[None]:
    stubs = "".join(
        f'stub-zone:\n  name: "{name}."\n  stub-addr: 127.0.0.1@{inner}\n' for name in names
    )
    # "test." has no delegation in the world (RFC 6761), which unbound knows without asking.
    own = "".join(f'  local-zone: "{name}." nodefault\n' for name in ["test", *names])
    trusted = "".join(f'  trust-anchor: "{anchor}"\n' for anchor in anchors)
    conf = folder / "unbound.conf"
    conf.write_text(
        f'server:\n  directory: "{folder}"\n  chroot: ""\n  username: ""\n  pidfile: ""\n'
        f"  interface: 127.0.0.1@{outer}\n  port: {outer}\n  do-not-query-localhost: no\n"
        f'  do-daemonize: no\n  use-syslog: no\n  module-config: "validator iterator"\n'
        f"  access-control: 127.0.0.0/8 allow\n  do-ip6: no\n{own}{trusted}"
        f"remote-control:\n  control-enable: no\n{stubs}"
    )
    with _running(folder, [_path("unbound"), "-d", "-c", str(conf)], outer):
        yield


@contextmanager
def _running(folder: Path, command: list[str], port: int) -> Iterator[None]:
    journal = folder / f"{Path(command[0]).name}.log"
    with journal.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(process, port, journal)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, journal: Path) -> None:
    question = dns.message.make_query("ns.test.", "A")
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            dns.query.udp(question, "127.0.0.1", port=port, timeout=0.2)
        except (dns.exception.DNSException, OSError):
            time.sleep(0.05)
            continue
        return
    raise AssertionError(f"it does not answer:\n{journal.read_text()[-4000:]}")


def _run(folder: Path, program: str, *arguments: str) -> str:
    ended = subprocess.run(
        [_path(program), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _path(program: str) -> str:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") or ""


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
