"""Problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Wrong(BaseModel):
    """One invalid part of a request."""

    where: str = Field(description="Where it is: body, query, path or header, then the name.")
    message: str


class Problem(BaseModel):
    """What went wrong and how to fix it."""

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

    type: str = Field(description="A URN for the kind of problem.")
    title: str
    status: int
    detail: str = Field(description="For people: what happened, and what to do next.")
    errors: list[Wrong] = Field(
        default_factory=list, description="The invalid parts of the request."
    )
