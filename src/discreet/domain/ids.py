"""Ids: random UUIDs, with a type for each kind, so that type checkers tell them apart."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

from discreet.domain.errors import BadInput

OwnerId = NewType("OwnerId", UUID)
AgentId = NewType("AgentId", UUID)
ContactId = NewType("ContactId", UUID)
ChannelId = NewType("ChannelId", UUID)
SessionId = NewType("SessionId", UUID)
RouteId = NewType("RouteId", UUID)
MessageId = NewType("MessageId", UUID)
TurnId = NewType("TurnId", UUID)
MemoryId = NewType("MemoryId", UUID)


def parse_uuid(text: str, what: str) -> UUID:
    """Return the UUID that a person or a program wrote.

    Raises:
        BadInput: it is not a UUID; ``what`` names it in the message.
    """
    try:
        return UUID(text.strip())
    except ValueError:
        raise BadInput(f"{text!r} is not a valid {what}.", hint="Give the full UUID.") from None
