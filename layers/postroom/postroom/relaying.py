"""Application -> what attempts deliveries and what operators do to the queue: wired on demand,
since accepting and delivering mail here needs none of it."""

from typing import TYPE_CHECKING

from postroom.app import App
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
            app.platform.resolver,
            HttpsWeb(),
            table,
            clock,
            randomness,
            own_names=(settings.hostname,),
            allow_loopback=settings.relay_to_loopback,
        ),
        courier=Courier(
            SocketNetwork(), clock, randomness, settings.hostname, ClientLimits()
        ),
        mailer=lambda: mailer_of(app),
        paces=paces_of(app),
        tls_reports=tls_reports_of(app),
        signer=app.signer,
        patience=settings.patience,
    )


def paces_of(app: App) -> Paces:
    return Paces(app.table, app.clock, app.randomness, app.settings.lease)


def operations_of(app: App) -> Operations:
    settings = app.settings
    return Operations(
        app.table, app.clock, app.journeys, app.outbound, settings.schedule, settings.lease
    )
