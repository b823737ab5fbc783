"""Time zones by their IANA names."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo, available_timezones

from discreet.domain.errors import BadInput


def checked_zone(name: str) -> str:
    """Return the canonical name of a zone, given in any case and with surrounding spaces.

    Raises:
        BadInput: there is no such zone.
    """
    wanted = "_".join(name.split()).casefold()
    for known in available_timezones():
        if known.casefold() == wanted:
            return known
    raise BadInput(f"There is no time zone {name[:60]!r}.", hint="Write it like Europe/Berlin.")


def zone_named(name: str, default: tzinfo) -> tzinfo:
    """Return the zone of this name, or ``default`` if the name is empty or unknown here."""
    try:
        return ZoneInfo(name) if name else default
    except (KeyError, ValueError, OSError):
        return default
