"""``python -m gateway``: every listener of the edge in one process.

Settings come from POSTROOM_* variables (gateway/settings.py, postroom/settings.py). SIGTERM or
SIGINT: accept nobody new, finish what is under way, leave. SIGHUP: read the certificate again.
Several processes may share the ports.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Mapping

import uvloop

from gateway.crossing import Crossing
from gateway.door import Service
from gateway.imap.server import make_imap
from gateway.listeners import Listeners
from gateway.login import Login
from gateway.logs import configure_logging
from gateway.managesieve.server import make_managesieve
from gateway.metrics import serve_metrics
from gateway.pop3.server import make_pop3
from gateway.settings import GatewaySettings
from gateway.smtp.allowance import Allowance
from gateway.smtp.limits import SmtpLimits
from gateway.smtp.server import make_smtp, make_submission
from gateway.smtp.submission import Desk
from gateway.tls import Tls, development_names, open_tls
from postroom.app import App, build
from postroom.errors import BadSetting, StoreUnavailable
from postroom.platform.tokens import Tokens
from postroom.submission.counts import Counts

log = logging.getLogger("postroom.gateway")

# Seconds. A thread that writes needs the interpreter some twenty times, briefly, between waits for
# the disk, and others wait for its locks: with Python's 5 ms it would lose most of its time.
_SWITCH = 0.0002
_LOOK_AT_CERTIFICATE = 10.0  # seconds
_EX_CONFIG = 78  # sysexits.h: starting again will not help


def services(
    app: App, settings: GatewaySettings, crossing: Crossing, tls: Tls
) -> list[tuple[Service, int]]:
    """Every listener that this gateway can open, with its port."""
    login = Login(app.directory, crossing, app.clock, tokens=open_tokens(app, settings))
    desk = Desk(
        login,
        allowance(app, settings, crossing),
        tls.bindings,
        settings.may_send_plaintext,
        settings.channel_binding,
    )
    limits = smtp_limits(settings)
    smtp = make_smtp(app, limits, crossing, lambda: tls.context)
    submission = make_submission(app, limits, crossing, lambda: tls.context, desk)
    imap = make_imap(app, settings, crossing, login, tls, implicit=False)
    imaps = imap.for_tls(implicit=True)
    pop3 = make_pop3(app, settings, crossing, login, tls, implicit=False)
    pop3s = pop3.for_tls(implicit=True)
    sieve = make_managesieve(app, settings, crossing, login, tls)

    async def drain_smtp(patience: float) -> None:
        await smtp.drain()  # its limits know the patience

    async def drain_submission(patience: float) -> None:
        await submission.drain()

    # What a client hears that finds no room (RFC 5321 section 3.8, RFC 9051 section 7.1.5,
    # RFC 3206 section 3, RFC 5804 section 1.3).
    host = app.settings.hostname.encode()
    full_smtp = b"421 4.7.0 " + host + b" Too many connections, try again later\r\n"
    full_imap = b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n"
    full_pop3 = b"-ERR [SYS/TEMP] Too many connections, try again later\r\n"
    full_sieve = b'BYE (TRYLATER) "Too many connections, try again later"\r\n'
    found = [
        Service("smtp", smtp, full_smtp, drain_smtp),
        Service("submission", submission, full_smtp, drain_submission),
        Service("submissions", submission, full_smtp, drain_submission, implicit_tls=True),
        Service("imap", imap, full_imap, imap.drain),
        Service("imaps", imaps, full_imap, imap.drain, implicit_tls=True),
        Service("pop3", pop3, full_pop3, pop3.drain),
        Service("pop3s", pop3s, full_pop3, pop3.drain, implicit_tls=True),
        Service("sieve", sieve, full_sieve, sieve.drain),
    ]
    return [(service, settings.ports.get(service.name, 0)) for service in found]


def smtp_limits(settings: GatewaySettings) -> SmtpLimits:
    return SmtpLimits(
        message_size=settings.message_size,
        message_discarded=2 * settings.message_size,
        recipients=settings.recipients,
        errors=settings.errors,
        messages_per_minute=settings.message_rate,
        unlimited_networks=settings.unlimited_networks,
        command_timeout=settings.smtp_timeout,
        tls_timeout=settings.handshake_timeout,
        drain_timeout=settings.drain_timeout,
        bare_line_endings=settings.bare_newline,
    )


def allowance(app: App, settings: GatewaySettings, crossing: Crossing) -> Allowance:
    return Allowance(
        app.directory,
        Counts(app.platform.table, app.clock),
        crossing,
        app.clock,
        messages_per_hour=settings.sender_messages,
        recipients_per_day=settings.sender_recipients,
    )


def open_tokens(app: App, settings: GatewaySettings) -> Tokens | None:
    if settings.oauth_jwks is None:
        return None
    from postroom.platform.jwt import JwtTokens  # heavy, and most have no use for it

    return JwtTokens(
        settings.oauth_jwks,
        settings.oauth_issuer,
        settings.oauth_audience,
        settings.oauth_claim,
        app.clock,
    )


async def serve(app: App, settings: GatewaySettings, ready_fd: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadSetting."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    folder = app.settings.data / "tls"
    names = development_names(app.settings.hostname, settings.bind)
    tls = open_tls(settings.tls_certificate, settings.tls_key, folder, names)
    loop.add_signal_handler(signal.SIGHUP, tls.reload)
    crossing = Crossing(app, settings.threads)
    listeners = Listeners(settings, tls)
    for service, port in services(app, settings, crossing, tls):
        await listeners.open(service, port)
    if settings.metrics > 0:
        serve_metrics(settings.bind[0], settings.metrics)
    watching = loop.create_task(_watch_certificate(tls))
    line = listeners.ready_line()
    _tell_ready(settings, ready_fd, line)
    # What start-up made stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    log.info("ready", extra={"listeners": line.removeprefix("ready ")})
    await stop.wait()
    watching.cancel()
    cut_off = await listeners.drain(settings.drain_timeout)
    # What clients were told is safe already; this waits for calls whose clients have gone.
    await asyncio.to_thread(crossing.close)
    log.info("stopped", extra={"cut_off": cut_off})


async def _watch_certificate(tls: Tls) -> None:
    while True:
        await asyncio.sleep(_LOOK_AT_CERTIFICATE)
        try:
            tls.reload_if_changed()
        except OSError:
            log.exception("certificate not reloaded")


def _tell_ready(settings: GatewaySettings, ready_fd: int | None, line: str) -> None:
    if settings.ready_file is not None:
        # Renamed, so that whoever waits for the file finds the whole line in it.
        draft = settings.ready_file.with_name(settings.ready_file.name + ".draft")
        draft.write_text(line + "\n")
        os.replace(draft, settings.ready_file)
    if ready_fd is not None:
        with os.fdopen(ready_fd, "w") as channel:
            channel.write(line + "\n")


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Return the exit status: 0, or 78 when a setting is to blame, 75 when a store is."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("--ready-fd", type=int, help="gets one line when every listener accepts")
    options = parser.parse_args(arguments)
    try:
        configure_logging(environment.get("POSTROOM_LOG", "info"))
        settings = GatewaySettings.from_environment(environment)
        app = build(environment)
    except (BadSetting, StoreUnavailable) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _EX_CONFIG if isinstance(error, BadSetting) else os.EX_TEMPFAIL
    sys.setswitchinterval(_SWITCH)
    try:
        uvloop.run(serve(app, settings, options.ready_fd))
    except BadSetting as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _EX_CONFIG
    finally:
        with contextlib.suppress(StoreUnavailable):
            app.platform.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
