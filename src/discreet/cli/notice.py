"""Say on a terminal what takes long."""

from __future__ import annotations

import sys
from typing import Self

INTERRUPTED = 130
"""The exit code of shells for a program that Ctrl-C ended."""


class Notice:
    """A status line on a terminal that is removed afterwards."""

    def __init__(self) -> None:
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Replace the line, if there is a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
