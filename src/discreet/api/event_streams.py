"""Responses that stream server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from discreet.api.dependencies import Caller

EVENT_STREAM = "text/event-stream"


class EventStream(StreamingResponse):
    """A stream that counts towards its token's limit until it ends, however it ends.

    The caller has counted it with ``StreamLimit.begin``.
    """

    def __init__(self, who: Caller, events: AsyncIterator[str]) -> None:
        # A proxy that buffers would keep the answer until it is whole.
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        super().__init__(events, media_type=EVENT_STREAM, headers=headers)
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._who.api.streams.end(self._who.bearer.token_id)
