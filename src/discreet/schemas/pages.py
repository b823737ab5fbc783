"""Pages of lists."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["MAX_PAGE", "Page"]

MAX_PAGE = 200
"""Maximum items of one page."""


class Page(BaseModel):
    """Which page of a list to return."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=MAX_PAGE, description="Maximum number of items per page.")
    cursor: str | None = Field(
        None, max_length=200, description="The `next` value of the previous page. Opaque."
    )
