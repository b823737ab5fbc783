"""Look through what REST and MCP answer for the secrets of decoys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discreet.domain.canaries import CanaryFound, check_leaving

if TYPE_CHECKING:
    from starlette.types import Message, Send

__all__ = ["watching"]

_STOPPED = b'{"detail": "This answer was stopped. The owner was told."}'
_HEADERS = [(b"content-type", b"application/problem+json")]
KEPT = 400
"""Bytes of a stream that are looked through again with its next part."""


def watching(send: Send, way: str) -> Send:
    """Return a ``send`` that replaces an answer with an error if it holds a decoy's secret.

    A stream that has begun is ended instead. ``way``: the way out, for the owner.
    """
    begun: list[Message] = []
    tail = b""
    stopped = False

    async def watched(message: Message) -> None:
        nonlocal tail, stopped
        if stopped:
            return
        if message["type"] == "http.response.start":
            begun.append(message)  # until the first part of the answer is known
            return
        if message["type"] == "http.response.body":
            part = tail + message.get("body", b"")
            try:
                check_leaving(part.decode("utf-8", "replace"), way)
            except CanaryFound:
                stopped = True
                if begun:
                    begin = {"type": "http.response.start", "status": 500, "headers": _HEADERS}
                    await send(begin)
                body = _STOPPED if begun else b""
                await send({"type": "http.response.body", "body": body, "more_body": False})
                return
            tail = part[-KEPT:]
        while begun:
            await send(begun.pop(0))
        await send(message)

    return watched
