"""The tools of a turn: memory and conversation, in the scope of its session only.

No tool takes an owner, an agent, a contact or a session. Every call is one short transaction that
first checks that the turn still holds its session; embedding is done before it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from discreet.contacts.time_zones import set_time_zone
from discreet.domain.audience import NeedsYes, Released, Withheld
from discreet.domain.errors import BadInput, Conflict, LimitReached, NotFound, ScopeError
from discreet.domain.ids import MemoryId, SessionId, TurnId
from discreet.domain.recurrence import described
from discreet.domain.time_zones import checked_zone
from discreet.memory.embedding import Embedder
from discreet.schemas import memories as schemas
from discreet.schemas.reminders import Remind
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services import memories, recall, reminders
from discreet.services.context import OperationContext
from discreet.services.own_data import note_access
from discreet.turn.arguments import (
    Arguments,
    AskForPersonCall,
    CancelReminderCall,
    ForgetCall,
    ListRemindersCall,
    RecallCall,
    RememberCall,
    RemindCall,
    SearchConversationCall,
    SetTimeZoneCall,
    UpdateMemoryCall,
    schema_of,
    what_is_wrong,
)
from discreet.turn.context import Found
from discreet.turn.escaping import quote, tagged
from discreet.turn.handover import ask_for_person
from discreet.turn.lease import hold
from discreet.turn.prompt import found_record
from discreet.turn.reading import Reading, note_what_was_read, of_contacts
from discreet.turn.reminders import zone_of_scope
from discreet.turn.retrieval import found_hits, found_memories
from discreet.turn.tools import Outcome, Tools, ToolSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# The same whether an id belongs to somebody else or doesn't exist.
NO_SUCH_MEMORY = "No such memory."
NO_SUCH_REMINDER = reminders.NO_SUCH_REMINDER
NOTHING_FOUND = "No results."
Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[Given]):
    """One tool: its description for a model, and its function on a toolbox.

    ``effect``: what to say once it is done, for a tool that changes something; a tool without one
    only reads. A turn that called a tool with effects doesn't start over.
    """

    name: str
    description: str
    arguments: type[Given]
    run: Callable[[Toolbox, Given], Awaitable[Outcome]]
    effect: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments; unknown ones are rejected."""
        return schema_of(self.arguments)


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
            return _refused(what_is_wrong(error))
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
            return _refused(f"there is no tool {name!r}")
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
            return replace(_refused(f"{error.message} {error.hint}"), full=True)
        except (BadInput, Conflict) as error:
            return _refused(error.message)

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
        return OperationContext(self.begin, lambda: self.embedder, "agent", self.turn_id)

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
            await note_access(self.db, self.scope.owner_id, of_contacts(found), "asked", "chat")
        else:
            self.reading.note(found)

    async def show_hits(self, hits: schemas.Hits) -> Outcome:
        """Show the results of a search, with a note if they were matched by words alone."""
        note = recall.BY_WORDS_ONLY if hits.by_words_only else ""
        return await self.show(found_hits(hits.items), note)

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


async def _remember(box: Toolbox, given: RememberCall) -> Outcome:
    replaces = None if given.replaces is None else _memory_id(given.replaces)
    request = schemas.Remember(
        content=given.content,
        topic_key=given.topic_key,
        topics=given.topics or [],
        salience=given.salience or "medium",
        replaces=replaces,
    )
    box.reading.keep(request.content)
    memory = await memories.remember(box.context, request)
    if replaces is not None:
        return Outcome(f"Remembered as a replacement. The memory's id is {memory.id}.")
    if memory.content != given.content:
        return Outcome(
            f"This is already known. Memory {memory.id} says: {quote(memory.content)}."
            " Use update_memory to change its text."
        )
    if not memory.may_replace:
        return Outcome(f"Remembered. The memory's id is {memory.id}.")
    older = "; ".join(f"{one.id} says {quote(one.content)}" for one in memory.may_replace)
    return Outcome(
        f"Remembered. The memory's id is {memory.id}. It may contradict or update earlier"
        f" memories: {older}. If one of these is no longer true, call remember again with the same"
        " content and its id as `replaces`."
    )


async def _recall(box: Toolbox, given: RecallCall) -> Outcome:
    if not given.query.strip():
        newest = schemas.ListMemories(**given.model_dump(exclude={"query"}))
        page = await memories.list_memories(box.context, newest)
        return await box.show(found_memories(page.items))
    request = schemas.Recall(**given.model_dump())
    return await box.show_hits(await recall.recall(box.context, request))


async def _forget(box: Toolbox, given: ForgetCall) -> Outcome:
    memory_id = _memory_id(given.memory_id)
    await box.may_change(memory_id, "forget", given)
    await memories.forget(box.context, memory_id)
    return Outcome("Forgotten.")


async def _update_memory(box: Toolbox, given: UpdateMemoryCall) -> Outcome:
    asked = given.model_dump(exclude={"memory_id", "version"}, exclude_none=True)
    request = schemas.MemoryPatch(**asked)
    memory_id = _memory_id(given.memory_id)
    await box.may_change(memory_id, "update_memory", given)
    await memories.update(box.context, memory_id, request, expected=given.version)
    return Outcome("Changed.")


async def _search_conversation(box: Toolbox, given: SearchConversationCall) -> Outcome:
    request = schemas.SearchMessages(**given.model_dump())
    return await box.show_hits(await recall.search_messages(box.context, request))


async def _set_time_zone(box: Toolbox, given: SetTimeZoneCall) -> Outcome:
    if not isinstance(box.scope, ContactScope):
        return _refused("several people speak here, or your owner: they share one time zone")
    zone = checked_zone(given.zone)
    async with box.begin() as tx:
        await set_time_zone(tx, zone)
    return Outcome(f"From the next message on, times are in {zone}.")


async def _remind(box: Toolbox, given: RemindCall) -> Outcome:
    try:
        at = datetime.fromisoformat(given.at.strip())
    except ValueError:
        return _refused("'at' is not a date and time like 2026-12-24T18:30")
    asked = Remind(text=given.text, at=at, repeat=given.repeat or "")
    async with box.begin() as tx:
        zone = await zone_of_scope(tx, str(box.zone))
        made = await reminders.add_reminder(
            tx, box.session_id, box.turn_id, asked, box.reading.remind(asked.text), zone
        )
    moment = made.due_at.astimezone(ZoneInfo(zone))
    recurs = f" It recurs: {described(made.rule)}." if made.rule else ""
    return Outcome(
        f"The reminder {reminders.short_id(made.id)} is set for {moment:%A %Y-%m-%d %H:%M}"
        f" ({zone}).{recurs} Tell them that time."
    )


async def _list_reminders(box: Toolbox, _: ListRemindersCall) -> Outcome:
    async with box.begin() as tx:
        found = await reminders.list_own(tx)
    if not found:
        return Outcome("There are no reminders here.")
    shown = [
        json.dumps(
            {
                "id": reminders.short_id(one.id),
                "text": one.text,
                "at": f"{one.due_at.astimezone(ZoneInfo(one.zone)):%Y-%m-%dT%H:%M} ({one.zone})",
                "repeat": one.rule,
            },
            ensure_ascii=False,
        )
        for one in found
    ]
    return Outcome(tagged("reminders", shown))


async def _cancel_reminder(box: Toolbox, given: CancelReminderCall) -> Outcome:
    try:
        async with box.begin() as tx:
            await reminders.cancel_own(tx, given.reminder_id)
    except NotFound:
        return Outcome(NO_SUCH_REMINDER, done=False)
    return Outcome("The reminder is cancelled.")


async def _ask_for_person(box: Toolbox, given: AskForPersonCall) -> Outcome:
    if isinstance(box.scope, OwnerScope):
        return _refused("you are talking to the owner")
    async with box.begin() as tx:
        outcome = await ask_for_person(tx, box.session_id, box.turn_id, given.reason)
    return Outcome(f"{outcome.text} Tell them so.")


def _memory_id(text: str) -> MemoryId:
    try:
        return MemoryId(UUID(text.strip()))
    except ValueError:
        raise NotFound(NO_SUCH_MEMORY) from None


async def _call_released(servers: Tools, name: str, released: Released) -> Outcome:
    _, arguments = json.loads(released.text)
    return await servers.call(name, arguments)


def _held_back(error: Withheld) -> Outcome:
    if isinstance(error, NeedsYes):
        return _refused(
            "this reaches beyond your owner's conversation, so it needs their yes. They are asked"
            " for it beneath your answer. Once they have said yes, call it again with the same"
            " arguments"
        )
    return _refused(error.message)


def _refused(why: str) -> Outcome:
    return Outcome(f"Nothing was done: {why.rstrip('.')}.", done=False)


TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        "remember",
        "Remember something for later conversations, such as a fact, a preference or a plan.",
        RememberCall,
        _remember,
        effect="I'll remember that.",
    ),
    Tool(
        "recall",
        "Search memories and the published reference texts.",
        RecallCall,
        _recall,
    ),
    Tool(
        "update_memory",
        "Replace a memory that is no longer true.",
        UpdateMemoryCall,
        _update_memory,
        effect="I've changed what I know.",
    ),
    Tool(
        "forget",
        "Forget a memory, when asked to or when it is wrong.",
        ForgetCall,
        _forget,
        effect="I've forgotten that.",
    ),
    Tool(
        "search_conversation",
        "Search the exact words of earlier messages, however old.",
        SearchConversationCall,
        _search_conversation,
    ),
    Tool(
        "set_time_zone",
        "Set the person's time zone, when they say where they live or are.",
        SetTimeZoneCall,
        _set_time_zone,
        effect="I've noted your time zone.",
    ),
    Tool(
        "remind",
        "Remind them of something later, here in this conversation, once or again and again.",
        RemindCall,
        _remind,
        effect="I'll remind you of that.",
    ),
    Tool(
        "list_reminders",
        "List the reminders of this conversation that are still to come.",
        ListRemindersCall,
        _list_reminders,
    ),
    Tool(
        "cancel_reminder",
        "Cancel a reminder, when asked to.",
        CancelReminderCall,
        _cancel_reminder,
        effect="I've cancelled that reminder.",
    ),
    Tool(
        "ask_for_person",
        "Call the person who runs you into this conversation, when somebody asks for a human or"
        " a decision isn't yours to make.",
        AskForPersonCall,
        _ask_for_person,
        effect="I've asked the person who runs me to answer you here.",
    ),
)
