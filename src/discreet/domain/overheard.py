"""Capture the output of a home's processes during an audit: standard error, and spans.

An audit creates the files and deletes them. While they exist, servers of the same home repeat in
them what they write elsewhere, so that the audit can look for its secrets there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TextIO

__all__ = ["Overheard", "OverheardStream", "listening", "overhear", "stop_listening"]

Kind = Literal["stderr", "spans"]
KINDS: tuple[Kind, ...] = ("stderr", "spans")
MAX_BYTES = 50_000_000
"""Size at which nothing is added: the audit may have been killed."""


def overhear(home: Path, kind: Kind, text: str) -> None:
    """Repeat a text for an audit that listens; do nothing if none does."""
    with suppress(OSError):
        file = os.open(_path(home, kind), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        try:
            if os.fstat(file).st_size < MAX_BYTES:
                os.write(file, text.encode("utf-8", "replace"))
        finally:
            os.close(file)


class OverheardStream:
    """A text stream whose text an audit hears too."""

    def __init__(self, stream: TextIO, home: Path) -> None:
        self._stream = stream
        self._home = home

    def write(self, text: str, /) -> int:
        """Write, and repeat it for an audit that listens."""
        overhear(self._home, "stderr", text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Overheard:
    """What was written while the audit listened."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def text(self, kind: Kind) -> str:
        """Return what was written so far."""
        try:
            return _path(self._home, kind).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


@contextmanager
def listening(home: Path) -> Iterator[Overheard]:
    """Hear what the processes of this home write while the block lasts."""
    stop_listening(home)
    for kind in KINDS:
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            os.close(os.open(_path(home, kind), flags, 0o600))
    try:
        yield Overheard(home)
    finally:
        stop_listening(home)


def stop_listening(home: Path) -> None:
    """Delete what an audit has heard, also one that was killed."""
    for kind in KINDS:
        with suppress(OSError):
            _path(home, kind).unlink(missing_ok=True)


def _path(home: Path, kind: Kind) -> Path:
    return home / f"audit-{kind}.log"
