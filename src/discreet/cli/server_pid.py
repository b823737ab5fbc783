"""Note which process serves an installation on this machine, for error messages."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discreet.domain.errors import AddressInUse, Unavailable


@contextmanager
def noted(home: Path) -> Iterator[None]:
    """Note that this process serves. The file is locked, so a killed process leaves no trace.

    A second server of the same installation, on another port, is not noted.
    """
    with _path(home).open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def explain(home: Path, error: AddressInUse) -> Unavailable:
    """Say which server of this installation holds the address; else return the error as it is."""
    pid = _serving(home)
    if pid is None:
        return error
    return Unavailable(
        f"This installation is already being served (pid {pid}).",
        hint="Stop that server first: Ctrl-C in its terminal, or kill it.",
    )


def _serving(home: Path) -> int | None:
    try:
        with _path(home).open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read())
    except (OSError, ValueError):
        pass
    return None


def _path(home: Path) -> Path:
    return home / "serving.pid"
