"""A file system of some megabytes that a test can fill."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["fill", "small_disk"]


@contextmanager
def small_disk(place: Path, *, megabytes: int) -> Iterator[Path]:
    """Mount a separate file system at ``place`` while the context is open.

    Raises:
        PermissionError: only root may mount.
    """
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        raise PermissionError("mounting a small disk needs root: run scripts/full-disk")
    try:
        yield place
    finally:
        # A server would go on without its files, where nobody finds it any more.
        for file in place.rglob("postmaster.pid"):
            with suppress(OSError, ValueError, IndexError):
                os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all space that is left with one file, and return the file."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")
    return ballast
