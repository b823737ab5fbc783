"""The tools of a turn: memory and conversation, in the scope of its session only.

No tool takes an owner, an agent, a contact or a session. Every call is one short transaction that
first checks that the turn still holds its session; embedding is done before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from discreet.domain.audience import NeedsYes, Released, Withheld
from discreet.domain.errors import BadInput, Conflict, LimitReached, NotFound, ScopeError
from discreet.domain.ids import MemoryId, SessionId, TurnId
from discreet.memory.embedding import Embedder
from discreet.schemas import memories as schemas
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services import memories, recall
from discreet.services.context import OperationContext
from discreet.services.own_data import record_access
from discreet.turn.arguments import (
    Arguments,
    what_is_wrong,
)
from discreet.turn.context import Found
from discreet.turn.escaping import tagged
from discreet.turn.lease import hold
from discreet.turn.own_tools import NO_SUCH_MEMORY, TOOLS, Tool
from discreet.turn.prompt import found_record
from discreet.turn.reading import Reading, note_what_was_read, of_contacts
from discreet.turn.retrieval import found_hits
from discreet.turn.tools import Outcome, Tools, ToolSpec, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING_FOUND = "No results."


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one turn, bound to its scope.

    A tool with effects acts only once: the same call returns the same outcome, until another call
    has changed something else.

    ``servers``: the tools of the owner's servers that may be used here, named ``server__tool``.
    ``noted``: what the turn has read; None: nobody noted it.
    ``zone``: the time zone of those who have named none.
    """

    db: ScopedDatabase
    scope: SessionScope
    session_id: SessionId
    turn_id: TurnId
    embedder: Embedder
    servers: Tools | None = None
    noted: Reading | None = None
    zone: tzinfo = UTC
    done: dict[str, Outcome] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Assume the worst of a turn of which nobody noted what it read."""
        if self.noted is None:
            object.__setattr__(self, "noted", Reading.unknown(self.scope))

    @property
    def reading(self) -> Reading:
        """What the turn has read so far."""
        if self.noted is None:
            raise ScopeError("Nobody noted what this turn has read.")
        return self.noted

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools, as described to a model."""
        return TOOLS if self.servers is None else (*TOOLS, *self.servers.specs)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool. A failure is returned as an outcome, with nothing changed.

        Raises:
            LeaseLost: the turn no longer holds its session.
        """
        tool = next((tool for tool in TOOLS if tool.name == name), None)
        if tool is None:
            return await self._call_server(name, arguments)
        try:
            given = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            return refused(what_is_wrong(error))
        key = f"{name} {given.model_dump_json()}"
        if key in self.done:
            async with self.begin():
                return self.done[key]
        if tool.effect:
            await self._note_that_it_acts()
        outcome = await self._run(tool, given)
        if tool.effect and outcome.done:
            if tool.name != "remember":
                self.done.clear()  # an earlier memory may have been forgotten or changed
            self.done[key] = outcome
        return outcome

    async def _call_server(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        spec = next((one for one in self.specs if one.name == name), None)
        if spec is None or self.servers is None:
            return refused(f"there is no tool {name!r}")
        try:
            released = self.reading.call(name, arguments)
        except Withheld as error:
            return _held_back(error)
        if not spec.effect:
            return await _call_released(self.servers, name, released)
        key = f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"
        if key not in self.done:
            await self._note_that_it_acts()
            self.done[key] = await _call_released(self.servers, name, released)
        return self.done[key]

    async def _run(self, tool: Tool[Any], given: Arguments) -> Outcome:
        try:
            return await tool.run(self, given)
        except NotFound:
            return Outcome(NO_SUCH_MEMORY, done=False)
        except Withheld as error:
            return _held_back(error)
        except LimitReached as error:
            return replace(refused(f"{error.message} {error.hint}"), full=True)
        except (BadInput, Conflict) as error:
            return refused(error.message)

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction in the scope, checking that the turn holds its session."""
        return self._enter()

    @asynccontextmanager
    async def _enter(self, *, durable: bool = False) -> AsyncIterator[Transaction]:
        # What a tool changes is on disk with the answer at the latest. If a crash undoes it, the
        # answer isn't saved either, and the turn begins again.
        async with self.db.begin(self.scope, durable=durable) as tx:
            await hold(tx, self.session_id, self.turn_id)
            yield tx

    @property
    def context(self) -> OperationContext:
        """The context for the services: this turn's scope and no other."""
        return OperationContext(
            self.begin, self.begin, lambda: self.embedder, "agent", self.turn_id
        )

    async def _note_that_it_acts(self) -> None:
        async with self._enter(durable=True) as tx:
            await tx.execute(
                "UPDATE discreet.turns SET acted = true WHERE id = %(turn)s AND NOT acted",
                {"turn": self.turn_id},
            )

    async def show(self, found: tuple[Found, ...], note: str = "") -> Outcome:
        """Show results as data; in an owner's session each record names whom it belongs to."""
        await self.note(found)
        if not found:
            return Outcome(f"{NOTHING_FOUND} {note}".strip())
        of_owner = isinstance(self.scope, OwnerScope)
        records = [found_record(one, of_owner=of_owner) for one in found]
        return Outcome(f"{tagged('found', records)}\n{note}".strip(), found)

    async def note(self, found: tuple[Found, ...]) -> None:
        """Note what the turn now has read."""
        if isinstance(self.scope, OwnerScope):
            async with self.begin() as tx:
                await note_what_was_read(tx, self.reading, self.session_id, self.turn_id, found)
            await record_access(self.db, self.scope.owner_id, of_contacts(found), "asked", "chat")
        else:
            self.reading.note(found)

    async def show_hits(self, hits: schemas.Hits) -> Outcome:
        """Show the results of a search, with a note if it was limited."""
        notes = [recall.BY_WORDS_ONLY] if hits.by_words_only else []
        if hits.searched_since is not None:
            notes.append(f"Only messages since {hits.searched_since.isoformat()} were searched.")
        return await self.show(found_hits(hits.items), " ".join(notes))

    async def may_change(self, memory_id: MemoryId, tool: str, given: Arguments) -> Released:
        """Check a change to a memory, which in an owner's session may be a contact's.

        Raises:
            NotFound: the scope has no such memory.
            Withheld: it needs the owner's yes.
        """
        memory = await memories.get_memory(self.context, memory_id)
        of_all = memory.agent_id if memory.shared else self.reading.party
        party = of_all if memory.contact_id is None else memory.contact_id
        return self.reading.change(party, tool, given.model_dump(mode="json"))


async def _call_released(servers: Tools, name: str, released: Released) -> Outcome:
    _, arguments = json.loads(released.text)
    return await servers.call(name, arguments)


def _held_back(error: Withheld) -> Outcome:
    if isinstance(error, NeedsYes):
        return refused(
            "this reaches beyond your owner's conversation, so it needs their approval. They are "
            "asked for it below your answer. Once they have approved, call it again with the same"
            " arguments"
        )
    return refused(error.message)
