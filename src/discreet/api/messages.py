"""Send messages and return their answers, whole or as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

import anyio
from fastapi import APIRouter, Header, Query, Request, Response

from discreet.api.dependencies import AnyCaller, Caller, ReadScope
from discreet.api.event_streams import EVENT_STREAM, EventStream
from discreet.api.pagination import IdempotencyKey
from discreet.api.problems import documented, of_error
from discreet.auth.access import check_access
from discreet.auth.scopes import (
    NAMES_A_CONTACT,
    agent_to_ask,
    make_sender,
    require_contact,
    resolve_contact,
    scope_of_message,
)
from discreet.domain.addresses import Address
from discreet.domain.concurrency import end, happens, running, start
from discreet.domain.errors import BadInput, DiscreetError, Forbidden, Unauthorized, Unavailable
from discreet.domain.ids import AgentId, ContactId, MessageId, SessionId
from discreet.domain.text import checked_text, checked_thread_key
from discreet.intake import Accepted
from discreet.intake.terminal_message import TerminalMessage
from discreet.schemas import messages as wire
from discreet.schemas.memories import Hits, SearchMessages
from discreet.scope.scopes import SessionScope
from discreet.services.idempotency import once
from discreet.services.messages import (
    Answer,
    OnSilence,
    OnText,
    Stopped,
    get_accepted,
    get_reply,
    reply_with,
    reply_without_answer,
    send_message,
    wait_for_answer,
)
from discreet.services.recall import Subset, search_messages
from discreet.services.requeue import Silence

SilentState = Literal["paused", "taken_over", "waiting", "stopped"]

router = APIRouter(prefix="/api/messages", tags=["messages"])

KEEP_ALIVE_SECONDS = 15.0
FIRST_CHECK_SECONDS, CHECK_SECONDS = 0.5, 5.0
"""Seconds until the first check whether the caller may still have the answer, and between later
checks. It is also checked at each notification; the first check covers changes from before that.
"""


_STREAMED: dict[str, Any] = {
    "description": (
        "The answer. If the client accepts an event stream: `accepted`; `state` if nobody answers "
        "now; `delta` events, each with a `text` that replaces everything from the character at "
        "`offset`; then `answer` or `problem`."
    ),
    "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
}


@router.post(
    "",
    response_model=wire.Reply,
    responses=documented(404, 409)
    | {200: _STREAMED, 202: {"model": wire.Reply, "description": "Not answered yet."}},
    operation_id="send_message",
)
async def send(
    who: AnyCaller,
    given: wire.NewMessage,
    request: Request,
    response: Response,
    wait: Annotated[
        float, Query(ge=0, le=300, description="Seconds to wait for the answer.")
    ] = 60.0,
    accept: Annotated[str, Header(max_length=1000)] = "application/json",
    idempotency_key: IdempotencyKey = None,
) -> Any:
    """Send a message to an agent and wait for the answer."""
    _check(given)
    if EVENT_STREAM in accept:
        who.api.streams.begin(who.bearer.token_id)
        try:
            accepted = await _accept(who, given, request, idempotency_key)
            scope = await scope_of_message(who.db, who.bearer, accepted.session_id)
        except BaseException:
            who.api.streams.end(who.bearer.token_id)
            raise
        return EventStream(who, _events(who, accepted, scope))
    accepted = await _accept(who, given, request, idempotency_key)
    scope = await scope_of_message(who.db, who.bearer, accepted.session_id)
    reply = reply_without_answer(accepted.message_id, accepted.session_id)
    try:
        with anyio.move_on_after(wait):
            answer = await _answer(who, accepted, scope, _ignore, _give_up)
            reply = reply_with(accepted.message_id, accepted.session_id, answer)
    except Stopped:
        reply.state = "stopped"
    except _Silent as silent:
        reply.state = silent.state
    if reply.state in ("waiting", "paused", "taken_over"):
        response.status_code = 202
    return reply


@router.post("/search", responses=documented(404), operation_id="search_messages")
async def search(
    who: AnyCaller,
    scope: ReadScope,
    given: SearchMessages,
    session_id: Annotated[UUID | None, Query(description="Search this session only.")] = None,
) -> Hits:
    """Search past messages. Best match first."""
    part = Subset(session_id=None if session_id is None else SessionId(session_id))
    return await search_messages(who.context(scope), given, part)


@router.get("/{message_id}", responses=documented(404), operation_id="get_reply")
async def get(who: AnyCaller, scope: ReadScope, message_id: UUID) -> wire.Reply:
    """Get the state of a message and its answer."""
    return await get_reply(who.db, scope, MessageId(message_id))


async def _accept(
    who: Caller, given: wire.NewMessage, request: Request, key: str | None
) -> Accepted:
    said = await _said(who, given)
    if key is not None:
        # Derived from the key, so that it is stored once even if a server dies before recording
        # that.
        assert who.bearer.token_id is not None  # noqa: S101 - it came with a token
        said = replace(said, message_id=str(uuid5(who.bearer.token_id, key)))
    stored: list[Accepted] = []
    sender = said.sender if who.bearer.kind == "owner" else None
    # In the transaction that looks up the terminal: one less.
    make_it = None if sender is None else partial(make_sender, address=sender)

    async def make() -> UUID:
        stored.append(await send_message(who.db, who.owner_id, said, make_it))
        return stored[0].message_id

    asked = f"{request.url.path}\n".encode() + await request.body()
    message_id = MessageId(await once(who.db, who.bearer, key, asked, make))
    if stored:
        return stored[0]
    return await get_accepted(who.db, who.owner_id, message_id)


def _check(given: wire.NewMessage) -> None:
    """Check what needs no look-up, so that an invalid message takes no place of a stream.

    Raises:
        BadInput: the text, an address or the thread key is invalid.
    """
    checked_text(given.text)
    checked_thread_key(given.thread_key)
    for address in (given.sender, given.group):
        if address is not None:
            Address.parse(address)


async def _said(who: Caller, given: wire.NewMessage) -> TerminalMessage:
    """Return the sender, as far as the token allows it.

    Raises:
        Forbidden, BadInput, NotFound: the token allows no sender, or not this one.
    """
    named = (given.sender, given.contact_id, given.group, given.agent_id)
    contact_id = None if given.contact_id is None else ContactId(given.contact_id)
    if who.bearer.kind == "contact":
        if any(one is not None for one in named):
            raise Forbidden(NAMES_A_CONTACT)
        contact_id = who.bearer.contact_id
    elif who.bearer.kind == "agent" and given.sender is None and contact_id is None:
        raise Forbidden("An agent's token needs a sender.", hint="Give sender or contact_id.")
    if given.sender is not None and contact_id is not None:
        raise BadInput("sender and contact_id can't be used together.", hint="Give one of them.")
    sender = None if given.sender is None else Address.parse(given.sender)
    if sender is not None and who.bearer.kind == "agent":
        await resolve_contact(who.db, who.bearer, sender, auto_create=True, meet=False)
    group = None if given.group is None else Address.parse(given.group)
    if group is not None and who.bearer.kind == "agent":
        await resolve_contact(who.db, who.bearer, group, auto_create=True, kind="group", meet=False)
    if contact_id is not None and who.bearer.kind != "contact":
        await require_contact(who.db, who.bearer, contact_id)
    return TerminalMessage(
        text=given.text,
        agent=await agent_to_ask(
            who.db, who.bearer, None if given.agent_id is None else AgentId(given.agent_id)
        ),
        sender=sender,
        contact_id=contact_id,
        group=group,
        thread_key=given.thread_key,
        new=given.new,
        replies_to=None if given.replies_to is None else MessageId(given.replies_to),
        limited=who.bearer.kind != "owner",
    )


class _Silent(Exception):
    """Nobody answers now, so the caller need not wait."""

    def __init__(self, state: SilentState) -> None:
        super().__init__(state)
        self.state = state


async def _give_up(silence: Silence) -> None:
    if silence.shown is not None:
        raise _Silent(silence.shown)


async def _answer(
    who: Caller,
    accepted: Accepted,
    scope: SessionScope,
    on_text: OnText,
    on_silence: OnSilence,
) -> Answer:
    """Return the answer, as long as the caller may have it.

    Raises:
        Unauthorized, Forbidden: the caller lost access.
        Stopped, Unavailable: see ``services.messages.wait_for_answer``.
    """
    refused: list[DiscreetError] = []
    with anyio.CancelScope() as waiting:
        async with running(_watch(who, accepted, refused, waiting), "access"):
            return await wait_for_answer(
                who.db, who.api.app.wakes, accepted, scope, on_text, _ignore, on_silence
            )
    raise refused[0]


async def _watch(
    who: Caller, accepted: Accepted, refused: list[DiscreetError], waiting: anyio.CancelScope
) -> None:
    """End the wait with the reason, once the caller loses access to the answer."""
    wait = FIRST_CHECK_SECONDS
    async with who.api.app.wakes.of_access() as woken:
        while True:
            await happens(woken, wait)
            woken.clear()
            wait = CHECK_SECONDS
            try:
                await check_access(who.db, who.token, accepted.message_id, accepted.contact_id)
            except (Unauthorized, Forbidden) as error:
                refused.append(error)
                waiting.cancel()
                return
            except Unavailable:
                continue


async def _events(who: Caller, accepted: Accepted, scope: SessionScope) -> AsyncIterator[str]:
    """Yield the events. If the listener disconnects, its message is still stored and answered."""
    ids = {"message_id": str(accepted.message_id), "session_id": str(accepted.session_id)}
    events: asyncio.Queue[str | None] = asyncio.Queue()
    shown = ""

    async def on_text(text: str) -> None:
        nonlocal shown
        offset = _common(shown, text)
        await events.put(_event("delta", {"offset": offset, "text": text[offset:]}))
        shown = text

    async def on_silence(silence: Silence) -> None:
        if silence.shown is not None:
            await events.put(_event("state", {**ids, "state": silence.shown}))

    answering = start(_answer(who, accepted, scope, on_text, on_silence), "an answer, streamed")
    answering.add_done_callback(lambda _: events.put_nowait(None))
    try:
        yield _event("accepted", ids)
        while True:
            event = None
            with anyio.move_on_after(KEEP_ALIVE_SECONDS) as quiet:
                event = await events.get()
            if quiet.cancelled_caught:
                yield ": still there\n\n"
                continue
            if event is None:
                break
            yield event
        yield _outcome(answering, accepted)
    finally:
        await end(answering)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    if other.startswith(one):
        return len(one)
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _outcome(answering: asyncio.Task[Answer], accepted: Accepted) -> str:
    reply = reply_without_answer(accepted.message_id, accepted.session_id)
    try:
        reply = reply_with(accepted.message_id, accepted.session_id, answering.result())
    except Stopped:
        reply.state = "stopped"
    except DiscreetError as error:
        return _event("problem", of_error(error).model_dump())
    return _event("answer", reply.model_dump(mode="json"))


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _ignore(_: str) -> None:
    """Drop the text: nobody is told."""
