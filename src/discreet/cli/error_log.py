"""Write unexpected errors to the log file."""

from __future__ import annotations

from datetime import UTC, datetime


def write_down(error: BaseException) -> str:
    """Append the error to the home's log file; return a sentence that says where."""
    from discreet.cli.logs import log_file, places_of
    from discreet.domain.errors import DiscreetError
    from discreet.settings import load_settings

    try:
        file = log_file(load_settings().home)
    except DiscreetError:
        return "Set DISCREET_DEBUG=1 for the traceback."
    file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} error\n{places_of(error)}")
    return f"The place is logged in {file.path}; set DISCREET_DEBUG=1 for the traceback."
