"""Application -> what attempts deliveries and what operators do to the queue: wired on demand,
since accepting and delivering mail here needs none of it."""

from functools import cache
from typing import TYPE_CHECKING

from postroom.app import App
from postroom.pipeline.posting import post
from postroom.relay.operations import Operations
from postroom.relay.pace import Paces

if TYPE_CHECKING:
    from postroom.platform.mailer import Mailer
    from postroom.relay.destinations.routes import Routes
    from postroom.relay.run import Relay
    from postroom.relay.tls_reports.store import TlsReports


def relay_of(app: App) -> "Relay":
    """The relay, with its connections to other servers. Close it at the end."""
    from postroom.platform.https import HttpsWeb
    from postroom.platform.sockets import SocketNetwork
    from postroom.relay.destinations.find import Destinations
    from postroom.relay.recording import Recorder
    from postroom.relay.run import Relay
    from postroom.relay.smtp.courier import Courier
    from postroom.relay.smtp.limits import ClientLimits

    settings, table, clock, randomness = app.settings, app.table, app.clock, app.randomness
    return Relay(
        blobs=app.blobs,
        clock=clock,
        recorder=Recorder(
            table,
            clock,
            randomness,
            app.journeys,
            app.outbound,
            app.suppression,
            settings.schedule,
            settings.lease,
        ),
        routes=routes_of(app),
        destinations=Destinations(
            app.resolver,
            HttpsWeb(app.resolver),
            table,
            clock,
            randomness,
            own_names=(settings.hostname,),
            allow_loopback=settings.relay_to_loopback,
        ),
        courier=Courier(
            SocketNetwork(),
            clock,
            randomness,
            settings.hostname,
            ClientLimits().within(settings.relay_timeout),
        ),
        mailer=cache(lambda: mailer_of(app)),  # a session and its connections serve for all
        paces=paces_of(app),
        tls_reports=tls_reports_of(app),
        signer=app.signer,
        patience=settings.patience,
    )


def tls_reports_of(app: App) -> "TlsReports":
    from postroom.relay.tls_reports.store import TlsReports

    return TlsReports(app.table, app.clock, app.randomness)


def routes_of(app: App) -> "Routes":
    from postroom.relay.destinations.routes import Routes

    return Routes(app.table, app.platform.vault)


def mailer_of(app: App) -> "Mailer":
    """Amazon SES, by whichever store: its credentials are those of any AWS tool."""
    from postroom.platform.aws.clients import Clients
    from postroom.platform.aws.mailer import SesMailer

    return SesMailer(Clients())


def rotate_keys(app: App) -> int:
    """Renew the DKIM keys whose time has come. Returns how many steps were taken."""
    from postroom.authentication.dkim.rotation import rotate_due

    return rotate_due(app.dkim_keys, int(app.clock.seconds()), app.resolver)


def report_on_tls(app: App) -> int:
    """Send the TLS reports that are due (RFC 8460). Returns how many went by mail."""
    from postroom.platform.https import HttpsWeb
    from postroom.relay.tls_reports.compose import Submitter
    from postroom.relay.tls_reports.daily import DailyReports

    host = app.hostname
    submitter = Submitter(host, host, f"postmaster@{host}")
    reports = DailyReports(app.table, app.resolver, HttpsWeb(app.resolver), submitter)
    now = app.clock.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    count = 0
    for due in reports.due_reports(now):
        # The policies of a domain that is told how TLS fails there must not keep the telling away
        # (RFC 8460 section 3).
        post(app, due.id, due.message, due.sender, due.recipients, midnight, tls_optional=True)
        count += 1
    return count


def paces_of(app: App) -> Paces:
    return Paces(app.table, app.clock, app.randomness, app.settings.lease)


def operations_of(app: App) -> Operations:
    settings = app.settings
    return Operations(
        app.table, app.clock, app.journeys, app.outbound, settings.schedule, settings.lease
    )
