"""The HTTP front of the one-machine runtime: is it well, and how much waits."""

from collections.abc import Callable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def server(address: str, port: int, report: Callable[[], Mapping[str, Any]]) -> uvicorn.Server:
    """A server for ``GET /health``: 200 when ``report()["ok"]``, else 503, with the report."""

    def health(request: Request) -> JSONResponse:
        found = dict(report())
        return JSONResponse(found, status_code=200 if found["ok"] else 503)

    app = Starlette(routes=[Route("/health", health)])
    return uvicorn.Server(
        uvicorn.Config(app, host=address, port=port, log_level="warning", lifespan="off")
    )
