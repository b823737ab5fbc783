"""The ASGI application of the dashboard."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from discreet.auth.sign_ins import SESSION_LASTS, find_session, sign_in
from discreet.dashboard import (
    agents,
    channels,
    contact,
    files,
    first_steps,
    home,
    inbox,
    linking,
    memories,
    references,
    reminders,
    retention,
    settings,
    sign_ins,
    simulator,
    tokens,
    tools,
    turns,
    web_chats,
    webhooks,
)
from discreet.dashboard.context import Dashboard, View, Views
from discreet.dashboard.rendering import make_renderer
from discreet.dashboard.security import COOKIE, READING, Guard, Site, checked_form
from discreet.domain.errors import (
    BadInput,
    Conflict,
    DiscreetError,
    NotFound,
    Unavailable,
)

if TYPE_CHECKING:
    from discreet.app import App

log = structlog.get_logger(__name__)

ROOMS = (
    home,
    first_steps,
    inbox,
    contact,
    memories,
    turns,
    simulator,
    agents,
    references,
    files,
    linking,
    channels,
    tools,
    web_chats,
    webhooks,
    reminders,
    settings,
    retention,
    tokens,
    sign_ins,
)
VIEWS: Views = tuple(view for room in ROOMS for view in room.VIEWS)
"""Every page and every form, apart from signing in."""
STATUS = ((NotFound, 404), (BadInput, 422), (Conflict, 409), (Unavailable, 503))


def dashboard_app(app: App) -> Starlette:
    """Build the application that serves the dashboard."""
    dashboard = Dashboard(app, make_renderer(), Site(app.settings.dashboard_url or ""))

    def signed_in(view: View) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            session = await find_session(app.db, request.cookies.get(COOKIE, ""))
            # One installation has one owner; a session of another opens nothing.
            if session is None or session.owner_id != app.owner_id:
                return _signed_out(request)
            request.state.session = session
            if request.method not in READING:
                request.state.form = await checked_form(request)
            try:
                return await view(dashboard, request)
            except (DiscreetError, HTTPException):
                raise
            except Exception as error:
                # Its text may quote somebody, so only its kind and place are written down.
                log.error(
                    "a page failed",
                    page=view.__name__,
                    error=type(error).__name__,
                    at=_place(error),
                )
                message = "Unexpected error. See the server's log."
                return dashboard.renderer.page(request, "error.html", 500, message=message, hint="")

        return answer

    def _signed_out(request: Request) -> Response:
        return dashboard.renderer.page(request, "signed_out.html", 401, refused=False)

    async def open_with_code(request: Request) -> Response:
        secret = await sign_in(app.db, request.query_params.get("code", ""), _device(request))
        if secret is None:
            return dashboard.renderer.page(request, "signed_out.html", 401, refused=True)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(SESSION_LASTS.total_seconds()),
            path="/",
            httponly=True,
            samesite="strict",
            secure=dashboard.site.is_secure,
        )
        return response

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, DiscreetError)  # noqa: S101 - as registered below
        status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
        return dashboard.renderer.page(
            request, "error.html", status, message=error.message, hint=error.hint
        )

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - as registered below
        page = dashboard.renderer.page(
            request, "error.html", error.status_code, message=error.detail, hint=""
        )
        page.headers.update(error.headers or {})  # such as Allow
        return page

    routes = [Route(path, signed_in(view), methods=[method]) for method, path, view in VIEWS]
    return Starlette(
        routes=[
            Route("/sign-in", open_with_code, methods=["GET"]),
            Mount("/static", _Files(packages=[("discreet.dashboard", "static")])),
            *routes,
        ],
        middleware=[Middleware(Guard, site=dashboard.site)],
        exception_handlers={DiscreetError: on_error, HTTPException: on_http_error},
    )


class _Files(StaticFiles):
    """Files of ours, which browsers keep: a changed one has another address."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _device(request: Request) -> str:
    return request.headers.get("user-agent", "unknown browser")


__all__ = ["VIEWS", "dashboard_app"]
