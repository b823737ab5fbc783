"""Run a turn again without storing or sending anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from discreet.domain.errors import NotFound
from discreet.domain.ids import OwnerId, TurnId
from discreet.memory.embedding import Embedder
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import session_scope
from discreet.turn.context import Found
from discreet.turn.lease import Lease
from discreet.turn.load import load
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.result import TurnResult
from discreet.turn.run import Responder
from discreet.turn.toolbox import TOOLS, Toolbox
from discreet.turn.tools import Outcome

READING = frozenset(tool.name for tool in TOOLS if not tool.effect)
"""Tools that are really called. All others only pretend."""


async def rehearse(
    db: ScopedDatabase, owner_id: OwnerId, turn_id: TurnId, embedder: Embedder, responder: Responder
) -> TurnResult:
    """Return what the responder would answer to a turn's context today.

    Its tools find current data in the scope of the turn's session, and change nothing.

    Raises:
        NotFound: no such turn, or its messages belong to a later turn.
        ModelError: the model gave no answer.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        turn = await tx.fetch_one(
            "SELECT session_id, route_id, attempt, agent_id, contact_id, shared, prompt"
            " FROM discreet.turns WHERE id = %(id)s",
            {"id": turn_id},
        )
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
    toolbox = _DryToolbox(db, scope, lease.session_id, turn_id, embedder)
    return await responder(context, _prompt(turn["prompt"]), toolbox, _nowhere)


@dataclass(frozen=True, slots=True)
class _DryToolbox(Toolbox):
    """Reads in the turn's scope, in read-only transactions."""

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if name in READING:
            return await Toolbox.call(self, name, arguments)
        return Outcome("Done. (A dry run: nothing was changed.)")

    async def note(self, found: tuple[Found, ...]) -> None:
        self.reading.note(found)

    @asynccontextmanager
    async def _enter(self, *, durable: bool = False) -> AsyncIterator[Transaction]:
        async with self.db.begin(self.scope, durable=durable) as tx:
            await tx.execute("SET TRANSACTION READ ONLY")
            yield tx


def _prompt(kept: Mapping[str, Any]) -> Prompt:
    return Prompt(
        kept["system"], tuple(ChatMessage(one["role"], one["text"]) for one in kept["messages"])
    )


async def _nowhere(_: str) -> None:
    """Drop the partial text of a dry run, which nobody is shown."""
