"""Send calls, repeat those that failed on the way, and turn problems into errors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar
from uuid import UUID, uuid4

import httpx
from pydantic import BaseModel, ValidationError

from discreet.domain.errors import (
    BadInput,
    Conflict,
    DiscreetError,
    Forbidden,
    NotFound,
    Outdated,
    Unauthorized,
    Unavailable,
)
from discreet.proxies import check_proxies
from discreet.schemas.problems import Problem

__all__ = ["Scope", "Transport", "Versioned", "read", "server_error"]

Shape = TypeVar("Shape", bound=BaseModel)

TRIES = 4
"""Of a call that can be repeated, while the server can't be reached or is busy."""
FIRST_PAUSE_SECONDS = 0.25
MAX_PAUSE_SECONDS = 30.0

_ERRORS: dict[int, type[DiscreetError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Outdated,
    413: BadInput,
    422: BadInput,
    429: Unavailable,
    503: Unavailable,
}


class Scope(TypedDict, total=False):
    """The scope of a call, if the token may choose one."""

    agent_id: UUID | None
    contact_id: UUID | None
    sender: str | None


@dataclass(frozen=True, slots=True)
class Versioned:
    """A memory, agent or contact with the version that it was read at, for ``if_match``."""

    item: Any
    etag: str


class Transport:
    """One server, with one token."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = 90.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        check_proxies()
        if not re.fullmatch(r"https?://[^\s/?#]\S*", url):
            raise BadInput(f"{url[:100]!a} is not an address such as https://example.com.")
        if not re.fullmatch(r"[!-~]+", token):
            raise BadInput(
                "The token is empty, or has characters that no token has.",
                hint="Create one: sb tokens create --help",
            )
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _get(self, shape: type[Shape], path: str, **query: Any) -> Shape:
        return read(shape, (await self._call("GET", path, **query)).json())

    async def _post(self, shape: type[Shape], path: str, given: Any, **query: Any) -> Shape:
        return read(shape, (await self._call("POST", path, given, **query)).json())

    async def _send(
        self, shape: type[Shape], method: str, path: str, given: Any, **query: Any
    ) -> Shape:
        return read(shape, (await self._call(method, path, given, **query)).json())

    async def _delete(self, shape: type[Shape], path: str, **query: Any) -> Shape:
        return read(shape, (await self._call("DELETE", path, **query)).json())

    async def _versioned(
        self,
        shape: type[BaseModel],
        method: str,
        path: str,
        given: BaseModel | None = None,
        if_match: str | None = None,
        **query: Any,
    ) -> Versioned:
        response = await self._call(method, path, given, if_match, **query)
        return Versioned(read(shape, response.json()), response.headers.get("ETag", ""))

    async def _pages(self, shape: type[Any], path: str, **query: Any) -> AsyncIterator[Any]:
        cursor: str | None = None
        while True:
            page = await self._get(shape, path, cursor=cursor, **query)
            for item in page.items:
                yield item
            cursor = page.next
            if cursor is None:
                return

    async def _call(
        self,
        method: str,
        path: str,
        given: BaseModel | dict[str, Any] | None = None,
        if_match: str | None = None,
        idempotency_key: str | None = None,
        **query: Any,
    ) -> httpx.Response:
        body = given
        if isinstance(given, BaseModel):
            body = given.model_dump(mode="json", exclude_unset=True)
        headers = {} if if_match is None else {"If-Match": if_match}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid4())
        params = {name: str(value) for name, value in query.items() if value is not None}
        return await self._repeating(
            lambda: self._http.request(method, path, json=body, params=params, headers=headers)
        )

    async def _repeating(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Return the response to a call, retried while the server is unreachable or busy.

        Every call can be retried: those that create something have a key, and the others are
        idempotent.
        """
        pause = FIRST_PAUSE_SECONDS
        for left in reversed(range(TRIES)):
            try:
                response = await call()
            except httpx.TransportError as error:
                if not left:
                    raise Unavailable(
                        f"The server at {self._http.base_url} can't be reached.",
                        hint="Check that it is running (sb serve) and that the address is right.",
                    ) from error
            except httpx.InvalidURL as error:
                raise BadInput(f"Invalid server URL: {error}.") from error
            else:
                if response.is_success:
                    return response
                await response.aread()
                if "Retry-After" not in response.headers or not left:
                    raise server_error(_problem_of(response))
                pause = max(pause, _seconds(response.headers.get("Retry-After")))
            await asyncio.sleep(min(pause, MAX_PAUSE_SECONDS))
            pause *= 2
        raise AssertionError("the last try returns or raises")


def read(shape: type[Shape], data: Any) -> Shape:
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise Unavailable(
            "The server's response could not be parsed.",
            hint="The server may be a different version.",
        ) from error


def _problem_of(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate(response.json())
    except ValueError:
        return Problem(
            type="about:blank",
            title=response.reason_phrase,
            status=response.status_code,
            detail=f"The server answered {response.status_code}.",
        )


def server_error(problem: Problem) -> DiscreetError:
    kind = _ERRORS.get(problem.status, Unavailable)
    wrong = "; ".join(f"{one.where}: {one.message}" for one in problem.errors)
    return kind(problem.detail, hint=wrong)


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0
