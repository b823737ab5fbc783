"""Compact a session that is too long: summarize its older part, keep the newest messages.

This happens under the lease of the turn that finds it too long, one part at a time: each is
summarized without an open transaction and stored in one commit. If something fails in between, no
message is lost, and the next turn resumes here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from discreet.domain.audience import Released
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import index
from discreet.memory.memories import NewMemory, remember
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.sessions.summaries import save_summary, summary_of
from discreet.sessions.transcript import Message, messages_before, messages_of_turn
from discreet.turn.context import AgentCard
from discreet.turn.escaping import tokens
from discreet.turn.lease import Lease, hold
from discreet.turn.prompt import LINE_OVERHEAD, MAX_HISTORY_LINE, Budget
from discreet.turn.reading import Reading
from discreet.turn.result import ModelError, Usage

__all__ = ["BudgetFor", "Passage", "Summarise", "compact", "too_long"]

log = structlog.get_logger(__name__)

SOURCE = "compaction"
MAX_READ = 10_000
"""Maximum messages that are read; only a search finds older ones."""
MAX_LINES, LINES_KEPT = 160, 60
"""A history of this many short messages is too long as well; this many of them are kept."""
PART_TOKENS = 6_000
"""Tokens that are summarized at once."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The text to summarize: the summary ``before``, and the lines after it with speakers."""

    agent: AgentCard
    before: str
    lines: tuple[tuple[str, str], ...]


BudgetFor = Callable[[AgentCard], Awaitable[Budget]]
"""Returns the budget of a prompt for an agent's model."""
Summarise = Callable[[Passage], Awaitable[tuple[str, Usage]]]
"""Summarizes a passage together with the summary before it.

Raises:
    ModelError: it failed this time.
"""


async def compact(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    embedder: Embedder,
    summarise: Summarise,
    budget_for: BudgetFor,
    reading: Reading | None = None,
) -> Usage:
    """Compact the session of a lease if it is too long; return the usage.

    If a summary fails, the next turn tries again: this one continues with the messages that fit.

    Raises:
        LeaseLost: the turn no longer holds its session.
        Withheld: the turn must not store what it has read.
    """
    spent, reading = Usage(), reading or Reading.unknown(scope)
    while True:
        async with db.begin(scope) as tx:
            summary = await summary_of(tx, lease.session_id)
            waiting = await messages_of_turn(tx, lease.turn_id)
            agent = await tx.fetch_one(
                "SELECT name, role, instructions, model, context_tokens, fallback_models"
                " FROM discreet.agents WHERE id = %(id)s",
                {"id": scope.agent_id},
            )
            if not waiting or agent is None:
                return spent
            said = await messages_before(
                tx, lease.session_id, waiting[0].position, MAX_READ, after=summary.until
            )
        card = AgentCard(**agent)
        part = too_long(said, await budget_for(card))
        if not part:
            return spent
        try:
            text, cost = await summarise(Passage(card, summary.text or "", _lines(part, card)))
        except ModelError as failure:
            log.warning("a summary failed", turn_id=str(lease.turn_id), kind=failure.kind)
            return spent
        spent += cost
        await _keep(db, scope, lease, embedder, reading.keep(text), part[-1].position)


async def _keep(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    embedder: Embedder,
    summary: Released,
    until: int,
) -> None:
    """Store the summary and how far it reaches in one commit, while the turn holds its session."""
    (made,) = await asyncio.to_thread(index, [summary.text], embedder)
    new = NewMemory(
        summary.text,
        made,
        topic_key=f"conversation:{lease.session_id}",
        source=SOURCE,
        turn_id=lease.turn_id,
    )
    async with db.begin(scope) as tx:
        await hold(tx, lease.session_id, lease.turn_id)
        memory = await remember(tx, new)
        await save_summary(tx, lease.session_id, memory.id, until)


def too_long(said: Sequence[Message], budget: Budget) -> list[Message]:
    """Return the oldest part of a history, to be summarized now; empty if it isn't too long."""
    sizes = [min(tokens(one.text), MAX_HISTORY_LINE) + LINE_OVERHEAD for one in said]
    if sum(sizes) <= budget.history and len(said) <= MAX_LINES:
        return []
    kept, size = 0, 0
    for one in reversed(sizes):
        size += one
        if size > budget.recent or kept == LINES_KEPT:
            break
        kept += 1
    older = list(said[: len(said) - max(kept, 1)])
    size, most = 0, 0
    for one in sizes[: len(older)]:
        size += one
        if size > min(PART_TOKENS, budget.total // 2) and most:
            break
        most += 1
    return older[:most]


def _lines(said: Sequence[Message], agent: AgentCard) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            agent.name if one.direction == "out" else one.sender_name or one.sender_address or "",
            one.text,
        )
        for one in said
    )
