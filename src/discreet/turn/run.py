"""One turn: lease -> load -> plan -> think -> save. No transaction is open while it thinks."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId, SessionId
from discreet.domain.outbound import NoFile, Place
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import catch_up_session
from discreet.queue.due import scope_of_session
from discreet.scope import Door
from discreet.scope.scopes import SessionScope
from discreet.turn.commands import run_command
from discreet.turn.compact import Summarise, compact, with_cost
from discreet.turn.files import Fetch, files_of_turn
from discreet.turn.lease import Lease, LeaseLost, NotYet, acquire, hold, while_held
from discreet.turn.load import load
from discreet.turn.plan import Budget, Prompt, plan
from discreet.turn.save import save_answer, save_failure, save_for_later, save_giving_up
from discreet.turn.situation import Situation
from discreet.turn.streaming import Platforms, streaming
from discreet.turn.summarise import pick_sentences
from discreet.turn.think import OnText, Tools
from discreet.turn.thought import ThinkingFailed, Thought
from discreet.turn.toolbox import Toolbox
from discreet.turn.typing_indicator import ShowTyping, typing_indicator

log = structlog.get_logger(__name__)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
SETUP_WAIT, LONGEST_SETUP_WAIT = timedelta(seconds=1), timedelta(minutes=1)
"""How soon it is looked again whether a turn can be done where something was missing."""
DRAFT_SECONDS = 0.12
"""How often, at most, what is being written is shown to who waits at a terminal."""

Mind = Callable[[Situation, Prompt, Tools, OnText], Coroutine[Any, Any, Thought]]
"""What thinks: a language model with its tools, or the offline responder."""


async def _show_nothing(_: OwnerId, __: str, ___: Place) -> None:
    """Where nobody can be shown anything."""


async def _fetch_nothing(_: OwnerId, __: str, ___: str, ____: str, _____: int) -> NoFile:
    """Where no platform is connected."""
    return NoFile("no platform is connected")


@dataclass(frozen=True, slots=True)
class Turns:
    """What every turn needs.

    ``max_attempts``: after so many, the sender is told. ``first_wait``: how long after a failure it
    is tried again; every further wait is twice as long.
    ``summarise``: what makes summaries of conversations that have grown too long.
    """

    door: Door
    embedder: Embedder
    mind: Mind
    max_attempts: int
    budget: Budget
    first_wait: timedelta = FIRST_WAIT
    show_typing: ShowTyping = _show_nothing
    fetch: Fetch = _fetch_nothing
    platforms: Platforms | None = None
    summarise: Summarise = pick_sentences


async def run_turn(turns: Turns, session_id: SessionId) -> None:
    """Answers what waits in a session, as far as it belongs together; the rest is woken again."""
    scope = await scope_of_session(turns.door, session_id)
    if scope is None:
        return
    async with turns.door.enter(scope) as rows:
        lease = await acquire(rows, session_id)
        if isinstance(lease, NotYet):
            await rows.execute(
                "SELECT gate.wake_session(%(session)s, %(at)s)",
                {"session": session_id, "at": lease.at},
            )
    if not isinstance(lease, Lease):
        return
    try:
        if lease.command is None:
            await _answer(turns, scope, lease)
        else:
            await _obey(turns, scope, lease, lease.command)
    except LeaseLost:
        log.info("a turn lost its session and saved nothing", turn_id=str(lease.turn_id))


async def _answer(turns: Turns, scope: SessionScope, lease: Lease) -> None:
    prompt: Prompt | None = None
    try:
        if lease.attempt > turns.max_attempts:
            raise ThinkingFailed("confused", "Every attempt at it ended without a word.")
        files = await files_of_turn(turns.door, scope, lease, turns.fetch)
        draft = _Draft(turns.door, scope, lease)
        async with AsyncExitStack() as shown:
            await shown.enter_async_context(
                typing_indicator(turns.door, scope.owner_id, lease.route_id, turns.show_typing)
            )
            compacting = compact(
                turns.door, scope, lease, turns.embedder, turns.summarise, turns.budget
            )
            spent = await while_held(turns.door, scope, lease, compacting)
            situation = await load(turns.door, scope, lease, turns.embedder, files)
            prompt = plan(situation, turns.budget)
            toolbox = Toolbox(turns.door, scope, lease.session_id, lease.turn_id, turns.embedder)
            if turns.platforms is not None:
                await shown.enter_async_context(
                    streaming(turns.door, scope, lease, draft.written, turns.platforms)
                )
            thinking = turns.mind(situation, prompt, toolbox, draft.write)
            thought = await while_held(turns.door, scope, lease, thinking)
        thought = replace(thought, usage=with_cost(thought.usage, spent))
        async with turns.door.enter(scope) as rows:
            await save_answer(rows, lease, prompt, thought)
    except LeaseLost:
        raise
    except Exception as error:
        await _save_failed(turns, scope, lease, prompt, _as_failure(error))
        return
    # What was said is made searchable once it is answered; nobody waits for that.
    await catch_up_session(turns.door, scope, lease.session_id, turns.embedder)


async def _obey(turns: Turns, scope: SessionScope, lease: Lease, command: str) -> None:
    text = await run_command(turns.door, scope, lease, command)
    async with turns.door.enter(scope) as rows:
        await save_answer(rows, lease, Prompt("", ()), Thought(text, f"/{command}"))


async def _save_failed(
    turns: Turns,
    scope: SessionScope,
    lease: Lease,
    prompt: Prompt | None,
    failure: ThinkingFailed,
) -> None:
    log.warning(
        "a turn failed", turn_id=str(lease.turn_id), attempt=lease.attempt, kind=failure.kind
    )
    async with turns.door.enter(scope) as rows:
        if failure.kind == "setup":
            # Another server may have what this one lacks, or a person gives it: it doesn't count.
            await save_for_later(rows, lease, prompt, failure, SETUP_WAIT, LONGEST_SETUP_WAIT)
        elif lease.attempt >= turns.max_attempts:
            await save_giving_up(rows, lease, prompt, failure)
        else:
            wait = min(turns.first_wait * 2 ** (lease.attempt - 1), LONGEST_WAIT)
            await save_failure(rows, lease, prompt, failure, wait)


def _as_failure(error: Exception) -> ThinkingFailed:
    """Any other error is a fault of ours: it is counted too, or it would be tried for ever. Its
    text may quote what somebody said, so only its class is told."""
    if isinstance(error, ThinkingFailed):
        return error
    if isinstance(error, Unavailable):
        return ThinkingFailed("internal", error.message)
    return ThinkingFailed(
        "internal", f"Something that should not fail did ({type(error).__name__})."
    )


class _Draft:
    """Keeps what has been written so far where the one who waits can read it."""

    def __init__(self, door: Door, scope: SessionScope, lease: Lease) -> None:
        self._door = door
        self._scope = scope
        self._lease = lease
        self._written_at = time.monotonic()
        self._text = ""

    def written(self) -> str:
        """The whole text so far."""
        return self._text

    async def write(self, text: str) -> None:
        self._text = text
        if time.monotonic() - self._written_at < DRAFT_SECONDS or not text:
            return
        async with self._door.enter(self._scope) as rows:
            await hold(rows, self._lease.session_id, self._lease.turn_id)
            await rows.execute(
                "INSERT INTO discreet.drafts (turn_id, text) VALUES (%(turn)s, %(text)s)"
                " ON CONFLICT (turn_id, party) DO UPDATE SET text = excluded.text",
                {"turn": self._lease.turn_id, "text": text},
            )
        self._written_at = time.monotonic()
