"""ETags for versions, and idempotency keys."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header

from discreet.domain.errors import BadInput

IfMatch = Annotated[
    str | None,
    Header(
        max_length=100,
        description="The ETag you last read. Answers 412 if it has changed since.",
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        description=(
            "A key you choose for this request. If you repeat it within 24 hours, it is "
            "carried out only once."
        ),
    ),
]

ETAG: dict[str, Any] = {
    "ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}
}


def etag(version: object) -> str:
    """Return a version as an ETag header."""
    return f'"{version}"'


def expected_of(if_match: str | None) -> str | None:
    """Return the version in an If-Match header; None: any.

    Raises:
        BadInput: it is not an ETag.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tag = if_match.strip()
    if len(tag) < 3 or not tag.startswith('"') or not tag.endswith('"'):
        raise BadInput("If-Match is not an ETag.", hint='Examples: "3", *.')
    return tag[1:-1]
