"""Problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Wrong(BaseModel):
    """One thing in a request that can't be used."""

    where: str = Field(description="Its place: body, query, path or header, and the name.")
    message: str


class Problem(BaseModel):
    """What went wrong, and what helps."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:discreet:not-found",
                "title": "Not Found",
                "status": 404,
                "detail": "There is no such contact.",
                "errors": [],
            }
        }
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="For people: what happened, and what to do next.")
    errors: list[Wrong] = Field(default_factory=list, description="Where the request is wrong.")
