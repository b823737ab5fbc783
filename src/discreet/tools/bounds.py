"""Limits on what a server may send. Exceeding one ends the session and fails the call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

if TYPE_CHECKING:
    import httpx2

MAX_RESPONSE = 16 * 1024**2
"""Maximum bytes of one HTTP response, including an event stream."""
MAX_MESSAGES = 5_000
"""Maximum messages from a server per call, such as progress notifications."""
AS_IT_IS = {"Accept-Encoding": "identity"}
"""Headers that refuse compression: a small response could expand to a huge one."""


async def bound_response(response: httpx2.Response) -> None:
    """Make reading a response fail beyond its limit. A response hook of an HTTP client."""
    import httpx2

    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        await response.aclose()
        raise httpx2.DecodingError("The response is compressed.", request=response.request)

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_RESPONSE
            async for part in self._stream:
                left -= len(part)
                if left < 0:
                    raise httpx2.ReadError("The response is too long.", request=response.request)
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    response.stream = Bounded(response.stream)


class Received:
    """The messages of a server. After too many, the stream ends and the session with it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MAX_MESSAGES

    def allow_more(self) -> None:
        """Reset the count, because a new call begins."""
        self._left = MAX_MESSAGES

    async def receive(self) -> Any:
        """Return the next message.

        Raises:
            anyio.EndOfStream: there are no more, or there were too many.
        """
        self._left -= 1
        if self._left < 0:
            raise anyio.EndOfStream
        return await self._stream.receive()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    @property
    def last_context(self) -> Any:
        """The context in which the last message was sent, which the client restores."""
        return getattr(self._stream, "last_context", None)

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


@asynccontextmanager
async def receiving(
    transport: AbstractAsyncContextManager[Any], received: list[Received]
) -> AsyncIterator[Any]:
    """Open a transport with a limited number of messages; append its counter to ``received``."""
    async with transport as (read, write):
        counting = Received(read)
        received.append(counting)
        yield counting, write
