"""The context of a turn, loaded entirely in the scope of its session."""

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

    A name is self-assigned and proves nothing. Both are empty if the speaker is unknown.
    """

    name: str = ""
    address: str = ""


# Not a platform's address: those contain a colon. A missing address doesn't mean the owner.
OWNER = Speaker(address="owner")


@dataclass(frozen=True, slots=True)
class RepliedTo:
    """What a line replies to or quotes.

    ``speaker`` None: the agent; ``text`` empty: its words aren't available; ``is_part``: they are
    an excerpt of a longer text.
    """

    text: str
    speaker: Speaker | None
    at: datetime | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the conversation.

    ``speaker`` is None for the agent itself, and the owner where they answered in its place.

    ``text`` is the whole message as one text. If it contains more than words, ``words`` are the
    written words, and ``parts`` and ``forwarded`` the rest, as JSON (``discreet.domain.content``).
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
    """Whom the agent talks to.

    ``type``: the contact's (external, group, personal), or empty; ``zone``: the time zone that they
    set.
    """

    kind: PartyKind
    name: str = ""
    platform: str = ""
    type: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class AgentCard:
    """The owner's settings of the agent. ``model`` None: the installation's default.

    ``context_tokens``: the size of the model's context, if the owner set it; ``fallback_models``:
    those that take over if it fails, in order. ``unknown_reply``: what it
    says without a model when it knows nothing.
    """

    name: str
    role: str = ""
    instructions: str = ""
    model: str | None = None
    context_tokens: int | None = None
    fallback_models: Sequence[str] = ()
    unknown_reply: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A memory, reference text or message that a search found.

    ``whose`` names the contact it belongs to, in an owner's session; None: this scope's own.
    ``closeness`` is the cosine with the query (-1 to 1), None if nothing was compared. ``by`` says
    who wrote a message (None: the agent), ``position`` its place; ``version`` and ``source`` are
    a memory's.
    ``score`` and its ``parts`` explain why it was found; None: nothing was searched.
    ``contact_id``: the contact whose row it is.
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
    source: str | None = None
    score: float | None = None
    parts: Mapping[str, float | None] | None = None
    contact_id: UUID | None = None

    @property
    def is_of_owner(self) -> bool:
        """Whether the owner has written or corrected it, so that nobody here told it."""
        return self.source in ("owner", "cli")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that came with a waiting line; ``media_type`` is its sender's claim."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The complete input of one turn.

    ``waiting`` must be answered: one line or more, in order, all of one route. ``history`` is what
    was said before, oldest first. ``knowledge`` are the critical and high memories, ``recalled``
    the results of a search for the waiting lines. ``summary`` replaces what was said before
    ``history``. ``zone`` is the contact's time zone, as far as known. ``replied_to``: the messages
    that its lines reply to.
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
    replied_to: tuple[UUID, ...] = ()

    @property
    def of_owner(self) -> bool:
        """Whether this is the owner's own session, which may read everything of the owner."""
        return self.party.kind == "owner"

    @property
    def many_speak(self) -> bool:
        """Whether several people speak here, so that each line must name its speaker."""
        return self.party.kind in ("group", "shared")
