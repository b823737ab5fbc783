"""Turn every error of the API into problem details (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from discreet.auth.rate_limits import TooManyRequests
from discreet.domain.errors import (
    BadInput,
    Conflict,
    DiscreetError,
    Forbidden,
    NotFound,
    Outdated,
    ScopeError,
    Unauthorized,
    Unavailable,
)
from discreet.intake.accept import NotTaken
from discreet.schemas import problems as wire

log = structlog.get_logger(__name__)
logging.getLogger("uvicorn.error").addFilter(lambda record: record.exc_info is None)

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class OtherContent(DiscreetError):
    """The body is not valid JSON."""


_STATUS: tuple[tuple[type[DiscreetError], int], ...] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotTaken, 403),
    (ScopeError, 403),
    (NotFound, 404),
    (Outdated, 412),
    (OtherContent, 415),
    (Conflict, 409),
    (BadInput, 422),
    (TooManyRequests, 429),
    (Unavailable, 503),
)


def problem(status: int, detail: str, errors: list[wire.Wrong] | None = None) -> wire.Problem:
    """Return the details of a problem with this HTTP status."""
    title = HTTPStatus(status).phrase
    kind = title.lower().replace(" ", "-")
    return wire.Problem(
        type=f"urn:discreet:{kind}", title=title, status=status, detail=detail, errors=errors or []
    )


def of_error(error: DiscreetError) -> wire.Problem:
    """Return the details of a service's error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if isinstance(error, NotTaken) and error.reason == "limited":
        status = 429
    return problem(status, str(error))


def answer(details: wire.Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a problem as a response."""
    return JSONResponse(
        details.model_dump(), details.status, headers=headers, media_type=MEDIA_TYPE
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documented problems of an operation, with those that every operation has."""
    everywhere = {400, 401, 403, 413, 422, 429, 503}
    return {status: documented_one(status) for status in sorted({*everywhere, *statuses})}


def documented_one(status: int) -> dict[str, Any]:
    """Return the description of a problem with this status."""
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def handle_problems(app: FastAPI) -> None:
    """Answer every error of the application with problem details."""

    @app.exception_handler(DiscreetError)
    async def of_a_room(request: Request, error: DiscreetError) -> JSONResponse:
        headers = {}
        if isinstance(error, Unauthorized):
            sent = "Authorization" in request.headers
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if sent else "Bearer"
        if isinstance(error, TooManyRequests):
            headers["Retry-After"] = str(error.seconds)
        if isinstance(error, Unavailable):
            headers["Retry-After"] = str(RETRY_SECONDS)
        return answer(of_error(error), headers)

    @app.exception_handler(RequestValidationError)
    async def of_a_request(_: Request, error: RequestValidationError) -> JSONResponse:
        # The input is not repeated: it may be anybody's text.
        errors = [
            wire.Wrong(where=".".join(str(part) for part in one["loc"]), message=_why(one))
            for one in error.errors()
        ]
        return answer(problem(422, "The request is invalid; see errors.", errors))

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if detail == HTTPStatus(error.status_code).phrase:  # Starlette's own: no route fits
            detail = {
                404: "There is no such path. /api/docs lists the paths.",
                405: f"This path takes {headers.get('Allow') or headers.get('allow', 'no such')}.",
            }.get(error.status_code, detail)
        return answer(problem(error.status_code, detail), headers)

    @app.exception_handler(Exception)
    async def of_ours(request: Request, error: Exception) -> JSONResponse:
        # Only the class of the error: its text may quote a message.
        route = getattr(request.scope.get("route"), "path", "")
        log.error("a request failed", route=route, error=type(error).__name__)
        return answer(problem(500, "Internal error; see the server's log."))


def _why(one: Any) -> str:
    return "unknown field" if one["type"] == "extra_forbidden" else str(one["msg"])
