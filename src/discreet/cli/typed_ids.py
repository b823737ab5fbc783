"""Ids that people type: the first six characters are enough."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

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
        from discreet.cli.runtime import in_app
        from discreet.services.ids import check_prefix, find_id

    check_prefix(what, typed)  # before an installation is made
    return in_app(lambda app: find_id(app.db, app.owner_id, what, typed))


def whole_id_or_none(what: Identified, typed: str | None) -> str | None:
    """Return the whole id as text, or None for an option that wasn't given.

    Raises:
        BadInput, NotFound: as for ``whole_id``.
    """
    return None if typed is None else str(whole_id(what, typed))
