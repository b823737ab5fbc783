"""Load the context of a turn, in the scope of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any, LiteralString

from discreet.domain.errors import NotFound
from discreet.domain.ids import MessageId
from discreet.domain.time_zones import zone_named
from discreet.memory.embedding import Embedder
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.types import Memory
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, SharedScope, Transaction
from discreet.scope.scopes import SessionScope
from discreet.sessions.summaries import SUMMARY, Summary, summary_in
from discreet.sessions.transcript import OF_TURN, Message, messages_before, messages_of_ids
from discreet.turn.context import (
    OWNER,
    AgentCard,
    Found,
    KeptFile,
    Line,
    Party,
    RepliedTo,
    Speaker,
    TurnContext,
)
from discreet.turn.files import FILES
from discreet.turn.lease import Lease
from discreet.turn.retrieval import prepare_query, retrieve

HISTORY_MESSAGES = 200
"""Messages before the waiting ones that are read; the prompt's budget decides how many are used."""
KNOWLEDGE_TOKENS = 2_000
RECALLED = 12
QUERY_CHARACTERS = 2_000
"""Characters of the waiting text that are used as the search query."""


_AGENT: LiteralString = (
    "SELECT name, role, instructions, model, context_tokens, fallback_models, unknown_reply"
    " FROM discreet.agents WHERE id = %(agent)s"
)
_CONTACT: LiteralString = (
    "SELECT c.name, c.type, c.time_zone, a.platform FROM discreet.contacts c"
    " LEFT JOIN discreet.addresses a ON a.contact_id = c.id"
    " WHERE c.id = %(contact)s ORDER BY a.created_at LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored for a turn: the agent, the party, and the conversation up to its messages.

    ``said`` are the last messages before those that wait; ``answered`` those that any of them reply
    to. ``files``: rows of the waiting messages' files.
    """

    agent: Mapping[str, Any]
    party: Party
    thread_key: str
    summary: Summary
    waiting: Sequence[Message]
    said: Sequence[Message]
    answered: Mapping[MessageId, Message]
    files: Sequence[Mapping[str, Any]]


async def read_turn(tx: Transaction, scope: SessionScope, lease: Lease) -> Stored | None:
    """Read what is stored for a turn, or return None if it is gone."""
    contact: tuple[tuple[LiteralString, Mapping[str, Any]], ...] = ()
    if isinstance(scope, ContactScope):
        contact = ((_CONTACT, {"contact": scope.contact_id}),)
    agents, sessions, taken, files, *parties = await tx.fetch_each(
        (_AGENT, {"agent": scope.agent_id}),
        (SUMMARY, {"session": lease.session_id}),
        (OF_TURN, {"turn": lease.turn_id}),
        (FILES, {"turn": lease.turn_id}),
        *contact,
    )
    if not agents or not sessions or not taken:
        return None
    waiting = [Message(**row) for row in taken]
    summary = summary_in(sessions[0])
    said = await messages_before(
        tx, lease.session_id, waiting[0].position, HISTORY_MESSAGES, after=summary.until
    )
    replied = [each.replies_to for each in (*waiting, *said) if each.replies_to is not None]
    answered = await messages_of_ids(tx, replied) if replied else {}
    party = _writing_from(_party(scope, *parties), waiting[0].sender_address)
    thread_key = sessions[0]["thread_key"]
    return Stored(agents[0], party, thread_key, summary, waiting, said, answered, files)


async def load(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    embedder: Embedder,
    files: tuple[KeptFile, ...] = (),
    *,
    stored: Stored | None = None,
    zone: tzinfo = UTC,
) -> TurnContext:
    """Return the complete input of a turn. The query is embedded between two transactions.

    ``stored``: what was read before; ``zone``: the default time zone.

    Raises:
        NotFound: the agent or the session no longer exists.
    """
    if stored is None:
        async with db.begin(scope) as tx:
            stored = await read_turn(tx, scope, lease)
    if stored is None:
        raise NotFound("The session of this turn is gone.")
    waiting = tuple(_line(message, scope, stored.answered) for message in stored.waiting)
    query = await prepare_query(
        "\n".join(line.text for line in waiting)[:QUERY_CHARACTERS], embedder
    )
    async with db.begin(scope) as tx:
        recalled = await retrieve(tx, query, RECALLED)
        knowledge = await get_knowledge_memories(tx, KNOWLEDGE_TOKENS)
    return TurnContext(
        agent=AgentCard(**stored.agent),
        party=stored.party,
        now=datetime.now(UTC),
        waiting=waiting,
        history=tuple(_line(message, scope, stored.answered) for message in stored.said),
        knowledge=tuple(_known(memory) for memory in knowledge),
        recalled=recalled,
        thread_key=stored.thread_key,
        summary=_summarised(stored.summary, waiting[0].at),
        files=files,
        zone=zone_named(stored.party.zone, zone),
        replied_to=tuple(stored.answered),
    )


async def party_of(tx: Transaction, scope: SessionScope) -> Party:
    """Return whom the agent talks to in this scope.

    Raises:
        NotFound: the contact is gone.
    """
    if isinstance(scope, ContactScope):
        return _party(scope, await tx.fetch(_CONTACT, {"contact": scope.contact_id}))
    return _party(scope)


def _party(scope: SessionScope, contacts: Sequence[Mapping[str, Any]] = ()) -> Party:
    match scope:
        case OwnerScope():
            return Party("owner")
        case SharedScope():
            return Party("shared")
        case ContactScope():
            if not contacts:
                raise NotFound("The contact of this turn is gone.")
            row = contacts[0]
            return Party(
                "group" if row["type"] == "group" else "contact",
                name=row["name"],
                platform=row["platform"] or "",
                type=row["type"],
                zone=row["time_zone"],
            )


def _writing_from(party: Party, address: str) -> Party:
    """Return the party with the address it writes from, of the several it may have."""
    platform = address.partition(":")[0]
    return replace(party, platform=platform) if party.kind == "contact" and platform else party


def _line(message: Message, scope: SessionScope, answered: Mapping[MessageId, Message]) -> Line:
    details = message.details or {}
    return Line(
        message.position,
        message.direction,
        _speaker(message, scope),
        message.text,
        message.sent_at or message.created_at,
        words=details.get("text"),
        parts=tuple(details.get("parts") or ()),
        forwarded=details.get("forwarded"),
        replies_to=_reply(message, scope, answered),
    )


def _reply(
    message: Message, scope: SessionScope, answered: Mapping[MessageId, Message]
) -> RepliedTo | None:
    """Return what a line replies to: the stored line or its excerpt, else the platform's text."""
    quote = (message.details or {}).get("quote")
    line = answered.get(message.replies_to) if message.replies_to is not None else None
    is_part = bool(quote and quote.get("is_part"))
    if line is not None:
        text = quote["text"] if quote and is_part else line.text
        return RepliedTo(text, _speaker(line, scope), line.sent_at or line.created_at, is_part)
    if quote is None:
        return None
    ours = quote.get("is_ours", False)
    speaker = None if ours else Speaker(quote.get("said_by", ""), quote.get("address", ""))
    at = datetime.fromisoformat(quote["at"]) if quote.get("at") else None
    return RepliedTo(quote.get("text", ""), speaker, at, is_part)


def _speaker(message: Message, scope: SessionScope) -> Speaker | None:
    if message.direction == "out":
        return OWNER if message.in_person else None
    # In shared conversations, the owner's account is treated like the others'.
    if message.sender_contact_id is None and (
        isinstance(scope, OwnerScope) or not message.sender_address
    ):
        return OWNER
    return Speaker(message.sender_name, message.sender_address)


def _summarised(summary: Summary, at: datetime) -> Found | None:
    if summary.memory_id is None or summary.text is None:
        return None
    return Found("memory", summary.text, at, id=summary.memory_id)


def _known(memory: Memory) -> Found:
    return Found(
        "memory",
        memory.content,
        memory.created_at,
        id=memory.id,
        salience=memory.salience,
        source=memory.source,
        contact_id=memory.contact_id,
    )
