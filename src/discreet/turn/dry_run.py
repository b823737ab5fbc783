"""Run a turn again without storing or sending anything of it. What it costs is the owner's."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from psycopg.types.json import Jsonb

from discreet.domain.errors import LimitReached, NotFound
from discreet.domain.ids import OwnerId, TurnId
from discreet.memory.embedding import Embedder
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import session_scope
from discreet.services.budgets import budgets_today
from discreet.services.tool_access import allowed_tools
from discreet.turn.context import Found
from discreet.turn.lease import Lease
from discreet.turn.load import load
from discreet.turn.own_tools import TOOLS
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.server_tools import specs_of
from discreet.turn.toolbox import Toolbox
from discreet.turn.tools import Outcome, ToolSpec
from discreet.turn.turns import Responder

__all__ = ["CallSource", "DryRun", "rehearse"]

READING = frozenset(tool.name for tool in TOOLS if not tool.effect)
"""Tools that are called again. All others give what was recorded."""
PRETENDED = "Done. (A dry run: nothing was changed.)"
NOT_RECORDED = "Nothing was done: in a dry run no server is called, and this call was not recorded."

CallSource = Literal["called again", "recorded", "pretended"]
"""Where the result of a call came from."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a turn would answer now. ``sources``: one for each step of the result."""

    result: TurnResult
    sources: tuple[CallSource, ...]


async def rehearse(
    db: ScopedDatabase, owner_id: OwnerId, turn_id: TurnId, embedder: Embedder, responder: Responder
) -> DryRun:
    """Return what the responder would answer to a turn's context now.

    Tools that only read find current data in the scope of the turn's session. All other tools
    return what they returned then. Nothing is changed; the tokens and the money that this uses
    count as the owner's.

    Raises:
        NotFound: no such turn, or its messages belong to a later turn.
        LimitReached: a budget of its agent is used up.
        ModelError: the model gave no answer.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        turn = await tx.fetch_one(
            "SELECT t.session_id, t.route_id, t.attempt, t.agent_id, t.contact_id, t.shared,"
            " t.prompt, t.steps, a.name AS agent FROM discreet.turns t"
            " JOIN discreet.agents a ON a.id = t.agent_id WHERE t.id = %(id)s",
            {"id": turn_id},
        )
        if turn is not None:
            await _check_budgets(tx, turn["agent"])
    if turn is None:
        raise NotFound(f"There is no turn {turn_id}.", hint="See: sb turns list")
    if turn["prompt"] is None:
        raise NotFound("That turn ended before it had a context.", hint="Choose another one.")
    scope = session_scope(owner_id, turn["agent_id"], turn["contact_id"], shared=turn["shared"])
    lease = Lease(turn_id, turn["session_id"], turn["route_id"], turn["attempt"])
    try:
        context = await load(db, scope, lease, embedder)
    except NotFound:
        raise NotFound(
            "The messages of that turn were answered by a later one.", hint="Rerun the later turn."
        ) from None
    async with db.begin(scope) as tx:
        servers = _ServersThen(specs_of(await allowed_tools(tx)))
    toolbox = _DryToolbox(
        db,
        scope,
        lease.session_id,
        turn_id,
        embedder,
        servers=servers,
        recorded=_recorded(turn["steps"]),
    )
    began = time.monotonic()
    try:
        result = await responder(context, _prompt(turn["prompt"]), toolbox, _nowhere)
    except ModelError as failure:
        await _count(db, owner_id, turn["agent_id"], failure, began)
        raise
    await _count(db, owner_id, turn["agent_id"], result, began)
    sources = tuple(
        toolbox.sources.get(_key(step.tool, step.arguments), "recorded") for step in result.steps
    )
    return DryRun(result, sources)


@dataclass(frozen=True, slots=True)
class _ServersThen:
    """The tools of the owner's servers that the scope may use now. None is called."""

    specs: Sequence[ToolSpec]

    async def call(self, _: str, __: Mapping[str, Any]) -> Outcome:
        return Outcome(NOT_RECORDED, done=False)


@dataclass(frozen=True, slots=True)
class _DryToolbox(Toolbox):
    """Reads in the turn's scope, in read-only transactions. ``recorded``: results by call."""

    recorded: Mapping[str, str] = field(default_factory=dict)
    sources: dict[str, CallSource] = field(default_factory=dict)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        key = _key(name, arguments)
        if name in READING:
            self.sources[key] = "called again"
            return await Toolbox.call(self, name, arguments)
        if key in self.recorded:
            self.sources[key] = "recorded"
            return Outcome(self.recorded[key])
        self.sources[key] = "pretended"
        if any(tool.name == name for tool in TOOLS):
            return Outcome(PRETENDED)
        return Outcome(NOT_RECORDED, done=False)

    async def note(self, found: tuple[Found, ...]) -> None:
        self.reading.note(found)

    @asynccontextmanager
    async def _enter(self, *, durable: bool = False) -> AsyncIterator[Transaction]:
        async with self.db.begin(self.scope, durable=durable) as tx:
            await tx.execute("SET TRANSACTION READ ONLY")
            yield tx


async def _check_budgets(tx: Transaction, agent: str) -> None:
    for budget in await budgets_today(tx):
        counts = budget.agent is None or budget.agent == agent
        tokens, money = budget.tokens_a_day, budget.money_a_day
        if counts and (
            (tokens is not None and budget.tokens >= tokens)
            or (money is not None and budget.money >= money)
        ):
            raise LimitReached(
                f"The budget of {budget.agent or 'all agents'} for today is used up.",
                hint="Raise it: sb budgets set",
            )


async def _count(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: object,
    ended: TurnResult | ModelError,
    began: float,
) -> None:
    """Count what a dry run has used, as a turn of the owner's without any content."""
    if not ended.usage.requests:
        return
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            "SELECT gate.count_dry_run(%(agent)s, %(model)s, %(usage)s, %(took)s)",
            {
                "agent": agent_id,
                "model": ended.model,
                "usage": Jsonb(ended.usage.as_json()),
                "took": timedelta(seconds=time.monotonic() - began),
            },
        )


def _recorded(steps: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    return {
        _key(step["tool"], step["arguments"]): step["result"]
        for step in steps or ()
        if "tool" in step
    }


def _key(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"


def _prompt(kept: Mapping[str, Any]) -> Prompt:
    return Prompt(
        kept["system"], tuple(ChatMessage(one["role"], one["text"]) for one in kept["messages"])
    )


async def _nowhere(_: str) -> None:
    """Drop the partial text of a dry run, which nobody is shown."""
