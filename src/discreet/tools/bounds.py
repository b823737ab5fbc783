"""How much a server may send. What is more ends the session, and the call gets an outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio

if TYPE_CHECKING:
    import httpx2

MAX_RESPONSE = 16 * 1024**2
"""Bytes of one response over HTTP, also of one that is a stream of messages."""
MAX_MESSAGES = 5_000
"""Messages of a server between two calls, such as notices of progress."""
AS_IT_IS = {"Accept-Encoding": "identity"}
"""Headers that ask for responses that aren't compressed: a small one could become a huge one."""


async def bound_response(response: httpx2.Response) -> None:
    """Let reading a response fail at its limit. A hook of an HTTP client."""
    import httpx2

    if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        await response.aclose()
        raise httpx2.DecodingError("It is compressed, unasked.", request=response.request)

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = MAX_RESPONSE
            async for part in self._stream:
                left -= len(part)
                if left < 0:
                    raise httpx2.ReadError("It is too long.", request=response.request)
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    response.stream = Bounded(response.stream)


class Received:
    """The messages of a server. When too many have come, they end, and the session with them."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MAX_MESSAGES

    def allow_more(self) -> None:
        """Begin to count anew: a call begins."""
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
    """Open a transport of which only so many messages are received; append what counts them."""
    async with transport as (read, write):
        counting = Received(read)
        received.append(counting)
        yield counting, write
