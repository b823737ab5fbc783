"""Write unexpected errors to the log file."""

from __future__ import annotations

from datetime import UTC, datetime


def write_down(error: BaseException) -> str:
    """Add the error to the log file of the home; a sentence that says where."""
    from discreet.cli.logs import log_file, places_of
    from discreet.domain.errors import DiscreetError
    from discreet.settings import load_settings

    try:
        file = log_file(load_settings().home)
    except DiscreetError:
        return "DISCREET_DEBUG=1 shows all of it."
    file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} error\n{places_of(error)}")
    return f"Where it happened is in {file.path}; DISCREET_DEBUG=1 shows all of it."
