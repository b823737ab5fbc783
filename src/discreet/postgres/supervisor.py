"""The supervisor of the embedded server, a detached process.

It starts PostgreSQL, waits until nobody uses it, and stops it. Locks in ``HOME/run`` show which
processes live; the kernel releases them however a process ends.

* ``clients.lock``: held, shared, by every process that uses the server.
* ``supervisor.lock``: held by the only supervisor; the file contains its process id.
* ``server.lock``: inherited by PostgreSQL and all its processes; free only when none lives.

It is started by path with ``-I -S`` and uses only the standard library, so it starts in a few
milliseconds and needs little memory while it waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any, NoReturn

POLL_SECONDS = 0.25
MAX_PAUSE_SECONDS = 30.0
FAST_STOP_SECONDS = 60.0


def main() -> None:
    plan = json.loads(sys.argv[1])
    supervisor_lock = os.open(plan["supervisor_lock"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # Lock before the fork, which inherits the lock: the launcher sees it held once we are detached.
    if not _try_lock(supervisor_lock) or os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    os.pwrite(supervisor_lock, b"%-20d\n" % os.getpid(), 0)
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    server = Server(plan)
    clients = os.open(plan["clients_lock"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _watch(server, clients, plan["grace_seconds"])
    finally:
        # New clients wait at clients.lock until the server is down, and then start it again.
        server.stop()


def _watch(server: Server, clients: int, grace_seconds: float) -> None:
    """Watch the server until no clients are left.

    A server that was ready is restarted when it dies (a crash, out of memory, a full disk), with
    growing pauses, until it is ready again: programs that use it can't start it. One that dies
    before it was ever ready can't run here.
    """
    server.start()
    was_ready = False
    pause = POLL_SECONDS
    while not _nobody_left(clients, grace_seconds):
        running = server.running()
        # A killed server leaves its pid file, so this holds even if it was ready for a moment.
        was_ready = was_ready or server.ready()
        if running:
            time.sleep(POLL_SECONDS)
        elif was_ready:
            time.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
            server.start()
        else:
            with contextlib.suppress(OSError):
                os.write(1, b"died\n")
            return


class Server:
    """The PostgreSQL of one data folder, started by this supervisor or by one that was killed."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless one is running."""
        lock = os.open(self._plan["server_lock"], os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _try_lock(lock):
                self._remove_stale_files()
                self._child = subprocess.Popen(  # noqa: S603 - our own words, no shell
                    self._plan["command"],
                    env=self._plan["environment"],
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    pass_fds=[lock],
                )
        finally:
            os.close(lock)

    def ready(self) -> bool:
        """Return whether it accepts connections, according to line eight of its pid file."""
        with contextlib.suppress(OSError), open(self._plan["pid_file"]) as file:
            return file.read().splitlines()[7:8] == ["ready   "]
        return False

    def running(self) -> bool:
        if self._child:
            self._child.poll()
        lock = os.open(self._plan["server_lock"], os.O_RDWR | os.O_CLOEXEC)
        try:
            return not _try_lock(lock)
        finally:
            os.close(lock)

    def stop(self) -> None:
        """Do a fast shutdown; after ``FAST_STOP_SECONDS`` stop immediately and rely on recovery."""
        asked = time.monotonic()
        self._signal(signal.SIGINT)
        while self.running():
            if time.monotonic() - asked > FAST_STOP_SECONDS:
                self._signal(signal.SIGQUIT)
                asked = time.monotonic()
            time.sleep(0.01)

    def _remove_stale_files(self) -> None:
        """Remove the pid files of a dead server, known to be dead because ``server.lock`` is free.

        After a container restarts, the process id is often another process's, and PostgreSQL would
        refuse to start. Only a server started by hand, without a supervisor, holds no lock; it
        isn't stopped.
        """
        try:
            with open(self._plan["pid_file"]) as file:
                where = os.readlink(f"/proc/{int(file.readline())}/cwd")
        except FileNotFoundError:
            where = ""
        except (OSError, ValueError):
            return
        if not os.path.isdir("/proc/self") or where == os.path.realpath(self._plan["data"]):
            return
        for path in (self._plan["pid_file"], self._plan["socket_lock"]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def _signal(self, number: int) -> None:
        if not self.running():
            return
        if self._child and self._child.poll() is None:
            self._child.send_signal(number)
            return
        with contextlib.suppress(OSError, ValueError), open(self._plan["pid_file"]) as file:
            os.kill(int(file.readline()), number)


def _nobody_left(clients: int, grace_seconds: float) -> bool:
    """Return whether nobody has used the server for a while; then hold ``clients.lock``."""
    if not _try_lock(clients):
        return False
    idle_seconds = time.time() - os.fstat(clients).st_mtime
    if not 0 <= idle_seconds < grace_seconds:  # below zero: the clock was set back
        return True
    fcntl.flock(clients, fcntl.LOCK_UN)
    return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _exit(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    main()
