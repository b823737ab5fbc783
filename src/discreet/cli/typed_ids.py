"""Ids that people type: the first six characters are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.services.ids import Identified


def whole_id(what: Identified, typed: str) -> UUID:
    """Return the id that begins as typed; the installation is asked only if it isn't whole.

    Raises:
        BadInput, NotFound: it is the beginning of no id, or of several.
    """
    try:
        return UUID(typed.strip())
    except ValueError:
        from discreet.services.ids import find_id

        return in_app(lambda app: find_id(app.db, app.owner_id, what, typed))
