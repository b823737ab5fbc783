"""Reference texts that an agent's contacts can look up."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Reference(BaseModel):
    """A published text."""

    title: str
    passages: int


class ReferenceList(BaseModel):
    """The published texts, sorted by title."""

    items: list[Reference]


class TextToPublish(BaseModel):
    """A text in Markdown or plain text."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    text: str = Field(max_length=1_000_000)


class ReferencesToPublish(BaseModel):
    """Texts that replace all published ones; an empty list removes them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"texts": [{"title": "Prices", "text": "# Prices\n\nA room costs 80."}]}
        },
    )

    texts: Annotated[list[TextToPublish], Field(max_length=1_000)]


class ReferencesToChange(BaseModel):
    """Texts to publish, replacing those with the same titles, and titles to remove.

    All other texts stay. Titles that aren't published are ignored.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "texts": [{"title": "Prices", "text": "# Prices\n\nA room costs 90."}],
                "remove": ["Offers of spring"],
            }
        },
    )

    texts: Annotated[list[TextToPublish], Field(default_factory=list, max_length=1_000)]
    remove: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1_000)]],
        Field(default_factory=list, max_length=1_000, description="Titles to remove."),
    ]


class Published(BaseModel):
    """The number of published texts and passages, and the titles that are no longer published."""

    texts: int
    passages: int
    removed: list[str] = Field(
        default_factory=list, description="Titles that were published before and no longer are."
    )
