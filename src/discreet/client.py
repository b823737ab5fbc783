"""A typed client of the REST API. All calls run in the scope of its token."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, TypeVar, Unpack
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
from discreet.schemas.agents import Agent, AgentPage, AgentPatch, NewAgent
from discreet.schemas.contacts import (
    Contact,
    ContactPage,
    ContactPatch,
    NameResolved,
    ResolvedContact,
)
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
from discreet.schemas.operations import Me, Status, Usage
from discreet.schemas.problems import Problem
from discreet.schemas.sessions import Message, Session, SessionPage, Transcript

__all__ = ["Client", "PendingReply", "Scope", "Versioned"]

Shape = TypeVar("Shape", bound=BaseModel)
Draft = Callable[[str], Awaitable[None]]

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


@dataclass(frozen=True, slots=True)
class Versioned:
    """A memory, agent or contact with the version that it was read at, for ``if_match``."""

    item: Any
    etag: str


class PendingReply:
    """A message that the server has stored."""

    def __init__(self, message_id: UUID, session_id: UUID, events: AsyncIterator[_Event]) -> None:
        self.message_id = message_id
        self.session_id = session_id
        self._events = events

    async def answer(self, on_draft: Draft | None = None, on_state: Draft | None = None) -> Reply:
        """Wait for the answer; ``on_draft`` gets what is written so far, whole, and ``on_state`` a
        state in which nobody answers: ``paused`` or ``taken_over``.

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
                return _read(Reply, event.data)
            if event.name == "problem":
                raise _error(_read(Problem, event.data))
        raise Unavailable(
            "The connection closed before the answer came.",
            hint="The message is stored and will be answered.",
        )


class Client:
    """A client of one server, in the scope of its token.

        async with Client("http://127.0.0.1:8780", token) as discreet:
            reply = await discreet.say("Hello!", sender="telegram:99887766")

    ``agent_id`` and ``contact_id`` of its methods name a scope, which only an owner's token may do,
    and an agent's token has to (its contact). Calls that change nothing twice are repeated while
    the server can't be reached or says that it is busy.

    It goes through the proxies that the environment names (``HTTPS_PROXY``, ``ALL_PROXY`` ...).

    Raises:
        BadInput: a proxy of the environment can't be used.

    Every method raises:
        Unauthorized: the token opens nothing.
        Forbidden: it doesn't open this.
        NotFound, BadInput, Conflict, Outdated: as the server says.
        Unavailable: the server can't be reached, or is busy.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 90.0) -> None:
        check_proxies()
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
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

    async def me(self) -> Me:
        """Return what the token is for."""
        return await self._get(Me, "/api/me")

    async def status(self) -> Status:
        """Return what needs the owner's attention, in numbers."""
        return await self._get(Status, "/api/admin/status")

    async def usage(
        self, *, by: Literal["day", "agent", "contact", "model"] = "day", days: int = 14
    ) -> Usage:
        """Return what turns used, in tokens and US dollars."""
        return await self._get(Usage, f"/api/admin/usage?by={by}&days={days}")

    # Messages.

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
        on_draft: Draft | None = None,
    ) -> Reply:
        """Send a message and wait for the answer, as long as it takes."""
        said = NewMessage(
            text=text,
            sender=sender,
            contact_id=contact_id,
            group=group,
            agent_id=agent_id,
            thread_key=thread_key,
            new=new,
        )
        async with self.sending(said) as sent:
            return await sent.answer(on_draft)

    @asynccontextmanager
    async def sending(self, said: NewMessage) -> AsyncIterator[PendingReply]:
        """Send a message when the block begins; it is answered inside the block. It is stored
        once, however often the connection breaks."""
        key = str(uuid4())
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
            events = _events(response)
            first = await anext(events, None)
            if first is None or first.name != "accepted":
                raise Unavailable(
                    "Unexpected response from the server.",
                    hint="Check that the URL is a Discreet server.",
                )
            yield PendingReply(
                UUID(first.data["message_id"]), UUID(first.data["session_id"]), events
            )

    async def reply(self, message_id: UUID, **scope: Unpack[Scope]) -> Reply:
        """Return the state of a message and its answer."""
        return await self._get(Reply, f"/api/messages/{message_id}", **scope)

    # Contacts.

    async def resolve_contact(
        self,
        platform: str,
        platform_id: str,
        *,
        auto_create: bool,
        name: str = "",
        kind: str = "external",
    ) -> ResolvedContact:
        """Return the contact behind an address."""
        return await self._post(
            ResolvedContact,
            "/api/admin/contacts/resolve",
            {
                "platform": platform,
                "platform_id": platform_id,
                "auto_create": auto_create,
                "name": name,
                "type": kind,
            },
        )

    async def resolve_name(self, name: str) -> NameResolved:
        """Return the contacts that a name may mean."""
        return await self._post(NameResolved, "/api/admin/contacts/resolve-name", {"name": name})

    def contacts(self) -> AsyncIterator[Contact]:
        """Return all contacts, newest first."""
        return self._pages(ContactPage, "/api/admin/contacts")

    async def contact(self, contact_id: UUID) -> Versioned:
        """Return one contact."""
        return await self._versioned(Contact, "GET", f"/api/admin/contacts/{contact_id}")

    async def update_contact(
        self, contact_id: UUID, patch: ContactPatch, *, if_match: str | None = None
    ) -> Versioned:
        """Set a contact's name, aliases, note, or whether it is blocked."""
        return await self._versioned(
            Contact, "PATCH", f"/api/admin/contacts/{contact_id}", patch, if_match
        )

    # Agents.

    def agents(self) -> AsyncIterator[Agent]:
        """Return the owner's agents, the newest first."""
        return self._pages(AgentPage, "/api/admin/agents")

    async def agent(self, agent_id: UUID) -> Versioned:
        """Return one agent."""
        return await self._versioned(Agent, "GET", f"/api/admin/agents/{agent_id}")

    async def create_agent(self, new: NewAgent) -> Versioned:
        """Create an agent."""
        return await self._versioned(Agent, "POST", "/api/admin/agents", new)

    async def update_agent(
        self, agent_id: UUID, patch: AgentPatch, *, if_match: str | None = None
    ) -> Versioned:
        """Set an agent's role, instructions, model, or memory model."""
        return await self._versioned(
            Agent, "PATCH", f"/api/admin/agents/{agent_id}", patch, if_match
        )

    # Sessions.

    def sessions(self, **scope: Unpack[Scope]) -> AsyncIterator[Session]:
        """Return the sessions of the scope, the newest first."""
        return self._pages(SessionPage, "/api/sessions", **scope)

    async def session(self, session_id: UUID, **scope: Unpack[Scope]) -> Session:
        """Return one session."""
        return await self._get(Session, f"/api/sessions/{session_id}", **scope)

    async def transcript(self, session_id: UUID, **scope: Unpack[Scope]) -> AsyncIterator[Message]:
        """Return what was said in a session, the oldest first."""
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

    # Memories.

    def memories(self, **scope: Unpack[Scope]) -> AsyncIterator[Memory]:
        """Return the memories of the scope, the newest first."""
        return self._pages(MemoryPage, "/api/memories", **scope)

    async def memory(self, memory_id: UUID, **scope: Unpack[Scope]) -> Versioned:
        """Return one memory."""
        return await self._versioned(Memory, "GET", f"/api/memories/{memory_id}", **scope)

    async def remember(self, new: Remember, **scope: Unpack[Scope]) -> Versioned:
        """Store a memory."""
        return await self._versioned(Remembered, "POST", "/api/memories", new, **scope)

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

    async def _get(self, shape: type[Shape], path: str, **query: Any) -> Shape:
        return _read(shape, (await self._call("GET", path, **query)).json())

    async def _post(self, shape: type[Shape], path: str, given: Any, **query: Any) -> Shape:
        return _read(shape, (await self._call("POST", path, given, **query)).json())

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
        return Versioned(_read(shape, response.json()), response.headers.get("ETag", ""))

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
        **query: Any,
    ) -> httpx.Response:
        body = given
        if isinstance(given, BaseModel):
            body = given.model_dump(mode="json", exclude_unset=True)
        headers = {} if if_match is None else {"If-Match": if_match}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        params = {name: str(value) for name, value in query.items() if value is not None}
        return await self._repeating(
            lambda: self._http.request(method, path, json=body, params=params, headers=headers)
        )

    async def _repeating(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Return the answer to a call, repeated while nobody or somebody busy answers. Everything
        can be: what makes something has a key, and the rest does the same again."""
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
                    raise _error(_problem_of(response))
                pause = max(pause, _seconds(response.headers.get("Retry-After")))
            await asyncio.sleep(min(pause, MAX_PAUSE_SECONDS))
            pause *= 2
        raise AssertionError("the last try returns or raises")


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    data: dict[str, Any]


async def _events(response: httpx.Response) -> AsyncIterator[_Event]:
    name = ""
    try:
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield _Event(name, json.loads(value))
    except httpx.TransportError as error:
        raise Unavailable(
            "The connection was lost. The message is stored and will be answered.",
            hint="The answer will appear in the conversation.",
        ) from error


def _read(shape: type[Shape], data: Any) -> Shape:
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


def _error(problem: Problem) -> DiscreetError:
    kind = _ERRORS.get(problem.status, Unavailable)
    wrong = "; ".join(f"{one.where}: {one.message}" for one in problem.errors)
    return kind(problem.detail, hint=wrong)


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0
