"""`postroom up`: the whole postroom on this machine."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from gateway.certificates import development_certificate
from gateway.logs import configure_logging
from gateway.tls import development_names
from local.cli.session import DEFAULT_DATA, Data, console, opened
from local.cli.user import new_password
from local.runtime.supervisor import Plan, Supervisor, child_environment
from postroom.app import App
from postroom.directory.records import Domain

DEMO_DOMAIN, DEMO_USERS = "example.test", ("alice", "bob")


def _port(name: str, what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", envvar=f"POSTROOM_{name.upper()}", min=0, max=65535, help=f"{what}; 0: off."
    )
    return option


def up(
    data: Data = DEFAULT_DATA,
    bind: Annotated[
        str, typer.Option(envvar="POSTROOM_BIND", metavar="ADDR", help="Address to listen on.")
    ] = "127.0.0.1",
    smtp: Annotated[int, _port("smtp", "Mail from other servers (25)")] = 2525,
    submission: Annotated[int, _port("submission", "Mail from users, STARTTLS (587)")] = 2587,
    submissions: Annotated[int, _port("submissions", "Mail from users, TLS (465)")] = 2465,
    imap: Annotated[int, _port("imap", "IMAP, STARTTLS (143)")] = 2143,
    imaps: Annotated[int, _port("imaps", "IMAP, TLS (993)")] = 2993,
    pop3: Annotated[int, _port("pop3", "POP3, STLS (110)")] = 2110,
    pop3s: Annotated[int, _port("pop3s", "POP3, TLS (995)")] = 2995,
    sieve: Annotated[int, _port("sieve", "ManageSieve (4190)")] = 2419,
    http: Annotated[int, _port("http", "HTTP: GET /health")] = 8080,
    workers: Annotated[
        int,
        typer.Option(
            envvar="POSTROOM_WORKERS", min=1, max=64, help="Processes that run the functions."
        ),
    ] = min(os.cpu_count() or 1, 4),
    gateways: Annotated[
        int,
        typer.Option(
            envvar="POSTROOM_GATEWAYS", min=1, max=64, help="Processes that talk to clients."
        ),
    ] = min(os.cpu_count() or 1, 4),
    ready_file: Annotated[
        Path | None, typer.Option(metavar="F", help="Written when every listener accepts.")
    ] = None,
) -> None:
    """Run everything on this machine: listeners, functions and the embedded store.

    The first start makes a demo domain with two users and shows their passwords once. Later
    starts keep all data. Ctrl-C finishes what is under way and stops.
    """
    configure_logging(os.environ.get("POSTROOM_LOG", "warning"))
    data = data.absolute()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)
    ports = {
        "smtp": smtp,
        "submission": submission,
        "submissions": submissions,
        "imap": imap,
        "imaps": imaps,
        "pop3": pop3,
        "pop3s": pop3s,
        "sieve": sieve,
    }
    settings = {
        "POSTROOM_STORE": "embedded",
        "POSTROOM_DATA": str(data),
        "POSTROOM_BIND": bind,
        "POSTROOM_HOSTNAME": os.environ.get("POSTROOM_HOSTNAME", socket.getfqdn()),
        **{f"POSTROOM_{name.upper()}": str(port) for name, port in ports.items()},
    }
    authority = _authority(data, settings["POSTROOM_HOSTNAME"], bind)
    with opened(data) as app:
        demo = _make_demo(app)
    plan = Plan(data, bind, http, gateways, workers, child_environment(settings), ready_file)

    def when_ready() -> None:
        _print_next_steps(ports, data, demo, authority)

    asyncio.run(Supervisor(plan).run(when_ready))
    console.print(f"Stopped. All mail is in {data}.", style="dim", highlight=False)


def _authority(data: Path, hostname: str, bind: str) -> Path | None:
    """The development authority's certificate, or None when a real certificate is given."""
    if os.environ.get("POSTROOM_TLS_CERTIFICATE"):
        return None
    names = development_names(hostname, bind.split(","))
    return development_certificate(data / "tls", names).authority


def _make_demo(app: App) -> dict[str, str]:
    """In an empty store: the demo domain and its users. Returns passwords by address."""
    if app.directory.domains():
        return {}
    app.directory.add_domain(Domain(DEMO_DOMAIN))
    passwords = {f"{name}@{DEMO_DOMAIN}": new_password() for name in DEMO_USERS}
    for address, password in passwords.items():
        account = app.directory.add_account(address, password)
        app.mailboxes.create_account(account.id)
    return passwords


def _print_next_steps(
    ports: dict[str, int], data: Path, demo: dict[str, str], authority: Path | None
) -> None:
    """What a person does next: ports, passwords, a first mail. Every line can be copied."""
    console.print("\n[bold green]Postroom is up.[/] Ctrl-C stops it.\n")
    open_ports = {name: port for name, port in ports.items() if port}
    listed = "   ".join(f"{name} [bold]{port}[/]" for name, port in open_ports.items())
    console.print(f"  listening   {listed}", highlight=False)
    console.print(f"  mail        {data}", highlight=False)
    if authority is not None:
        console.print(f"  trust       {authority}", highlight=False)
    if demo:
        console.print("\n  Two users to try it with; the passwords are shown only now:\n")
        for address, password in demo.items():
            console.print(f"    {address}   [bold]{password}[/]", highlight=False)
    user = next(iter(demo), f"alice@{DEMO_DOMAIN}")
    if ports["smtp"]:
        console.print("\n  Send a mail:\n")
        mail = f"From: you@elsewhere.test\\r\\nTo: {user}\\r\\nSubject: Hello\\r\\n\\r\\nHi.\\r\\n"
        _command(
            f"printf '{mail}' | curl -sS smtp://127.0.0.1:{ports['smtp']} "
            f"--mail-from you@elsewhere.test --mail-rcpt {user} -T -"
        )
    password = f":{demo[user]}" if user in demo else ""
    trust = f"--cacert {authority} " if authority is not None else ""
    if ports["submission"]:
        console.print(f"\n  Send one as {user.partition('@')[0]}:\n")
        friend = f"bob@{DEMO_DOMAIN}"
        mail = f"From: {user}\\r\\nTo: {friend}\\r\\nSubject: Hello\\r\\n\\r\\nHi.\\r\\n"
        _command(
            f"printf '{mail}' | curl -sS {trust}--ssl-reqd -u {user}{password} "
            f"smtp://localhost:{ports['submission']} "
            f"--mail-from {user} --mail-rcpt {friend} -T -"
        )
    if ports["imaps"]:
        console.print("\n  Read it:\n")
        _command(
            f"curl -sS {trust}-u {user}{password} 'imaps://localhost:{ports['imaps']}/INBOX;UID=*'"
        )
    console.print("\n  Administer it: [bold]postroom --help[/], in another terminal.\n")


def _command(line: str) -> None:
    console.print(f"    {line}", highlight=False, soft_wrap=True, markup=False)
