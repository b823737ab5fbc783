"""The embedded server, shared by all processes that use one home.

The first process starts it through a supervisor (``supervisor.py``), which stops it after the last
process has exited, however that one ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from discreet.domain.errors import Unavailable
from discreet.postgres import supervisor
from discreet.postgres.binaries import ENVIRONMENT, MAJOR_VERSION
from discreet.postgres.cluster import create_cluster, server_command
from discreet.postgres.folders import SOCKET_NAME, Layout, make_layout, open_lock, socket_folder
from discreet.postgres.unprivileged import find_runner, give_to

__all__ = ["Progress", "embedded_server", "has_cluster", "wait_until_stopped"]

Progress = Callable[[str], None]
"""Called with a line for the user when something takes longer than a moment."""

GRACE_SECONDS = 3.0
"""Seconds that the server outlives its last user, to stay warm between commands."""
READY_POLL_SECONDS = 0.005
SLOW_START_SECONDS = 2.0
START_DEADLINE_SECONDS = 300.0
"""Recovery after a crash replays at most ``max_wal_size`` of log."""
STOP_DEADLINE_SECONDS = 60.0
LOG_LIMIT_BYTES = 1_000_000
SCARCE_BYTES = 32_000_000
"""With less space, recovery may lack room for its next WAL segment (16 MB) and a checkpoint."""


def has_cluster(home: Path) -> bool:
    """Return whether this home contains a database."""
    return Layout(home).data.exists()


@contextmanager
def embedded_server(
    home: Path,
    admin_password: str,
    *,
    durable: bool = True,
    grace_seconds: float = GRACE_SECONDS,
    progress: Progress = lambda _: None,
) -> Iterator[Path]:
    """Keep the server of ``home`` running and yield its socket folder. Block while it starts.

    ``admin_password`` becomes the superuser's if there is no database yet. ``durable=False`` is for
    tests: it is faster, but a power failure loses everything.

    Raises:
        Unavailable: it can't be created or started; the message has the server's own reason.
    """
    layout = make_layout(home)
    clients = open_lock(layout.clients_lock)
    try:
        fcntl.flock(clients, fcntl.LOCK_SH)  # waits while a supervisor stops the server
        os.utime(clients)
        sockets = _prepare(layout, admin_password, durable=durable, progress=progress)
        _start(layout, sockets, durable=durable, grace_seconds=grace_seconds, progress=progress)
        yield sockets
        os.utime(clients)
    finally:
        os.close(clients)


def wait_until_stopped(home: Path) -> None:
    """Wait until the server of ``home``, which nobody uses any more, and its supervisor have ended.

    Raises:
        Unavailable: they didn't within ``STOP_DEADLINE_SECONDS``.
    """
    layout = Layout(home)
    began = time.monotonic()
    while _is_held(layout.supervisor_lock) or _is_held(layout.server_lock):
        if time.monotonic() - began > STOP_DEADLINE_SECONDS:
            raise Unavailable(f"The database in {home} doesn't stop.")
        time.sleep(READY_POLL_SECONDS)


def _prepare(layout: Layout, admin_password: str, *, durable: bool, progress: Progress) -> Path:
    with _locked(layout.start_lock):
        alive = _is_held(layout.server_lock)
        sockets = socket_folder(layout, make=not alive)
        if sockets is None:
            raise Unavailable(
                "The folder of the database's socket was removed while it was running.",
                hint=f"Stop the processes that use {layout.home}, wait some seconds, and try "
                "again.",
            )
        if not layout.data.exists():
            progress("Creating the database; this is done once.")
            create_cluster(layout, find_runner(), admin_password, durable=durable)
        _check_major_version(layout)
        return sockets


def _check_major_version(layout: Layout) -> None:
    """Refuse files of another major version, on which the server can't start."""
    made_by = (layout.data / "PG_VERSION").read_text(encoding="ascii").strip()
    if made_by != str(MAJOR_VERSION):
        raise Unavailable(
            f"The database in {layout.home} was created by PostgreSQL {made_by}, "
            f"but this is {MAJOR_VERSION}.",
            hint="Back it up with the version of discreet that created it (sb backup FILE), and "
            "restore that into an empty home. See: docs/upgrading-postgresql.md",
        )


def _start(
    layout: Layout, sockets: Path, *, durable: bool, grace_seconds: float, progress: Progress
) -> None:
    began = time.monotonic()
    log_start = _log_size(layout)
    supervisor_pipe: int | None = None
    told = False
    try:
        while not _is_ready(layout, sockets):
            if not _is_held(layout.supervisor_lock):
                if supervisor_pipe is not None:
                    os.close(supervisor_pipe)
                supervisor_pipe = _launch_supervisor(
                    layout, sockets, durable=durable, grace_seconds=grace_seconds
                )
            waited = time.monotonic() - began
            if _said_died(supervisor_pipe) or waited > START_DEADLINE_SECONDS:
                raise _not_started(layout, log_start)
            if waited > SLOW_START_SECONDS and _is_between_attempts(layout):
                raise _not_started(layout, 0)
            if waited > SLOW_START_SECONDS and not told:
                told = True
                progress("The database is starting; it may be recovering from a crash.")
            time.sleep(READY_POLL_SECONDS)
        # If the supervisor was killed, nothing would stop the server.
        if supervisor_pipe is None and not _is_held(layout.supervisor_lock):
            supervisor_pipe = _launch_supervisor(
                layout, sockets, durable=durable, grace_seconds=grace_seconds
            )
    finally:
        if supervisor_pipe is not None:
            os.close(supervisor_pipe)


def _not_started(layout: Layout, log_start: int) -> Unavailable:
    return Unavailable(
        f"The database in {layout.home} doesn't start: {_reason(layout, log_start)}",
        hint=_hint(layout),
    )


def _is_between_attempts(layout: Layout) -> bool:
    """Return whether a supervisor waits to start a server again that died while in use."""
    return _is_held(layout.supervisor_lock) and not _is_held(layout.server_lock)


def _launch_supervisor(
    layout: Layout, sockets: Path, *, durable: bool, grace_seconds: float
) -> int:
    """Start a supervisor, which detaches itself; return the pipe that reports a dead server."""
    runner = find_runner()
    give_to(runner, layout.data)
    plan = {
        "command": server_command(layout, runner, sockets, durable=durable),
        "environment": ENVIRONMENT,
        "data": str(layout.data),
        "pid_file": str(layout.data / "postmaster.pid"),
        "socket_lock": str(sockets / f"{SOCKET_NAME}.lock"),
        "supervisor_lock": str(layout.supervisor_lock),
        "clients_lock": str(layout.clients_lock),
        "server_lock": str(layout.server_lock),
        "grace_seconds": grace_seconds,
    }
    if _log_size(layout) > LOG_LIMIT_BYTES:
        layout.log.replace(layout.log.with_suffix(".old.log"))
    log = os.open(layout.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    reading, writing = os.pipe()
    try:
        subprocess.run(  # noqa: S603 - our own words, no shell
            [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(plan)],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=log,
            check=True,
            start_new_session=True,
        )
    finally:
        os.close(writing)
        os.close(log)
    return reading


def _is_ready(layout: Layout, sockets: Path) -> bool:
    """Return whether the socket answers and the pid file says that the server is ready.

    They are checked in this order: a server that answers has already written its pid file, so a
    crashed server's file isn't believed.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(sockets / SOCKET_NAME))
            lines = (layout.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _said_died(pipe: int | None) -> bool:
    if pipe is None or not select.select([pipe], [], [], 0)[0]:
        return False
    return bool(os.read(pipe, 16))


def _log_size(layout: Layout) -> int:
    with suppress(FileNotFoundError):
        return layout.log.stat().st_size
    return 0


def _reason(layout: Layout, log_start: int) -> str:
    """Return the last log line since ``log_start`` (bytes) that names a cause, without its time."""
    with suppress(OSError), layout.log.open(encoding="utf-8", errors="replace") as file:
        if log_start <= layout.log.stat().st_size:
            file.seek(log_start)
        lines = [line.strip() for line in file if line.strip()]
        for line in reversed(lines):
            for mark in ("FATAL:", "PANIC:"):
                if mark in line:
                    return line.split(mark, 1)[1].strip() + "."
        if lines:
            return lines[-1] + "."
    return "the server gave no reason."


def _hint(layout: Layout) -> str:
    free_bytes = shutil.disk_usage(layout.data).free
    if free_bytes < SCARCE_BYTES:
        return f"The disk is full ({free_bytes // 1_000_000} MB are free): free some space."
    return f"For details see {layout.log}."


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_held(path: Path) -> bool:
    """Return whether another process holds this lock exclusively."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
