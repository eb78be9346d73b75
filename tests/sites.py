"""A web server with TLS on loopback, for tests: it answers what it is told to.

with served(authority.issue_cert("mta-sts.x.test")) as site:
    site.answer = text(b"version: STSv1 ...")
    HttpsWeb(resolver, trust, site.port).get(...)
"""

import http.server
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trustme

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Site(http.server.ThreadingHTTPServer):
    """Answers by *answer*; ``asked`` keeps method, path, Host and body."""

    daemon_threads = True

    def __init__(self, certificate: trustme.LeafCert, address: str, port: int) -> None:
        super().__init__((address, port), _Handler)
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.answer: Answer = text(b"hello")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients hang up on purpose here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        site = self.server
        assert isinstance(site, Site)
        site.asked.append((self.command, self.path, self.headers["Host"], body))
        site.answer(self)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


def text(body: bytes, status: int = 200, **fields: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **fields}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(*pieces: bytes, pause: float = 0.0) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(pause)
        handler.close_connection = True

    return answer


@contextmanager
def served(
    certificate: trustme.LeafCert, address: str = "127.0.0.1", port: int = 0
) -> Iterator[Site]:
    site = Site(certificate, address, port)
    thread = threading.Thread(target=site.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        site.shutdown()
        site.server_close()
        thread.join()
