"""The filters of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.ids import AgentId, ContactId, SessionId, TurnId

__all__ = ["ANY", "Filters", "Kind"]

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
        """Return the parameters of ``passing``."""
        return {
            "alive": None if self.include_expired else True,
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

    def passing(self, kind: Kind) -> LiteralString:
        """Return an SQL condition on the rows of a kind, with only the filters in use.

        A short statement is planned faster, and prepared by the driver.
        """
        given = self.params() | {"always": True}
        asked = [sql for name, sql in _CONDITIONS[kind].items() if given[name] is not None]
        return " AND ".join(asked) or "true"

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

_CONDITIONS: Mapping[Kind, Mapping[str, LiteralString]] = {
    "memory": {
        "alive": "(expires_at IS NULL OR expires_at > now())",
        "salience": "salience = ANY(%(salience)s::text[])",
        "topics_any": "topics && %(topics_any)s::text[]",
        "topics_all": "topics @> %(topics_all)s::text[]",
        "source": "source = %(source)s",
        "topic_key": "topic_key = %(topic_key)s",
        "agent": "agent_id = %(agent)s",
        "contact": "contact_id = %(contact)s",
        "since": "created_at >= %(since)s",
        "until": "created_at < %(until)s",
    },
    "passage": {
        "agent": "agent_id = %(agent)s",
        "since": "created_at >= %(since)s",
        "until": "created_at < %(until)s",
    },
    "message": {
        "always": "command IS NULL",
        "contact": "contact_id = %(contact)s",
        "agent": "agent_id = %(agent)s",
        "session": "session_id = %(session)s",
        "before_turn": "turn_id IS DISTINCT FROM %(before_turn)s",
        # The second condition uses an index: nothing is sent after it was stored, give or take a
        # day for a wrong clock.
        "since": "coalesce(sent_at, created_at) >= %(since)s"
        " AND created_at >= %(since)s::timestamptz - interval '1 day'",
        "until": "coalesce(sent_at, created_at) < %(until)s",
    },
}
"""The filter conditions for each kind of row."""


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)
