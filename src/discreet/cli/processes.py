"""Serve in several processes: a parent that starts them, ends them, and replaces those that die.

Each is a server of the installation like any other; the database keeps them apart. They share the
port (the kernel spreads connections), the socket in the home, and what they count. The parent does
no work: it only waits for signals and for its children.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from discreet.cli import server_pid, servers
from discreet.domain import local_socket
from discreet.domain.errors import AddressInUse, BadInput
from discreet.domain.listen_address import ListenAddress

if TYPE_CHECKING:
    from discreet.settings import Settings

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESTART_SECONDS, MAX_RESTART_SECONDS = 1.0, 30.0
"""Seconds until a process that ended is replaced, and the most if it ends again and again."""
STEADY_SECONDS = 60.0
"""Seconds after which a process counts as steady; the next restart doesn't wait longer then."""
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable from which prometheus_client knows where processes count together."""


@dataclass(frozen=True, slots=True)
class Process:
    """What a serving process knows of the others.

    ``number``: 1 for the first. ``parent``: readable once the parent has ended. ``report``: written
    to once this one serves. ``listening``: the shared socket in the home.
    """

    number: int
    count: int
    parent: int
    report: int
    listening: socket.socket | None


Serve = Callable[["Settings", Process], None]


def serve_in_processes(settings: Settings, serve: Serve, say: Callable[[str], None]) -> int:
    """Run ``serve`` in ``settings.processes`` processes until a signal; return the exit code.

    Raises:
        BadInput: this system can't do it.
        Unavailable: an address is in use.
    """
    if not hasattr(signal, "sigtimedwait") or not hasattr(socket, "SO_REUSEPORT"):
        raise BadInput("--processes needs Linux.", hint="Start several servers instead.")
    with ExitStack() as stack:
        try:
            settings = stack.enter_context(_reserved(settings))
        except AddressInUse as error:
            raise server_pid.explain(settings.home, error) from None
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        listening = None
        if stack.enter_context(server_pid.noted(settings.home, f"http://{settings.listen}")):
            for left in settings.home.glob("metrics-*"):
                shutil.rmtree(left, ignore_errors=True)
            listening = local_socket.listen_in(settings.home)
        folder = tempfile.TemporaryDirectory(prefix="metrics-", dir=settings.home)
        os.environ[METRICS_FOLDER] = stack.enter_context(folder)
        if servers.import_everything is not None:
            servers.import_everything()
        code = _Parent(settings, serve, listening, say).run()
        if listening is not None:
            local_socket.remove(settings.home)
        return code


@contextmanager
def _reserved(settings: Settings) -> Iterator[Settings]:
    """Keep the ports for this process and its children; yield settings that name them.

    Sockets that are bound and don't listen get no connections.

    Raises:
        AddressInUse: another program listens there.
    """
    from discreet.http_server import bind

    named = {"listen": settings.listen}
    if settings.webhook_url is not None:
        named["webhook_listen"] = settings.webhook_listen
    with ExitStack() as stack:
        for field, where in named.items():
            setting = f"DISCREET_{field.upper()}"
            for one in (first := bind(where, setting)):  # alone, or another server might share it
                one.close()
            del first
            kept = bind(where, setting, shared=True)
            for one in kept:
                stack.callback(one.close)
            port = kept[0].getsockname()[1]
            named[field] = str(ListenAddress(ListenAddress.parse(where).host, port))
        yield settings.model_copy(update=named)


class _Parent:
    def __init__(
        self,
        settings: Settings,
        serve: Serve,
        listening: socket.socket | None,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._serve = serve
        self._listening = listening
        self._say = say
        self._alive: dict[int, tuple[int, float]] = {}  # number and start, by process id
        self._due: dict[int, float] = {}  # when to start a number again
        self._delay = dict.fromkeys(range(1, settings.processes + 1), RESTART_SECONDS)
        self._ended, self._lives = os.pipe()  # the second end closes with this process

    def run(self) -> int:
        """Return the exit code of the installation."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*ENDING, signal.SIGCHLD))
        # The first one sets the database up, which the others then find.
        if (code := self._start_first()) is not None:
            return code
        for number in range(2, self._settings.processes + 1):
            self._start(number)
        self._wait_for_a_signal()
        self._say("\nStopping ...")
        self._end()
        self._say("Stopped.")
        return 0

    def _start_first(self) -> int | None:
        """Start the first process and wait until it serves; return its exit code if it doesn't."""
        told, report = os.pipe()
        pid = self._start(1, report, told)
        os.close(report)
        stopping = False
        os.set_blocking(told, False)
        while True:
            got = signal.sigtimedwait((*ENDING, signal.SIGCHLD), 0.05)
            if got is not None and got.si_signo in ENDING:
                os.kill(pid, signal.SIGTERM)
                stopping = True
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return 0 if stopping and code == 0 else code or 1
            try:
                if os.read(told, 1) and not stopping:
                    os.close(told)
                    return None
            except BlockingIOError:
                continue

    def _start(self, number: int, report: int = -1, told: int = -1) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(self._lives)
            if told >= 0:
                os.close(told)
            self._be(Process(number, self._settings.processes, self._ended, report,
                             self._listening))  # fmt: skip
        self._alive[pid] = number, time.monotonic()
        return pid

    def _be(self, process: Process) -> NoReturn:
        """Serve in the new process, and end it in any case."""
        code = 1
        try:
            os.setpgid(0, 0)  # so that Ctrl-C reaches the parent only, which passes it on once
            for number in ENDING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*ENDING, signal.SIGCHLD))
            from discreet.cli.main import exit_code_of

            code = exit_code_of(lambda: self._serve(self._settings, process))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _wait_for_a_signal(self) -> None:
        """Replace processes that end until this one is told to stop."""
        while True:
            now = time.monotonic()
            for number in [one for one, at in self._due.items() if at <= now]:
                del self._due[number]
                self._start(number)
            until = min(self._due.values(), default=now + 3600.0)
            got = signal.sigtimedwait((*ENDING, signal.SIGCHLD), max(0.0, until - now))
            if got is not None and got.si_signo in ENDING:
                return
            for pid in self._reaped():
                self._plan_restart(pid)

    def _plan_restart(self, pid: int) -> None:
        number, started = self._alive.pop(pid)
        steady = time.monotonic() - started >= STEADY_SECONDS
        delay = RESTART_SECONDS if steady else self._delay[number]
        self._delay[number] = min(2 * delay, MAX_RESTART_SECONDS)
        self._due[number] = time.monotonic() + delay
        self._say(f"Process {number} ended and is started again in {delay:.0f} s.")

    def _end(self) -> None:
        """End every process in order; at the next signal at once."""
        self._pass_on()
        while self._alive:
            got = signal.sigtimedwait((*ENDING, signal.SIGCHLD), 1.0)
            if got is not None and got.si_signo in ENDING:
                self._pass_on()
            for pid in self._reaped():
                del self._alive[pid]

    def _pass_on(self) -> None:
        for pid in self._alive:
            os.kill(pid, signal.SIGTERM)

    def _reaped(self) -> list[int]:
        """Return the processes of ours that have ended; one signal may stand for several."""
        return [pid for pid in self._alive if os.waitpid(pid, os.WNOHANG)[0]]
