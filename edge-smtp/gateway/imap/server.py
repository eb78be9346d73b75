"""The IMAP listeners: what makes a protocol for each connection, and lets all of them go."""

import asyncio

from gateway.crossing import Crossing
from gateway.imap.appender import Appender
from gateway.imap.connection import Connection
from gateway.imap.limits import ImapLimits
from gateway.imap.room import Room
from gateway.imap.service import Service
from gateway.imap.summaries import SummaryCache
from gateway.imap.watchers import Watchers
from gateway.login import Login
from gateway.settings import GatewaySettings
from gateway.tls import Tls
from postroom.app import App
from postroom.mailboxes.view import Views


class ImapServer:
    """Call it for the protocol of a new connection. One for each port; ``for_tls`` makes the
    second one, which shares everything that a process should have once."""

    def __init__(self, service: Service, *, implicit: bool) -> None:
        self._service = service
        self._implicit = implicit

    def __call__(self) -> asyncio.Protocol:
        """Call it while the loop runs."""
        return Connection(self._service, tls=self._implicit)

    def for_tls(self, *, implicit: bool) -> "ImapServer":
        return ImapServer(self._service, implicit=implicit)

    async def drain(self, seconds: float) -> None:
        """Let commands under way finish, say BYE to everybody, and wait for it at most so long.

        The connections of all ports that share the service go.
        """
        await self._service.drain(seconds)


def make_imap(
    app: App,
    settings: GatewaySettings,
    crossing: Crossing,
    login: Login,
    tls: Tls | None,
    implicit: bool,
    limits: ImapLimits | None = None,
) -> ImapServer:
    """Wire a server for one port. *implicit*: the listener has done the TLS handshake already.

    *limits*: instead of those that the settings say.
    """
    limits = limits or ImapLimits(
        message_size=settings.message_size,
        idle_seconds=settings.imap_timeout,
        login_seconds=settings.login_timeout,
        handshake_seconds=settings.handshake_timeout,
        errors=settings.errors,
        connections=settings.connections,
    )
    service = Service(
        app=app,
        crossing=crossing,
        login=login,
        limits=limits,
        watchers=Watchers(app.platform.topic, crossing),
        views=Views(app.mailboxes),
        summaries=SummaryCache(app.mailboxes, limits.summaries),
        searched=Room(limits.view_messages),
        appender=Appender(app, crossing),
        tls=tls,
        lists_plus=settings.channel_binding,
        plaintext_login=settings.may_send_plaintext,
    )
    return ImapServer(service, implicit=implicit)
