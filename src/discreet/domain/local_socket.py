"""The socket of a server in its home, for commands of the same user on the same machine.

The home and the socket are private, and both ends ask the kernel which user is at the other end. A
command that finds no server of its own user does the work itself. The first line of a connection
says what it is for; every line is one JSON object.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

VERSION = 2
"""The version of what is said. A server and a command of two versions don't talk to each other."""
MAX_LINE = 16 * 1024 * 1024
"""Maximum bytes of one line."""
ALIVE_SECONDS = 2.0
"""Seconds between two lines of a server that has nothing to say."""
SILENT_SECONDS = 20.0
"""Seconds of silence after which a server counts as frozen or gone."""

_MAX_PATH = 100
"""Maximum bytes of the path of a socket; the limits of systems are a little higher."""


def home_of_environment() -> Path | None:
    """Return the home that the settings would have, or None if that needs the settings.

    Settings also accept ``discreet_home``; then it isn't decided here which one counts.
    """
    named = [name for name in os.environ if name.upper() == "DISCREET_HOME"]
    if named not in ([], ["DISCREET_HOME"]):
        return None
    return Path(os.environ.get("DISCREET_HOME") or "~/.discreet").expanduser().absolute()


def connect(home: Path) -> socket.socket | None:
    """Return a connection to the server of a home, or None if none of this user listens there."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reachable(home) as path:
            connection.settimeout(SILENT_SECONDS)
            connection.connect(path)
        if is_own(connection):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def listen_in(home: Path) -> socket.socket | None:
    """Return a socket that listens in a home, or None where the system has none of the kind.

    The caller holds the lock of the home's server, so a socket that is there is left over.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        remove(home)
        with _reachable(home) as path:
            listening.bind(path)
            Path(path).chmod(0o600)
        listening.listen(128)
    except OSError:  # a file system without sockets; commands then work by themselves
        listening.close()
        return None
    return listening


def remove(home: Path) -> None:
    """Remove the socket of a server that has ended."""
    with suppress(FileNotFoundError):
        (home / "serving.sock").unlink()


def is_own(connection: Any) -> bool:
    """Return whether the process at the other end runs as this process's user."""
    size = struct.calcsize("3i")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", packed)
    return bool(user == os.geteuid())


def line_of(said: dict[str, Any]) -> bytes:
    """Return one line of a connection."""
    return json.dumps(said).encode("ascii") + b"\n"


@contextmanager
def _reachable(home: Path) -> Iterator[str]:
    """Yield a path of the socket that is short enough for the system."""
    path = home / "serving.sock"
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/serving.sock"
    finally:
        os.close(folder)
