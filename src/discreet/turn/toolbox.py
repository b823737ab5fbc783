"""The tools of a turn: memory and conversation, in the scope of its session and no other.

No tool takes an owner, an agent, a contact or a session. Every call is one short transaction that
begins by making sure that the turn still holds its session; embedding is done before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError

from discreet.domain.errors import BadInput, Conflict, LimitReached, NotFound
from discreet.domain.ids import MemoryId, SessionId, TurnId
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import Indexed, index
from discreet.memory.memories import MemoryChange, NewMemory, forget, remember, update_memory
from discreet.memory.outdated import may_be_outdated
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.turn.arguments import (
    Arguments,
    Forget,
    Recall,
    Remember,
    SearchConversation,
    UpdateMemory,
    schema_of,
    what_is_wrong,
)
from discreet.turn.context import Found
from discreet.turn.escaping import quote, tagged
from discreet.turn.lease import hold
from discreet.turn.prompt import found_record
from discreet.turn.retrieval import find, find_newest, find_said, prepare_query
from discreet.turn.tools import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# The same whether an id is somebody else's, nobody's or none at all.
NO_SUCH_MEMORY = "No such memory."
NOTHING_FOUND = "No results."
Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[Given]):
    """One tool: what a model reads about it, and what it does in a toolbox."""

    name: str
    description: str
    arguments: type[Given]
    run: Callable[[Toolbox, Given], Awaitable[Outcome]]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments; whatever it doesn't name is refused."""
        return schema_of(self.arguments)


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools of one turn, closed over its scope."""

    db: ScopedDatabase
    scope: SessionScope
    session_id: SessionId
    turn_id: TurnId
    embedder: Embedder

    @property
    def specs(self) -> tuple[Tool[Any], ...]:
        """The tools, as a model is told of them."""
        return TOOLS

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Calls a tool. What can't be done comes back as an outcome, with nothing changed.

        Raises:
            LeaseLost: the turn holds its session no more.
        """
        tool = next((tool for tool in TOOLS if tool.name == name), None)
        if tool is None:
            return _refused(f"there is no tool {name!r}")
        try:
            given = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            return _refused(what_is_wrong(error))
        try:
            return await tool.run(self, given)
        except NotFound:
            return Outcome(NO_SUCH_MEMORY, done=False)
        except LimitReached as error:
            return replace(_refused(f"{error.message} {error.hint}"), full=True)
        except (BadInput, Conflict) as error:
            return _refused(error.message)

    def begin(self) -> AbstractAsyncContextManager[Transaction]:
        """The scope's rows, while the turn holds its session."""
        return self._enter()

    @asynccontextmanager
    async def _enter(self) -> AsyncIterator[Transaction]:
        async with self.db.begin(self.scope) as tx:
            await hold(tx, self.session_id, self.turn_id)
            yield tx

    async def index(self, text: str) -> Indexed:
        """Terms and vector of a text, made outside of any transaction."""
        return (await asyncio.to_thread(index, [text], self.embedder))[0]

    def show(self, found: tuple[Found, ...]) -> Outcome:
        """What was found, as data; in an owner's session each record says whose it is."""
        if not found:
            return Outcome(NOTHING_FOUND)
        of_owner = isinstance(self.scope, OwnerScope)
        records = [found_record(one, of_owner=of_owner) for one in found]
        return Outcome(tagged("found", records), found)


async def _remember(box: Toolbox, given: Remember) -> Outcome:
    new = NewMemory(
        given.content,
        await box.index(given.content),
        topic_key=given.topic_key,
        topics=given.topics or (),
        salience=given.salience or "medium",
        turn_id=box.turn_id,
    )
    replaces = None if given.replaces is None else _memory_id(given.replaces)
    async with box.begin() as tx:
        memory = await remember(tx, new, replaces=replaces)
        if replaces is not None:
            return Outcome(f"Remembered in its place. The memory's id is {memory.id}.")
        outdated = await may_be_outdated(tx, memory, new.indexed.terms)
    if memory.content != given.content:
        return Outcome(
            f"That is known already. Memory {memory.id} says: {quote(memory.content)}."
            " Its words can be changed with update_memory."
        )
    if not outdated:
        return Outcome(f"Remembered. The memory's id is {memory.id}.")
    older = "; ".join(f"{one.id} says {quote(one.content)}" for one in outdated)
    return Outcome(
        f"Remembered. The memory's id is {memory.id}. It may contradict or update what was kept"
        f" before: {older}. If one of these is no longer true, call remember again with the same"
        " content and its id as `replaces`."
    )


async def _recall(box: Toolbox, given: Recall) -> Outcome:
    if not given.query.strip():
        async with box.begin() as tx:
            return box.show(await find_newest(tx, given.limit))
    query = await prepare_query(given.query, box.embedder)
    async with box.begin() as tx:
        return box.show(await find(tx, query, given.limit))


async def _forget(box: Toolbox, given: Forget) -> Outcome:
    memory_id = _memory_id(given.memory_id)
    async with box.begin() as tx:
        await forget(tx, memory_id)
    return Outcome("Forgotten.")


async def _update_memory(box: Toolbox, given: UpdateMemory) -> Outcome:
    memory_id = _memory_id(given.memory_id)
    change = MemoryChange(
        content=given.content,
        indexed=await box.index(given.content),
        topic_key=given.topic_key,
        topics=given.topics,
        salience=given.salience,
    )
    async with box.begin() as tx:
        await update_memory(tx, memory_id, change, expected=given.version)
    return Outcome("Changed.")


async def _search_conversation(box: Toolbox, given: SearchConversation) -> Outcome:
    query = await prepare_query(given.query, box.embedder)
    async with box.begin() as tx:
        return box.show(await find_said(tx, query, given.limit, box.turn_id))


def _memory_id(text: str) -> MemoryId:
    try:
        return MemoryId(UUID(text.strip()))
    except ValueError:
        raise NotFound(NO_SUCH_MEMORY) from None


def _refused(why: str) -> Outcome:
    return Outcome(f"Nothing was done: {why.rstrip('.')}.", done=False)


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "remember",
        "Remember something for later conversations, such as a fact, a preference or a plan.",
        Remember,
        _remember,
    ),
    Tool(
        "recall",
        "Search memories and the published reference texts.",
        Recall,
        _recall,
    ),
    Tool(
        "update_memory",
        "Replace a memory that is no longer true.",
        UpdateMemory,
        _update_memory,
    ),
    Tool("forget", "Forget a memory, when asked to or when it is wrong.", Forget, _forget),
    Tool(
        "search_conversation",
        "Search the exact words of earlier messages, however old.",
        SearchConversation,
        _search_conversation,
    ),
)
