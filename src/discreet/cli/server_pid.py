"""Record which process serves an installation on this machine, for error messages."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import AddressInUse, Unavailable


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A serving process and its address."""

    pid: int
    address: str


@contextmanager
def noted(home: Path, address: str) -> Iterator[bool]:
    """Record that this process serves, and where. The lock on the file ends with the process.

    A second server of the same installation, on another port, is not recorded; then it yields
    False.
    """
    with _path(home).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        os.fchmod(file.fileno(), 0o600)
        file.truncate(0)
        json.dump({"pid": os.getpid(), "address": address}, file)
        file.flush()
        yield True


def explain(home: Path, error: AddressInUse) -> Unavailable:
    """Name the server of this installation that uses the address, or return the error unchanged."""
    server = running_server(home)
    if server is None:
        return error
    return Unavailable(
        f"This installation is already being served (pid {server.pid}).",
        hint="Stop that server first: press Ctrl-C in its terminal, or kill it.",
    )


def running_server(home: Path) -> RunningServer | None:
    """Return the server of this installation on this machine, or None."""
    try:
        with _path(home).open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return RunningServer(**json.load(file))
    except (OSError, ValueError, TypeError):
        pass
    return None


def _path(home: Path) -> Path:
    return home / "serving.pid"
