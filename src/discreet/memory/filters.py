"""The filters of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.ids import AgentId, ContactId, SessionId, TurnId

__all__ = ["ANY", "PASSING", "Filters", "Kind"]

Kind = Literal["memory", "passage", "message"]


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions that narrow what a search finds; they can't widen the scope. None: no condition.

    ``salience``, ``topics_any``, ``topics_all``, ``source`` and ``topic_key`` apply to memories
    only, so any of them excludes passages. ``since`` is inclusive, ``until`` exclusive.
    """

    kinds: frozenset[Kind] = frozenset(["memory", "passage"])
    salience: tuple[str, ...] | None = None
    topics_any: tuple[str, ...] | None = None
    topics_all: tuple[str, ...] | None = None
    source: str | None = None
    topic_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    include_expired: bool = False
    agent_id: AgentId | None = None
    contact_id: ContactId | None = None
    session_id: SessionId | None = None
    before_turn: TurnId | None = None
    """Exclude messages of this turn: the question itself must not be found."""

    def params(self) -> dict[str, Any]:
        """Return the parameters of ``PASSING``."""
        return {
            "include_expired": self.include_expired,
            "salience": _listed(self.salience),
            "topics_any": _listed(self.topics_any),
            "topics_all": _listed(self.topics_all),
            "source": self.source,
            "topic_key": self.topic_key,
            "agent": self.agent_id,
            "contact": self.contact_id,
            "session": self.session_id,
            "before_turn": self.before_turn,
            "since": self.since,
            "until": self.until,
        }

    def wanted(self) -> list[Kind]:
        """Return the kinds that can pass, in a fixed order to keep ties stable."""
        of_memories = (
            self.salience,
            self.topics_any,
            self.topics_all,
            self.source,
            self.topic_key,
            self.contact_id,
        )
        wanted: list[Kind] = []
        if "memory" in self.kinds:
            wanted.append("memory")
        if "passage" in self.kinds and all(one is None for one in of_memories):
            wanted.append("passage")
        if "message" in self.kinds and all(one is None for one in of_memories[:-1]):
            wanted.append("message")
        return wanted

    def are_wide(self) -> bool:
        """Return whether nearly every memory passes.

        Only then may candidates be preselected before filtering without losing matches.
        """
        narrow = (
            self.salience,
            self.topics_any,
            self.topics_all,
            self.source,
            self.topic_key,
            self.agent_id,
            self.contact_id,
            self.since,
            self.until,
        )
        return all(one is None for one in narrow)


ANY = Filters()

PASSING: Mapping[Kind, LiteralString] = {
    "memory": """
           (%(include_expired)s OR expires_at IS NULL OR expires_at > now())
       AND (%(salience)s::text[] IS NULL OR salience = ANY(%(salience)s::text[]))
       AND (%(topics_any)s::text[] IS NULL OR topics && %(topics_any)s::text[])
       AND (%(topics_all)s::text[] IS NULL OR topics @> %(topics_all)s::text[])
       AND (%(source)s::text IS NULL OR source = %(source)s)
       AND (%(topic_key)s::text IS NULL OR topic_key = %(topic_key)s)
       AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(contact)s::uuid IS NULL OR contact_id = %(contact)s)
       AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)""",
    "passage": """
           (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)""",
    "message": """
           command IS NULL
       AND (%(contact)s::uuid IS NULL OR contact_id = %(contact)s)
       AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(session)s::uuid IS NULL OR session_id = %(session)s)
       AND (%(before_turn)s::uuid IS NULL OR turn_id IS DISTINCT FROM %(before_turn)s)
       AND (%(since)s::timestamptz IS NULL OR coalesce(sent_at, created_at) >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR coalesce(sent_at, created_at) < %(until)s)""",
}
"""The filter conditions for each kind of row."""


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
