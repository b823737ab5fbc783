"""The context of a turn. All of it is loaded in the scope of its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal
from uuid import UUID

PartyKind = Literal["contact", "group", "owner", "shared"]
FoundKind = Literal["memory", "passage", "message"]
Salience = Literal["low", "medium", "high", "critical"]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who said something: the stable ``address`` (``platform:id``) and the name they gave.

    A name is what somebody calls themselves and proves nothing. Both empty: nobody knows who.
    """

    name: str = ""
    address: str = ""


# No platform's address: those have a colon. Whoever has no address is not the owner for that.
OWNER = Speaker(address="owner")


@dataclass(frozen=True, slots=True)
class RepliedTo:
    """What a line replies to or quotes. ``speaker`` None: the agent; ``text`` empty: its words are
    not to be had; ``is_part``: they were picked out of a longer text."""

    text: str
    speaker: Speaker | None
    at: datetime | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the conversation. ``speaker`` is None where the agent itself spoke, and
    the owner where they answered in its place.

    ``text`` is the whole message as one text. Where more than words came, ``words`` are what was
    written, ``parts`` and ``forwarded`` the rest of it, as JSON (``discreet.domain.content``).
    """

    position: int
    direction: Literal["in", "out"]
    speaker: Speaker | None
    text: str
    at: datetime
    words: str | None = None
    parts: tuple[Mapping[str, Any], ...] = ()
    forwarded: Mapping[str, Any] | None = None
    replies_to: RepliedTo | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """Whom the agent talks to. ``type``: the contact's (external, group, personal), or empty;
    ``zone``: the time zone that they named."""

    kind: PartyKind
    name: str = ""
    platform: str = ""
    type: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class AgentCard:
    """What the owner gave the agent; ``model`` is None where the installation's default counts.

    ``context_tokens``: how much the model's context holds, if the owner has said it;
    ``fallback_models``: those that take over where it fails, in their order.
    """

    name: str
    role: str = ""
    instructions: str = ""
    model: str | None = None
    context_tokens: int | None = None
    fallback_models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was kept, published or said, and that a search brought up.

    ``whose`` names the contact it belongs to, in an owner's session; None: this scope's own.
    ``closeness`` is the cosine to what was asked (-1 to 1), None where nothing was compared.
    ``by`` says who wrote a message (None: the agent), ``position`` where it stands; ``version`` is
    a memory's. ``score`` and its ``parts`` say why a search found it; None: nothing was searched.
    """

    kind: FoundKind
    text: str
    at: datetime
    id: UUID | None = None
    title: str = ""
    salience: str | None = None
    whose: Speaker | None = None
    by: Speaker | None = None
    position: int | None = None
    closeness: float | None = None
    version: int | None = None
    score: float | None = None
    parts: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that came with a waiting line; ``media_type`` as its sender claims."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """Everything that one turn starts from.

    ``waiting`` must be answered: one line or more, in order, all of one route. ``history`` is what
    was said before, oldest first. ``knowledge`` are the critical and high memories, ``recalled``
    what a search for the waiting lines found. ``summary`` stands for what was said before
    ``history``. ``zone`` is where the contact is, as far as is known.
    """

    agent: AgentCard
    party: Party
    now: datetime
    waiting: tuple[Line, ...]
    history: tuple[Line, ...] = ()
    knowledge: tuple[Found, ...] = ()
    recalled: tuple[Found, ...] = ()
    thread_key: str = ""
    files: tuple[KeptFile, ...] = ()
    summary: Found | None = None
    zone: tzinfo = UTC

    @property
    def of_owner(self) -> bool:
        """Whether this is the owner's own session, in which everything of theirs is read."""
        return self.party.kind == "owner"

    @property
    def many_speak(self) -> bool:
        """Whether several people speak here, so that each line has to say who."""
        return self.party.kind in ("group", "shared")
