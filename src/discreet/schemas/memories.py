"""Memories, their history, and search results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from discreet.schemas.attribution import Person
from discreet.schemas.pages import Page

Line = Annotated[str, Field(max_length=200)]


def _aware(at: datetime) -> datetime:
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not 1970 <= at.year <= 9998:
        raise ValueError("must be a time between 1970 and 9998")
    return at


Salience = Literal["low", "medium", "high", "critical"]
Kind = Literal["memory", "passage", "message"]
Mode = Literal["text", "semantic", "hybrid"]
Content = Annotated[str, Field(min_length=1, max_length=65_536)]
Summary = Annotated[str, Field(max_length=4000)]
Topics = Annotated[list[Line], Field(max_length=50)]
Time = Annotated[
    datetime, AfterValidator(_aware), Field(description="UTC if no time zone is given.")
]


Whose = Annotated[
    Person | None,
    Field(
        description="Whom it belongs to. Null outside the owner's scope, where everything "
        "is the caller's own."
    ),
]


class Memory(BaseModel):
    """A memory.

    A null `contact_id` means the owner's own, or shared by everyone if `shared` is true.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    content: str
    summary: str
    topic_key: str | None
    topics: list[str]
    salience: Salience
    source: str
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    whose: Whose = None
    agent: str | None = Field(None, description="The agent's name. Owner's scope only.")
    used_at: datetime | None = Field(
        None, description="The last day on which a turn used it. Owner's scope only."
    )


class ListMemories(Page):
    """The memories to list."""

    since: Time | None = Field(None, description="Included.")
    until: Time | None = Field(None, description="Exclusive.")
    include_expired: bool = False


class MemoryPage(BaseModel):
    """A page of memories, newest first."""

    items: list[Memory]
    next: str | None


class MemoryVersion(BaseModel):
    """A memory as it was until `archived_at`, when `change` happened."""

    model_config = ConfigDict(from_attributes=True)

    memory_id: UUID
    version: int
    agent_id: UUID
    contact_id: UUID | None
    content: str
    summary: str
    topic_key: str | None
    topics: list[str]
    salience: Salience
    source: str
    expires_at: datetime | None
    change: Literal["update", "delete", "expire"]
    archived_at: datetime


class MemoryVersions(BaseModel):
    """Older versions of a memory, newest first."""

    items: list[MemoryVersion]


class Remembered(Memory):
    """A memory that was just created.

    `may_replace`: older memories that it may contradict or update. To replace one of them, send the
    request again with `replaces`.
    """

    may_replace: list[Memory] = Field(default_factory=list)


class Remember(BaseModel):
    """A memory to create."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"content": "Her dog is called Rex.", "topics": ["pets"]}},
    )

    content: Content
    summary: Summary = ""
    topic_key: Line | None = Field(
        None,
        description=(
            "A key for one fact. A new value replaces the old one, which goes to the history."
        ),
    )
    topics: Topics = Field(default_factory=list)
    salience: Salience = "medium"
    expires_at: Time | None = None
    replaces: UUID | None = Field(
        None,
        description=("Id of a memory that this one replaces. The old text goes to its history."),
    )


class MemoryPatch(BaseModel):
    """Fields to change.

    Fields you leave out stay as they are; null removes a topic key or an expiry.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"content": "Her dog is called Rexy."}}
    )

    content: Content | None = None
    summary: Summary | None = None
    topic_key: Line | None = None
    topics: Topics | None = None
    salience: Salience | None = None
    expires_at: Time | None = None


class GetKnowledge(BaseModel):
    """How much knowledge to return."""

    model_config = ConfigDict(extra="forbid")

    budget: int = Field(2000, ge=1, le=100_000, description="Approximate number of tokens.")


class Knowledge(BaseModel):
    """The critical and high memories with which a session starts, most important first."""

    items: list[Memory]


class Restore(BaseModel):
    """The version to restore."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 1}})

    version: int | None = Field(None, ge=1, le=2**31 - 1, description="Default: the latest one.")


class Search(BaseModel):
    """Parameters common to all searches. Filters narrow the request's scope and can't widen it."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=4000)
    mode: Mode = "hybrid"
    limit: int = Field(10, ge=1, le=100)
    since: Time | None = Field(None, description="Included.")
    until: Time | None = Field(None, description="Exclusive.")


class Recall(Search):
    """A search of memories and reference texts.

    Filters narrow the request's scope and can't widen it.
    """

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"query": "what is her dog called?"}}
    )

    kinds: list[Kind] = Field(["memory", "passage"], min_length=1, max_length=3)
    salience: Annotated[list[Salience], Field(min_length=1, max_length=4)] | None = None
    topics_any: Annotated[Topics, Field(min_length=1)] | None = None
    topics_all: Annotated[Topics, Field(min_length=1)] | None = None
    source: Line | None = None
    topic_key: Line | None = None
    include_expired: bool = False


class SearchMessages(Search):
    """A search of past messages. Filters narrow the request's scope and can't widen it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"query": "when does the train leave?"}}
    )


class ScoreParts(BaseModel):
    """How a score was computed.

    `matched`: the share of the query's information that the result's own words cover, 0 to 1.
    `cosine`: similarity to the query, -1 to 1; null without a vector. The others add up to the
    score.
    """

    model_config = ConfigDict(from_attributes=True)

    matched: float
    cosine: float | None
    text: float
    meaning: float
    nearby: float
    speaker: float
    date: float
    form: float
    salience: float
    age: float


class Hit(BaseModel):
    """A search result.

    `title` is set for passages; `salience` to `expires_at` for memories; `session_id` to `said_by`
    for messages.
    """

    model_config = ConfigDict(from_attributes=True)

    kind: Kind
    id: UUID
    content: str
    score: float
    parts: ScoreParts
    created_at: datetime
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    whose: Whose = None
    agent: str | None = Field(None, description="The agent's name. Owner's scope only.")
    title: str
    salience: Salience | None
    summary: str
    topics: list[str]
    source: str
    version: int | None
    topic_key: str | None
    expires_at: datetime | None
    session_id: UUID | None
    position: int | None
    direction: str
    said_by: Person | None = Field(None, description="Who wrote the message; null for the agent.")


class Hits(BaseModel):
    """Search results, best match first."""

    items: list[Hit]
    by_words_only: bool = Field(
        description="The embedder could not be reached, so results were matched by words alone."
    )
    searched_since: AwareDatetime | None = Field(
        None,
        description="Among more than 100,000 messages, only the newest are searched: those since"
        " this time. To search earlier ones, repeat the request with it as `until`.",
    )
