"""Where an unexpected error is written down."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime


def write_down(error: BaseException) -> str:
    """Adds the error to ``HOME/errors.log``, for its user only; a sentence that says where.

    Only types and places are written: an error's own words may quote what somebody said.
    """
    from discreet.settings import load_settings

    try:
        path = load_settings().home / "errors.log"
        lines = [f"\n{datetime.now(UTC).isoformat()}\n"]
        cause: BaseException | None = error
        while cause is not None:
            lines += traceback.format_tb(cause.__traceback__)
            lines.append(f"{type(cause).__module__}.{type(cause).__qualname__}\n")
            cause = cause.__cause__ or cause.__context__
        with open(path, "a", opener=lambda name, flags: os.open(name, flags, 0o600)) as log:
            log.writelines(lines)
    except Exception:
        return "Set DISCREET_DEBUG=1 to see all of it."
    return f"Where it happened is in {path}; DISCREET_DEBUG=1 shows all of it."
