"""Messages, sessions and memories: the calls that run in the scope of a contact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Unpack
from uuid import UUID, uuid4

from discreet.client.pending_reply import Draft, PendingReply, events_of
from discreet.client.transport import Scope, Transport, Versioned, read
from discreet.domain.errors import Unavailable
from discreet.schemas.events import Event, EventKind
from discreet.schemas.memories import (
    Hits,
    Memory,
    MemoryPage,
    MemoryPatch,
    MemoryVersion,
    MemoryVersions,
    Recall,
    Remember,
    Remembered,
    Restore,
    SearchMessages,
)
from discreet.schemas.messages import NewMessage, Reply
from discreet.schemas.own_data import (
    AccessList,
    ConfirmErasure,
    ErasureAsked,
    ErasureConfirmed,
    Explanation,
)
from discreet.schemas.sessions import Message, Session, SessionPage, Transcript


class ConversationCalls(Transport):
    """Calls in the scope of a contact, or of the token's bearer."""

    async def say(
        self,
        text: str,
        *,
        sender: str | None = None,
        contact_id: UUID | None = None,
        group: str | None = None,
        agent_id: UUID | None = None,
        thread_key: str = "",
        new: bool = False,
        replies_to: UUID | None = None,
        idempotency_key: str | None = None,
        on_draft: Draft | None = None,
        on_state: Draft | None = None,
    ) -> Reply:
        """Send a message and wait for the answer, as long as it takes.

        With a key of your own, a repeated message is stored once, even after a restart of your
        program.
        """
        said = NewMessage(
            text=text,
            sender=sender,
            contact_id=contact_id,
            group=group,
            agent_id=agent_id,
            thread_key=thread_key,
            new=new,
            replies_to=replies_to,
        )
        async with self.sending(said, idempotency_key=idempotency_key) as sent:
            return await sent.answer(on_draft, on_state)

    @asynccontextmanager
    async def sending(
        self, said: NewMessage, *, idempotency_key: str | None = None
    ) -> AsyncIterator[PendingReply]:
        """Send a message when the block begins; it is answered inside the block.

        It is stored once, however often the connection breaks.
        """
        key = idempotency_key or str(uuid4())
        async with AsyncExitStack() as stack:
            response = await self._repeating(
                lambda: stack.enter_async_context(
                    self._http.stream(
                        "POST",
                        "/api/messages",
                        json=said.model_dump(mode="json", exclude_defaults=True),
                        headers={"Accept": "text/event-stream", "Idempotency-Key": key},
                    )
                )
            )
            events = events_of(response)
            first = await anext(events, None)
            if first is None or first.name != "accepted":
                raise Unavailable(
                    "Unexpected response from the server.",
                    hint="Check that the URL is a Discreet server.",
                )
            yield PendingReply(
                UUID(first.data["message_id"]), UUID(first.data["session_id"]), events
            )

    async def events(
        self,
        *,
        kinds: Sequence[EventKind] = (),
        agent_id: UUID | None = None,
        last_event_id: str | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[Event]:
        """Return what happens from now on, or since an event; it ends after ``seconds``, or never.

        ``kinds`` and ``agent_id``: only these.

        Raises:
            Unavailable: the connection was lost. Go on after the last event that you have seen.
        """
        query: dict[str, Any] = {"kind": list(kinds)}
        if agent_id is not None:
            query["agent_id"] = str(agent_id)
        if seconds is not None:
            query["seconds"] = seconds
        headers = {"Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        async with AsyncExitStack() as stack:
            response = await self._repeating(
                lambda: stack.enter_async_context(
                    self._http.stream("GET", "/api/events", params=query, headers=headers)
                )
            )
            async for event in events_of(response):
                yield read(Event, event.data)

    async def reply(self, message_id: UUID, **scope: Unpack[Scope]) -> Reply:
        """Return the state of a message and its answer."""
        return await self._get(Reply, f"/api/messages/{message_id}", **scope)

    async def explain_answer(self, **scope: Unpack[Scope]) -> Explanation:
        """Return what the last answer to a contact was made of."""
        return await self._get(Explanation, "/api/own-data/why", **scope)

    async def access(self, **scope: Unpack[Scope]) -> AccessList:
        """Return who read or changed something of a contact, newest first."""
        return await self._get(AccessList, "/api/own-data/access", **scope)

    async def ask_for_erasure(self, **scope: Unpack[Scope]) -> ErasureAsked:
        """Return the code that confirms a contact's own erasure."""
        return await self._post(ErasureAsked, "/api/own-data/erasure", None, **scope)

    async def confirm_erasure(self, code: str, **scope: Unpack[Scope]) -> ErasureConfirmed:
        """Confirm a contact's own erasure with the code; return the receipt."""
        given = ConfirmErasure(code=code)
        return await self._post(ErasureConfirmed, "/api/own-data/erasure/confirm", given, **scope)

    def sessions(self, **scope: Unpack[Scope]) -> AsyncIterator[Session]:
        """Return the sessions of the scope, the newest first."""
        return self._pages(SessionPage, "/api/sessions", **scope)

    async def session(self, session_id: UUID, **scope: Unpack[Scope]) -> Session:
        """Return one session."""
        return await self._get(Session, f"/api/sessions/{session_id}", **scope)

    async def transcript(self, session_id: UUID, **scope: Unpack[Scope]) -> AsyncIterator[Message]:
        """Return the messages of a session, oldest first."""
        after: int | None = 0
        while after is not None:
            page = await self._get(
                Transcript, f"/api/sessions/{session_id}/messages", after=after, **scope
            )
            for message in page.items:
                yield message
            after = page.next

    async def end_session(self, session_id: UUID, **scope: Unpack[Scope]) -> Session:
        """End a session."""
        return await self._post(Session, f"/api/sessions/{session_id}/end", None, **scope)

    def memories(self, **scope: Unpack[Scope]) -> AsyncIterator[Memory]:
        """Return the memories of the scope, the newest first."""
        return self._pages(MemoryPage, "/api/memories", **scope)

    async def memory(self, memory_id: UUID, **scope: Unpack[Scope]) -> Versioned:
        """Return one memory."""
        return await self._versioned(Memory, "GET", f"/api/memories/{memory_id}", **scope)

    async def remember(
        self, new: Remember, *, idempotency_key: str | None = None, **scope: Unpack[Scope]
    ) -> Versioned:
        """Store a memory."""
        return await self._versioned(
            Remembered, "POST", "/api/memories", new, idempotency_key=idempotency_key, **scope
        )

    async def recall(self, wanted: Recall, **scope: Unpack[Scope]) -> Hits:
        """Search memories and reference texts, best match first."""
        return await self._post(Hits, "/api/memories/recall", wanted, **scope)

    async def search_messages(
        self, wanted: SearchMessages, *, session_id: UUID | None = None, **scope: Unpack[Scope]
    ) -> Hits:
        """Search past messages, best match first."""
        return await self._post(
            Hits, "/api/messages/search", wanted, session_id=session_id, **scope
        )

    async def update_memory(
        self,
        memory_id: UUID,
        patch: MemoryPatch,
        *,
        if_match: str | None = None,
        **scope: Unpack[Scope],
    ) -> Versioned:
        """Change a memory. The previous version stays in its history."""
        return await self._versioned(
            Memory, "PATCH", f"/api/memories/{memory_id}", patch, if_match, **scope
        )

    async def forget(
        self, memory_id: UUID, *, if_match: str | None = None, **scope: Unpack[Scope]
    ) -> None:
        """Forget a memory. Its history keeps it."""
        await self._call("DELETE", f"/api/memories/{memory_id}", None, if_match, **scope)

    async def history(self, memory_id: UUID, **scope: Unpack[Scope]) -> list[MemoryVersion]:
        """Return older versions of a memory, the newest first."""
        found = await self._get(MemoryVersions, f"/api/memories/{memory_id}/history", **scope)
        return found.items

    async def restore(
        self, memory_id: UUID, version: int | None = None, **scope: Unpack[Scope]
    ) -> Versioned:
        """Restore an older version of a memory."""
        return await self._versioned(
            Memory,
            "POST",
            f"/api/memories/{memory_id}/restore",
            Restore(version=version),
            **scope,
        )
