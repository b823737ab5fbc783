"""Folders of runs that were killed: nobody removed them."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

from discreet.postgres.folders import Layout

PREFIX = "discreet-tests-"
YOUNG_SECONDS = 60.0
"""A run that begins makes its folder before it holds a lock in it."""


def remove(folder: Path) -> None:
    """Remove a folder in which a process that ends may still remove files of its own."""
    while folder.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def remove_abandoned(place: Path) -> None:
    """Remove the folders whose run and whose database server have ended."""
    for folder in place.glob(f"{PREFIX}*"):
        layout = Layout(folder)
        try:
            if time.time() - layout.clients_lock.stat().st_mtime < YOUNG_SECONDS:
                continue
            if not (_is_held(layout.clients_lock) or _is_held(layout.supervisor_lock)):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another user's, or another run is removing it
            continue


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
