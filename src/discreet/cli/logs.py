"""Set up logging: servers log to standard error, other commands to a file.

A line says what happened, with ids and kinds. It never quotes: an error's text may contain a
message, so only its type and stack locations are written.
"""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from discreet.domain.canaries import watched

_PLAIN = re.compile(r"[\w.:/+-]+")


class Sink(Protocol):
    """The destination of log lines."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


class PrivateFile:
    """A file that is created at the first line, private to its user.

    If it can't be written, lines are dropped: no command fails because of its log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str) -> None:
        try:
            with open(self.path, "a", encoding="utf-8", opener=_open_private) as file:
                file.write(text)
        except OSError:
            return

    def flush(self) -> None:
        """Do nothing: every write is flushed."""


class _Forgiving:
    """Drop lines that can't be written, so that a full disk or a closed terminal stops no work."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._sink.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._sink.flush()


def log_file(home: Path) -> PrivateFile:
    """Return the log file, ``HOME/sb.log``."""
    return PrivateFile(home / "sb.log")


def log_to(sink: Sink, level: str) -> None:
    """Log everything from ``level`` up to ``sink``; from libraries, only warnings and errors."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    sink = _Forgiving(sink)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,  # which of several processes this is
            structlog.processors.add_log_level,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: structlog.WriteLogger(sink),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sink)
    handler.setFormatter(_Formatter())
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def places_of(error: BaseException) -> str:
    """Return the types of an error and its causes with their stack locations, without texts."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < 20:
        frames = traceback.extract_tb(cause.__traceback__)
        parts += [f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in frames]
        parts.append(f"{type(cause).__module__}.{type(cause).__qualname__}\n")
        cause = cause.__cause__ or cause.__context__
    return "".join(parts)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # The first line of a library's message says what happened; further lines quote input.
        words = record.getMessage().partition("\n")[0]
        line = _line(
            None,
            "",
            {"level": record.levelname.lower(), "event": words[:200], "in": record.name},
        )
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else f"{line}\n{places_of(error)}".rstrip()


def _line(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    """Format a line: ``2026-01-02T03:04:05+00:00 warning a turn failed attempt=1``, in ASCII."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    level, happened = event.pop("level"), event.pop("event")
    words = [f"{name}={_value(str(value))}" for name, value in event.items()]
    line = " ".join([now, level, json.dumps(str(happened))[1:-1], *words])
    canaries = watched()
    if canaries is not None and canaries.find(line) is not None:
        return f"{now} error a decoy's secret was stopped way=log"
    return line


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.isascii() else json.dumps(text)


def _open_private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)
