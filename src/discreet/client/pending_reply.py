"""An answer as it comes in, event by event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from discreet.client.transport import read, server_error
from discreet.domain.errors import Unavailable
from discreet.schemas.messages import Reply
from discreet.schemas.problems import Problem

__all__ = ["Draft", "PendingReply", "events_of"]

Draft = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    name: str
    data: dict[str, Any]


async def events_of(response: httpx.Response) -> AsyncIterator[StreamEvent]:
    name = ""
    try:
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield StreamEvent(name, json.loads(value))
    except httpx.TransportError as error:
        raise Unavailable(
            "The connection was lost. The message is stored and will be answered.",
            hint="The answer will appear in the conversation.",
        ) from error


class PendingReply:
    """A message that the server has stored."""

    def __init__(
        self, message_id: UUID, session_id: UUID, events: AsyncIterator[StreamEvent]
    ) -> None:
        self.message_id = message_id
        self.session_id = session_id
        self._events = events

    async def answer(self, on_draft: Draft | None = None, on_state: Draft | None = None) -> Reply:
        """Wait for the answer.

        ``on_draft`` gets the whole text so far, and ``on_state`` a state in which nobody answers
        now: ``paused``, ``taken_over`` or ``waiting``.

        Raises:
            Unavailable: the connection was lost; ``Client.reply`` asks again later.
        """
        draft = ""
        async for event in self._events:
            if event.name == "delta":
                draft = draft[: event.data["offset"]] + event.data["text"]
                if on_draft is not None:
                    await on_draft(draft)
            if event.name == "state" and on_state is not None:
                await on_state(event.data["state"])
            if event.name == "answer":
                return read(Reply, event.data)
            if event.name == "problem":
                raise server_error(read(Problem, event.data))
        raise Unavailable(
            "The connection closed before the answer came.",
            hint="The message is stored and will be answered.",
        )
