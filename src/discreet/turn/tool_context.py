"""What the tools of a turn act with: its scope, its session, and what it has read."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from discreet.domain.audience import Released
from discreet.domain.errors import ScopeError
from discreet.domain.ids import MemoryId, SessionId, TurnId
from discreet.memory.embedding import Embedder
from discreet.schemas import memories as schemas
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services import memories, recall
from discreet.services.context import OperationContext
from discreet.services.own_data import record_access
from discreet.turn.arguments import Arguments
from discreet.turn.context import Found
from discreet.turn.escaping import tagged
from discreet.turn.lease import hold
from discreet.turn.prompt import found_record
from discreet.turn.reading import Reading, note_what_was_read, of_contacts
from discreet.turn.retrieval import found_hits
from discreet.turn.tools import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOTHING_FOUND = "No results."


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The scope and session of one turn. Each transaction checks that the turn holds its session.

    ``noted``: what the turn has read; None: nobody noted it.
    ``zone``: the time zone of those who have named none.
    """

    db: ScopedDatabase
    scope: SessionScope
    session_id: SessionId
    turn_id: TurnId
    embedder: Embedder
    noted: Reading | None = None
    zone: tzinfo = UTC

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
    def operation_context(self) -> OperationContext:
        """The context for the services: this turn's scope and no other."""
        return OperationContext(
            self.begin, self.begin, lambda: self.embedder, "agent", self.turn_id
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
        memory = await memories.get_memory(self.operation_context, memory_id)
        of_all = memory.agent_id if memory.shared else self.reading.party
        party = of_all if memory.contact_id is None else memory.contact_id
        return self.reading.change(party, tool, given.model_dump(mode="json"))
