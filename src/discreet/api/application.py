"""The ASGI application of the API."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from discreet.api import (
    admission,
    agents,
    channels,
    contacts,
    links,
    memories,
    messages,
    operations,
    sessions,
    takeover,
    tokens,
    turns,
)
from discreet.api.dependencies import Api
from discreet.api.metrics import Measured, Measuring
from discreet.api.problems import answer, handle_problems, problem
from discreet.app import App
from discreet.auth.pace import Pace, Streams
from discreet.memory.embedding import Embedder
from discreet.request_body import MAX_BODY_BYTES, BodyTooLarge, limit_body
from discreet.schemas.problems import Problem

ROOMS = (
    messages,
    sessions,
    memories,
    contacts,
    takeover,
    links,
    agents,
    channels,
    admission,
    turns,
    tokens,
    operations,
)

_DESCRIPTION = """\
One AI agent, many people, every one of them private.

Every request needs a token (`Authorization: Bearer sb_...`) and runs in that token's scope: the
owner's, one contact's, or, with an agent's token, the scope of the contact that the request names.
Anything outside the scope answers exactly as if it did not exist. Unknown parameters and fields are
rejected.

Errors are problem details (RFC 9457). Lists are paginated: pass `next` as `cursor` to get the next
page.
"""


class _Limited:
    """ASGI middleware that rejects a request body that is too large before reading all of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                receive = limit_body(scope, receive, MAX_BODY_BYTES)
            except BodyTooLarge as error:
                await answer(problem(413, error.detail))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def api_app(app: App, embedder: Embedder, pace: Pace) -> FastAPI:
    """Build the application that serves the API."""
    measured = Measured()
    api = FastAPI(
        title="Discreet",
        version=version("discreet"),
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.api = Api(app, embedder, pace, Streams(app.settings.api_streams))
    api.state.measured = measured
    for room in ROOMS:
        api.include_router(room.router)
    handle_problems(api)
    api.add_middleware(_Limited)
    if app.settings.api_origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=list(app.settings.api_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "Idempotency-Key"],
            expose_headers=["ETag", "Retry-After"],
        )
    api.add_middleware(Measuring, measured=measured)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    """Take each summary from its docstring and describe errors as the problems they are."""
    for route in api.routes:
        if isinstance(route, APIRoute):
            route.summary = route.description.partition("\n")[0].partition(". ")[0].rstrip(".")

    def describe() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = get_openapi(
                title=api.title,
                version=api.version,
                description=api.description,
                routes=api.routes,
            )
            schemas = schema["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= described.pop("$defs")
            schemas["Problem"] = described
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = describe  # type: ignore[method-assign]
