"""Pages of a list: where one ends and the next begins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

MAX_LISTED = 1_000
"""Rows that a list gives where nobody says how many."""

Mark = tuple[datetime, UUID]
"""The time and the id of a row. Pages go from the newest row to the oldest, and the next one begins
after the mark. It says nothing of a scope: with another's mark one gets one's own rows."""
