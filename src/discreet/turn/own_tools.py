"""The agent's own tools: memory, conversation, reminders, and calling a person.

Each acts in the scope of its turn's session. No arguments name another scope.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from discreet.contacts.time_zones import set_time_zone
from discreet.domain.errors import NotFound
from discreet.domain.ids import MemoryId
from discreet.domain.recurrence import described
from discreet.domain.time_zones import checked_zone
from discreet.schemas import memories as schemas
from discreet.schemas.reminders import Remind
from discreet.scope import ContactScope, OwnerScope
from discreet.services import memories, recall, reminders
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
)
from discreet.turn.escaping import quote, tagged
from discreet.turn.handover import ask_for_person
from discreet.turn.reminders import zone_of_scope
from discreet.turn.retrieval import found_memories
from discreet.turn.tool_context import ToolContext
from discreet.turn.tools import Outcome, refused

# The same whether an id belongs to somebody else or doesn't exist.
NO_SUCH_MEMORY = "No such memory."


NO_SUCH_REMINDER = reminders.NO_SUCH_REMINDER


Given = TypeVar("Given", bound=Arguments)


@dataclass(frozen=True, slots=True)
class Tool(Generic[Given]):
    """One tool: its description for a model, and its function in the context of a turn.

    ``effect``: what to say once it is done, for a tool that changes something; a tool without one
    only reads. A turn that called a tool with effects doesn't start over.
    """

    name: str
    description: str
    arguments: type[Given]
    run: Callable[[ToolContext, Given], Awaitable[Outcome]]
    effect: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments; unknown ones are rejected."""
        return schema_of(self.arguments)


async def _remember(context: ToolContext, given: RememberCall) -> Outcome:
    replaces = None if given.replaces is None else _memory_id(given.replaces)
    request = schemas.Remember(
        content=given.content,
        topic_key=given.topic_key,
        topics=given.topics or [],
        salience=given.salience or "medium",
        replaces=replaces,
    )
    context.reading.keep(request.content)
    memory = await memories.remember(context.operation_context, request)
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


async def _recall(context: ToolContext, given: RecallCall) -> Outcome:
    if not given.query.strip():
        newest = schemas.ListMemories(**given.model_dump(exclude={"query"}))
        page = await memories.list_memories(context.operation_context, newest)
        return await context.show(found_memories(page.items))
    request = schemas.Recall(**given.model_dump())
    return await context.show_hits(await recall.recall(context.operation_context, request))


async def _forget(context: ToolContext, given: ForgetCall) -> Outcome:
    memory_id = _memory_id(given.memory_id)
    await context.may_change(memory_id, "forget", given)
    await memories.forget(context.operation_context, memory_id)
    return Outcome("Forgotten.")


async def _update_memory(context: ToolContext, given: UpdateMemoryCall) -> Outcome:
    asked = given.model_dump(exclude={"memory_id", "version"}, exclude_none=True)
    request = schemas.MemoryPatch(**asked)
    memory_id = _memory_id(given.memory_id)
    await context.may_change(memory_id, "update_memory", given)
    await memories.update(context.operation_context, memory_id, request, expected=given.version)
    return Outcome("Changed.")


async def _search_conversation(context: ToolContext, given: SearchConversationCall) -> Outcome:
    request = schemas.SearchMessages(**given.model_dump())
    return await context.show_hits(await recall.search_messages(context.operation_context, request))


async def _set_time_zone(context: ToolContext, given: SetTimeZoneCall) -> Outcome:
    if not isinstance(context.scope, ContactScope):
        return refused("several people speak here, or your owner: they share one time zone")
    zone = checked_zone(given.zone)
    async with context.begin() as tx:
        await set_time_zone(tx, zone)
    return Outcome(f"From the next message on, times are in {zone}.")


async def _remind(context: ToolContext, given: RemindCall) -> Outcome:
    try:
        at = datetime.fromisoformat(given.at.strip())
    except ValueError:
        return refused("'at' is not a date and time like 2026-12-24T18:30")
    asked = Remind(text=given.text, at=at, repeat=given.repeat or "")
    async with context.begin() as tx:
        zone = await zone_of_scope(tx, str(context.zone))
        made = await reminders.add_reminder(
            tx, context.session_id, context.turn_id, asked, context.reading.remind(asked.text), zone
        )
    moment = made.due_at.astimezone(ZoneInfo(zone))
    recurs = f" It recurs: {described(made.rule)}." if made.rule else ""
    return Outcome(
        f"The reminder {reminders.short_id(made.id)} is set for {moment:%A %Y-%m-%d %H:%M}"
        f" ({zone}).{recurs} Tell them that time."
    )


async def _list_reminders(context: ToolContext, _: ListRemindersCall) -> Outcome:
    async with context.begin() as tx:
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


async def _cancel_reminder(context: ToolContext, given: CancelReminderCall) -> Outcome:
    try:
        async with context.begin() as tx:
            await reminders.cancel_own(tx, given.reminder_id)
    except NotFound:
        return Outcome(NO_SUCH_REMINDER, done=False)
    return Outcome("The reminder is cancelled.")


async def _ask_for_person(context: ToolContext, given: AskForPersonCall) -> Outcome:
    if isinstance(context.scope, OwnerScope):
        return refused("you are talking to the owner")
    async with context.begin() as tx:
        outcome = await ask_for_person(tx, context.session_id, context.turn_id, given.reason)
    return Outcome(f"{outcome.text} Tell them so.")


def _memory_id(text: str) -> MemoryId:
    try:
        return MemoryId(UUID(text.strip()))
    except ValueError:
        raise NotFound(NO_SUCH_MEMORY) from None


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
