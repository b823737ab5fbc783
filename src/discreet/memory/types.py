"""The types of the memory store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, ContactId, MemoryId, TurnId
from discreet.memory.indexing import Indexed

__all__ = [
    "ALIVE",
    "COLUMNS",
    "OWN",
    "SALIENCES",
    "Memory",
    "MemoryChange",
    "NewMemory",
    "Salience",
    "check",
    "memory_of",
]

Salience = Literal["low", "medium", "high", "critical"]
SALIENCES: tuple[Salience, ...] = ("low", "medium", "high", "critical")

MAX_CONTENT = 65_536
"""Maximum characters of one memory."""
MAX_TOPIC_KEY = 200
"""Maximum characters of a topic key."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory in its current version.

    ``contact_id`` is None if it is the owner's or, with ``shared``, everyone's who talks to the
    agent.
    """

    id: MemoryId
    agent_id: AgentId
    contact_id: ContactId | None
    shared: bool
    content: str
    summary: str
    topic_key: str | None
    topics: tuple[str, ...]
    salience: Salience
    source: str
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    version: int
    turn_id: TurnId | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to store. ``indexed`` is the result of ``indexing.index`` for ``content``.

    A scope has at most one memory per ``topic_key``: a newer one replaces the older.
    """

    content: str
    indexed: Indexed
    summary: str = ""
    topic_key: str | None = None
    topics: Sequence[str] = ()
    salience: Salience = "medium"
    source: str = "agent"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    turn_id: TurnId | None = None


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """The fields to change; None leaves a field as it is.

    New ``content`` requires its ``indexed``. ``clear`` names fields to empty. ``turn_id``: the turn
    that wrote the new content.
    """

    content: str | None = None
    indexed: Indexed | None = None
    summary: str | None = None
    topic_key: str | None = None
    topics: Sequence[str] | None = None
    salience: Salience | None = None
    metadata: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    source: str | None = None
    turn_id: TurnId | None = None
    clear: frozenset[Literal["topic_key", "expires_at"]] = frozenset()


COLUMNS: LiteralString = """
    id, agent_id, contact_id, shared, content, summary, topic_key, topics, salience, source,
    metadata, expires_at, version, turn_id, created_at, updated_at"""

ALIVE: LiteralString = "(expires_at IS NULL OR expires_at > now())"

# Rows of the ticket's own party. An owner, who may read more, owns only the rows without a contact.
OWN: LiteralString = """
    (owner_id, agent_id, party) = (
      SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s)"""


def memory_of(row: Mapping[str, Any]) -> Memory:
    """Return the memory in a row with ``COLUMNS``."""
    return Memory(**{**row, "topics": tuple(row["topics"])})


def check(content: str | None, salience: str | None, topic_key: str | None) -> None:
    """Check the values of a memory; None is skipped.

    Raises:
        BadInput: empty, too long, or an unknown salience.
    """
    if content is not None and not content.strip():
        raise BadInput("The memory is empty.", hint="Give its text.")
    if content is not None and len(content) > MAX_CONTENT:
        raise BadInput(
            f"The text has {len(content):,} characters; the maximum is {MAX_CONTENT:,}.",
            hint="Split it into several memories.",
        )
    if salience is not None and salience not in SALIENCES:
        raise BadInput(
            f"{salience!r} is not a salience.", hint=f"Use one of {', '.join(SALIENCES)}."
        )
    if topic_key is not None and len(topic_key) > MAX_TOPIC_KEY:
        raise BadInput(f"A topic key has at most {MAX_TOPIC_KEY} characters.", hint="Shorten it.")
