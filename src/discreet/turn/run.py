"""Run one turn: lease, load, build the prompt, respond, save.

No transaction is open while the model runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from discreet.domain.audience import Withheld
from discreet.domain.canaries import CanaryFound, check_leaving
from discreet.domain.errors import DiscreetError, NotFound, Unavailable
from discreet.domain.ids import SessionId
from discreet.memory.indexing import (
    Indexed,
    Unindexed,
    index_messages,
    index_quickly,
    unindexed_of_session,
)
from discreet.memory.spaces import embeds_quickly
from discreet.queue.job_scope import scope_of_session
from discreet.scope.scopes import SessionScope
from discreet.services.own_data import record_access
from discreet.tracing import TraceSpan, span
from discreet.turn.command_turns import answer_command
from discreet.turn.compact import compact, too_long
from discreet.turn.context import AgentCard, TurnContext
from discreet.turn.draft import Draft
from discreet.turn.escaping import is_blank
from discreet.turn.files import files_of_turn
from discreet.turn.lease import Lease, LeaseLost, NotYet, TookTooLong, acquire, hold, while_held
from discreet.turn.load import Stored, load, read_turn
from discreet.turn.prompt import Budget, Prompt, build_prompt
from discreet.turn.reading import Reading, note_what_was_read, of_contacts
from discreet.turn.result import ModelError, TurnResult, Usage
from discreet.turn.save import save_answer, save_failure, save_for_later, save_giving_up
from discreet.turn.server_tools import answer_waiting_call
from discreet.turn.streaming import streaming
from discreet.turn.think import CUT_AT_LIMIT, Tools
from discreet.turn.toolbox import Toolbox
from discreet.turn.turns import Turns
from discreet.turn.typing_indicator import typing_indicator

log = structlog.get_logger(__name__)

MAX_WAIT = timedelta(minutes=10)
SETUP_WAIT, MAX_SETUP_WAIT = timedelta(seconds=1), timedelta(minutes=1)
"""Seconds until a turn is retried if something that it needs is missing, and the maximum."""
PATIENCE = timedelta(seconds=6)
"""How long a sender waits for something missing before being told that it takes longer."""
MARGIN_SECONDS = 30.0
"""Seconds that a turn may take in addition to its model's limit."""
MAX_INDEXED = 5
"""Maximum messages whose search data is saved with their answer; that of more follows it."""
CUT_OFF = "[This answer was cut off here: it took too long.]"


async def run_turn(turns: Turns, session_id: SessionId, scope: SessionScope | None = None) -> bool:
    """Answer the waiting messages of one route of a session, and wake the session for the rest.

    ``scope``: the session's, if it is known. Return whether its job has ended with what was saved.
    """
    scope = scope or await scope_of_session(turns.db, session_id)
    if scope is None:
        return False
    stored = servers = None
    # A lease that is lost in a crash is taken again: without it, the turn can't save.
    async with turns.db.begin(scope, durable=False) as tx:
        lease = await acquire(tx, session_id)
        if isinstance(lease, Lease) and lease.command is None:
            stored = await read_turn(tx, scope, lease)
            if turns.servers is not None:
                servers = await turns.servers(tx, scope, session_id, lease.turn_id)
        if isinstance(lease, NotYet):
            await tx.execute(
                "SELECT gate.wake_session(%(session)s, %(at)s)",
                {"session": session_id, "at": lease.at},
            )
    if not isinstance(lease, Lease):
        return False
    with span(
        "turn",
        "consumer",
        owner_id=scope.owner_id,
        session_id=session_id,
        route_id=lease.route_id,
        turn_id=lease.turn_id,
        attempt=lease.attempt,
    ) as traced:
        try:
            if lease.command is None:
                await _answer(turns, _Answer(turns, scope, lease, stored, servers), traced)
            else:
                await answer_command(turns, scope, lease, lease.command)
        except LeaseLost:
            traced.note(outcome="lost")
            log.info("a turn lost its session and saved nothing", turn_id=str(lease.turn_id))
            return False
    return True


async def _answer(turns: Turns, answer: _Answer, traced: TraceSpan) -> None:
    scope, lease = answer.scope, answer.lease
    try:
        if lease.attempt > turns.max_attempts:
            raise ModelError("confused", "Every attempt at it ended without an error message.")
        async with answer.shown():
            prompt, result = await answer.think()
        indexed = await answer.index(result.text)
        save = partial(_save, turns, scope, lease, prompt, result, answer.reading)
        try:
            left = await save(indexed, turns.at_terminal)
        except (LeaseLost, DiscreetError):
            raise
        except Exception as error:  # an answer is worth more than its search data
            log.warning("an answer is saved without index", error=type(error).__name__)
            left = await save({}, False)
        traced.note(outcome="answered")
    except LeaseLost:
        raise
    except Exception as error:
        failure = _as_failure(error)
        traced.note(outcome="failed", error=failure.kind)
        await _save_failed(turns, scope, lease, answer.prompt, failure)
        return
    # Where indexing takes its time, it follows the answer, so nobody waits for it.
    await index_messages(turns.db, scope, left, turns.embedder)


async def _save(
    turns: Turns,
    scope: SessionScope,
    lease: Lease,
    prompt: Prompt,
    result: TurnResult,
    reading: Reading,
    indexed: Mapping[str, Indexed],
    at_terminal: bool,
) -> list[Unindexed]:
    """Save an answer, and return which messages of its session still have to be indexed."""
    with span("save"):
        async with turns.db.begin(scope) as tx:
            await save_answer(tx, lease, prompt, result, reading, indexed, at_terminal=at_terminal)
            return await unindexed_of_session(tx, lease.session_id, turns.embedder)


class _Answer:
    """One attempt at an answer."""

    def __init__(
        self,
        turns: Turns,
        scope: SessionScope,
        lease: Lease,
        stored: Stored | None,
        servers: Tools | None,
    ) -> None:
        self._turns, self.scope, self.lease = turns, scope, lease
        self._stored, self._servers = stored, servers
        self._began = time.monotonic()
        self.reading = Reading.of(scope)
        self._draft = Draft(turns.db, scope, lease, self.reading)
        self.prompt: Prompt | None = None

    async def think(self) -> tuple[Prompt, TurnResult]:
        """Return the answer, whole or as far as it was written in time, with its prompt.

        Raises:
            ModelError: there is none.
            LeaseLost: the turn no longer holds its session.
        """
        turns = self._turns
        # The model has its own, shorter limit, which has passed by then.
        seconds = turns.total_seconds + MARGIN_SECONDS
        try:
            result = await while_held(turns.db, self.scope, self.lease, self._think(), seconds)
        except TookTooLong:
            failure = ModelError("timeout", f"The turn took longer than {seconds:g} seconds.")
            result = self._as_far_as_written(failure)
        except ModelError as failure:
            result = self._as_far_as_written(failure)
        if self.prompt is None:
            raise ModelError("internal", "The answer has no prompt.")
        return self.prompt, result

    async def _think(self) -> TurnResult:
        turns, scope, lease = self._turns, self.scope, self.lease
        stored, spent = self._stored, Usage()
        if stored is None:
            raise NotFound("The session of this turn is gone.")
        files = await files_of_turn(turns.db, scope, lease, turns.fetch, stored.files)
        budget_for = turns.budget_for or self._same_budget
        if too_long(stored.said, await budget_for(AgentCard(**stored.agent))):
            spent = await compact(
                turns.db, scope, lease, turns.embedder, turns.summarise, budget_for, self.reading
            )
            stored = None
        with span("load"):
            context = await load(
                turns.db, scope, lease, turns.embedder, files, stored=stored, zone=turns.zone
            )
        await self._note(context)
        prompt = build_prompt(context, await budget_for(context.agent))
        for text in (prompt.system, *(message.text for message in prompt.messages)):
            check_leaving(text, "prompt of a model")
        self.prompt = prompt
        tools = self._tools()
        # A yes to a call that waits makes exactly that call; the model isn't asked again.
        said = await answer_waiting_call(tools.servers, context.waiting)
        if said is not None:
            return TurnResult(said, "confirmed call", usage=spent)
        prompted = time.monotonic()
        with span("respond"):
            result = await turns.responder(context, prompt, tools, self._draft.write)
        self.prompt = result.prompt or prompt
        stages = {
            "prompt": round(prompted - self._began, 4),
            "model": round(time.monotonic() - prompted, 4),
        }
        return replace(result, usage=result.usage + spent, stages=stages)

    async def _note(self, context: TurnContext) -> None:
        lease = self.lease
        found = [*context.knowledge, *context.recalled]
        if context.summary is not None:
            found.append(context.summary)
        self.reading.begin(context)
        if context.of_owner:
            async with self._turns.db.begin(self.scope) as tx:
                await hold(tx, lease.session_id, lease.turn_id)
                await note_what_was_read(
                    tx, self.reading, lease.session_id, lease.turn_id, found, context.replied_to
                )
            await record_access(
                self._turns.db, self.scope.owner_id, of_contacts(found), "asked", "chat"
            )
        else:
            self.reading.note(found)

    async def index(self, answer: str) -> Mapping[str, Indexed]:
        """Return the search data of the messages and the answer, unless it takes its time.

        A sender's backlog is indexed after its answer, so that it costs the others less.
        """
        waiting = () if self._stored is None else self._stored.waiting
        if len(waiting) > MAX_INDEXED:
            return {}
        texts = list(dict.fromkeys([answer, *(message.text for message in waiting)]))
        embedder = self._turns.embedder
        if all(embeds_quickly(text, embedder) for text in texts):
            return index_quickly(texts, embedder)
        return await asyncio.to_thread(index_quickly, texts, embedder)

    def _tools(self) -> Toolbox:
        turns, lease = self._turns, self.lease
        return Toolbox(
            turns.db,
            self.scope,
            lease.session_id,
            lease.turn_id,
            turns.embedder,
            self.reading,
            turns.zone,
            self._servers,
        )

    async def _same_budget(self, _: AgentCard) -> Budget:
        return self._turns.budget

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """Show on the platform, while the block lasts, that the agent types, and what it wrote.

        A terminal shows neither: it reads the draft from the database.
        """
        turns, lease = self._turns, self.lease
        if lease.is_local:
            yield
            return
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                typing_indicator(turns.db, self.scope.owner_id, lease.route_id, turns.show_typing)
            )
            if turns.platforms is not None and not lease.is_held:
                written = self._draft.released
                await stack.enter_async_context(
                    streaming(turns.db, self.scope, lease, written, turns.platforms)
                )
            yield

    def _as_far_as_written(self, failure: ModelError) -> TurnResult:
        """Return the written part of an answer that took too long, or that had no end."""
        text = (failure.written or self._draft.written()).strip()
        if not (failure.kind == "timeout" or failure.is_endless) or is_blank(text):
            raise failure
        why = CUT_AT_LIMIT if failure.is_endless else CUT_OFF
        return TurnResult(
            f"{text}\n\n{why}",
            failure.model,
            failure.steps,
            failure.usage,
            cut_off=f"{failure.kind}: {failure}",
            reasoning=failure.reasoning,
        )


async def _save_failed(
    turns: Turns,
    scope: SessionScope,
    lease: Lease,
    prompt: Prompt | None,
    failure: ModelError,
) -> None:
    log.warning(
        "a turn failed", turn_id=str(lease.turn_id), attempt=lease.attempt, kind=failure.kind
    )
    async with turns.db.begin(scope) as tx:
        if failure.kind in ("setup", "outage") and not failure.final:
            # Another server may have what this one lacks, or the owner provides it; and a lost
            # database isn't the message's fault. So it doesn't count as an attempt.
            patience = PATIENCE if failure.kind == "setup" else None
            await save_for_later(tx, lease, prompt, failure, SETUP_WAIT, MAX_SETUP_WAIT, patience)
        elif failure.final or lease.attempt >= turns.max_attempts:
            await save_giving_up(tx, lease, prompt, failure)
        else:
            wait = min(turns.first_wait * 2 ** (lease.attempt - 1), MAX_WAIT)
            if failure.wait is not None:
                wait = max(wait, timedelta(seconds=failure.wait))
            await save_failure(tx, lease, prompt, failure, wait)


def _as_failure(error: Exception) -> ModelError:
    """Treat any other error as our own bug, which counts as an attempt to end the retries.

    Its text may quote a message, so only its class is reported.
    """
    if isinstance(error, ModelError):
        return error
    if isinstance(error, Withheld | CanaryFound):
        # A policy has failed. Another attempt would read the same.
        return ModelError("internal", error.message, final=True)
    if isinstance(error, Unavailable):
        return ModelError("outage", error.message)
    return ModelError("internal", f"Internal error ({type(error).__name__}).")
