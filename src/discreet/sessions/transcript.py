"""The messages of a session, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.ids import ContactId, MessageId, SessionId, TurnId
from discreet.scope import Transaction


@dataclass(frozen=True, slots=True)
class Message:
    """One message. ``sender_name`` and ``sender_address`` are empty for the agent's own.

    ``in_person``: the owner wrote it in place of the agent. ``details``: content other than the
    text, as ``discreet.domain.content`` stores it. ``replies_to``: the earlier message that it
    answers. ``sent_at``: the platform's time of writing.
    """

    id: MessageId
    position: int
    direction: Literal["in", "out"]
    text: str
    sender_name: str
    sender_address: str
    sender_contact_id: ContactId | None
    turn_id: TurnId | None
    in_person: bool
    created_at: datetime
    details: Mapping[str, Any] | None = None
    replies_to: MessageId | None = None
    sent_at: datetime | None = None


COLUMNS: LiteralString = (
    "id, position, direction, text, sender_name, sender_address, sender_contact_id, turn_id,"
    " in_person, created_at, details, replies_to, sent_at"
)


OF_TURN: LiteralString = (
    f"SELECT {COLUMNS} FROM discreet.messages"
    " WHERE turn_id = %(turn)s AND direction = 'in' ORDER BY position"
)


async def messages_of_turn(tx: Transaction, turn_id: TurnId) -> list[Message]:
    """Return the inbound messages that a turn took."""
    found = await tx.fetch(OF_TURN, {"turn": turn_id})
    return [_message(row) for row in found]


async def messages_of_ids(tx: Transaction, ids: Sequence[MessageId]) -> dict[MessageId, Message]:
    """Return those of these messages that the scope can see."""
    found = await tx.fetch(
        f"SELECT {COLUMNS} FROM discreet.messages WHERE id = ANY(%(ids)s)", {"ids": list(ids)}
    )
    return {row["id"]: _message(row) for row in found}


async def messages_before(
    tx: Transaction, session_id: SessionId, position: int, limit: int, *, after: int = 0
) -> list[Message]:
    """Return the last ``limit`` messages before a position, oldest first.

    Messages still waiting, commands and system notices are left out.
    """
    found = await tx.fetch(
        f"SELECT {COLUMNS} FROM discreet.messages"
        " WHERE session_id = %(session)s AND position < %(position)s AND state <> 'waiting'"
        "   AND position > %(after)s"
        "   AND command IS NULL"
        " ORDER BY position DESC LIMIT %(limit)s",
        {"session": session_id, "position": position, "limit": limit, "after": after},
    )
    return [_message(row) for row in reversed(found)]


async def said_in_scope(tx: Transaction, limit: int) -> list[Message]:
    """Return the last ``limit`` messages of every session of this scope, oldest first."""
    found = await tx.fetch(
        f"SELECT {COLUMNS} FROM discreet.messages WHERE command IS NULL"
        " ORDER BY created_at DESC, position DESC LIMIT %(limit)s",
        {"limit": limit},
    )
    return [_message(row) for row in reversed(found)]


async def messages_after(
    tx: Transaction, session_id: SessionId, position: int, limit: int
) -> list[Message]:
    """Return the first ``limit`` messages after a position, oldest first."""
    found = await tx.fetch(
        f"SELECT {COLUMNS} FROM discreet.messages"
        " WHERE session_id = %(session)s AND position > %(position)s"
        " ORDER BY position LIMIT %(limit)s",
        {"session": session_id, "position": position, "limit": limit},
    )
    return [_message(row) for row in found]


async def transcript(tx: Transaction, session_id: SessionId) -> list[Message]:
    """Return the whole conversation, oldest first; empty if the scope has no such session."""
    found = await tx.fetch(
        f"SELECT {COLUMNS} FROM discreet.messages WHERE session_id = %(session)s ORDER BY position",
        {"session": session_id},
    )
    return [_message(row) for row in found]


def _message(row: dict[str, Any]) -> Message:
    return Message(**row)
