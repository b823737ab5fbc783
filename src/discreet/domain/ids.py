"""Ids: random UUIDs, with a separate type per kind for the type checker."""

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
    """Parse a UUID given by a person or a program.

    Raises:
        BadInput: it is not a UUID; ``what`` names the kind of id in the message.
    """
    try:
        return UUID(text.strip())
    except ValueError:
        raise BadInput(f"{text!r} is not a valid {what}.", hint="Give the full UUID.") from None
