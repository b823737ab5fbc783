"""The ASGI application of the API."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from discreet.api import (
    admission,
    agents,
    channels,
    contacts,
    events,
    held_answers,
    links,
    memories,
    messages,
    operations,
    own_data,
    owner_messages,
    reminders,
    retention,
    sessions,
    takeover,
    tokens,
    tools,
    turns,
    web_chat,
)
from discreet.api.dependencies import Api
from discreet.api.description import DESCRIPTION, describe
from discreet.api.description_page import serve_page
from discreet.api.metrics import Measured, Measuring
from discreet.api.problems import answer, handle_problems, problem
from discreet.app import App
from discreet.auth.rate_limits import RateLimit, StreamLimit
from discreet.memory.embedding import Embedder
from discreet.request_body import MAX_BODY_BYTES, BodyTooLarge, limit_body

ROOMS = (
    messages,
    sessions,
    memories,
    own_data,
    owner_messages,
    contacts,
    takeover,
    held_answers,
    reminders,
    links,
    agents,
    channels,
    admission,
    tools,
    turns,
    tokens,
    retention,
    events,
    operations,
)
VISITORS_A_MINUTE = 20
"""Tokens that visitors of web chats get from one network address, within a minute."""


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


def api_app(app: App, embedder: Embedder, rate_limit: RateLimit) -> FastAPI:
    """Build the application that serves the API."""
    measured = Measured()
    api = FastAPI(
        title="Discreet",
        version=version("discreet"),
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    api.state.api = Api(
        app,
        embedder,
        rate_limit,
        StreamLimit(app.settings.api_streams),
        RateLimit(VISITORS_A_MINUTE),
    )
    api.state.measured = measured
    for room in ROOMS:
        api.include_router(room.router)
    api.include_router(web_chat.router)  # for browsers: no operation of the description
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
    describe(api)
    serve_page(api)
    return api
