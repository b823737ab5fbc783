"""Read bodies of HTTP requests, up to a limit."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

__all__ = ["MAX_BODY_BYTES", "BodyTooLarge", "limit_body", "read_body"]

MAX_BODY_BYTES = 1_000_000
"""Maximum bytes of one request of a program (REST and MCP)."""


class BodyTooLarge(HTTPException):
    """The body is larger than the limit."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413, f"The request body is too large; the limit is {max_bytes:,} bytes.")


def limit_body(scope: Scope, receive: Receive, max_bytes: int) -> Receive:
    """Return a ``receive`` that raises BodyTooLarge when the body exceeds the limit.

    Raises:
        BodyTooLarge: the request announces a larger one.
    """
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if not announced.isdigit() or int(announced) > max_bytes:
        raise BodyTooLarge(max_bytes)
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > max_bytes:
            raise BodyTooLarge(max_bytes)
        return message

    return counted


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes:
    """Read the whole body.

    Raises:
        BodyTooLarge: it exceeds the limit.
        starlette.requests.ClientDisconnect: the client has disconnected.
    """
    return await Request(scope, limit_body(scope, receive, max_bytes)).body()
