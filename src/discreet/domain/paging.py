"""Pages of a list and their cursors."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from discreet.domain.errors import BadInput

Row = TypeVar("Row")

MAX_LISTED = 1_000
"""Rows returned when the caller gives no limit."""

Mark = tuple[datetime, UUID]
"""The time and the id of a row. Pages are sorted newest first; the next one begins after the mark.

A mark carries no scope: a mark from another scope returns only the caller's own rows.
"""


def mark_of(cursor: str | None) -> Mark | None:
    """Return the mark after which a page begins, or None for the first page.

    Raises:
        BadInput: the cursor was not made by ``next_of``.
    """
    if cursor is None:
        return None
    try:
        at, of = json.loads(base64.urlsafe_b64decode(cursor))
        mark = datetime.fromisoformat(at), UUID(of)
    except (ValueError, TypeError, AttributeError, binascii.Error):
        mark = None
    if mark is None or mark[0].tzinfo is None:
        raise BadInput("Invalid cursor.", hint="Use the `next` value of the previous page.")
    return mark


def next_of(found: Sequence[Row], limit: int, mark: Callable[[Row], Mark]) -> str | None:
    """Return the cursor for the page after ``found``, which was read with ``limit`` + 1."""
    if len(found) <= limit:
        return None
    at, of = mark(found[limit - 1])
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), str(of)]).encode()).decode()
