"""Processes of ``sb`` that are forked by a server that has already imported everything.

Otherwise they are like any other. A test of how ``sb`` starts runs the installed command instead.
One server for all workers of a run. It ends with the last of them.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import io
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, NoReturn

from tests.support.tls import share_contexts

SB = Path(sys.executable).parent / "sb"
PROGRAM = "from tests.support.fork_server import serve; serve()"
MAX_REQUEST_BYTES = 200_000
PRELOADED = (
    "discreet.main", "discreet.app", "discreet.asgi", "discreet.http_server", "discreet.mcp.stdio",
    "discreet.channel_registry", "discreet.webhooks", "discreet.turn.run", "discreet.turn.think",
    "discreet.turn.models", "pydantic_ai.models.openai", "uvicorn", "rich.table", "prompt_toolkit",
)  # fmt: skip


class _Run:
    """The run's server, as known to this process."""

    folder: Path
    connection: socket.socket | None = None
    started: subprocess.Popen[bytes] | None = None


def use_folder(folder: Path) -> None:
    """Set the folder of this run's server."""
    _Run.folder = folder


def run_sb(
    *words: str | bytes, stdin: bytes, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run ``sb`` with these arguments; ``timeout`` in seconds."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with ForkedSb(words, env=environment, **pipes) as process:
        try:
            out, err = process.communicate(stdin, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())


def forked(*words: str) -> list[str]:
    """Return a command that is ``sb`` with these words, for what starts programs itself.

    Where its process is killed with ``SIGKILL``, the fork lives on: use the installed command.
    """
    _connected()
    launcher = Path(__file__).with_name("forked_sb.py")
    return [sys.executable, "-I", "-S", str(launcher), str(_Run.folder), str(SB), *words]


class ForkedSb(subprocess.Popen[Any]):
    """``sb`` with these words, used as any ``Popen``. Only its pipes and its environment are looked
    at; the environment has to name a UTF-8 locale, and may name another PYTHONIOENCODING."""

    def __init__(self, words: Sequence[str | bytes], **given: Any) -> None:
        self._ended: int | None = None
        super().__init__([SB, *words], **given)

    def _execute_child(self, args: Any, *given: Any) -> None:
        # In its order: executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
        # creationflags, shell, and both ends of the three pipes, -1 where there is none.
        environment: Mapping[str, str] = given[5]
        stdin, own_in, own_out, stdout, own_err, stderr = given[9:15]
        wanted = [
            0 if stdin < 0 else stdin,
            1 if stdout < 0 else stdout,
            2 if stderr < 0 else stderr,
        ]
        self._ended, tells = os.pipe()
        try:
            asked = {"words": [os.fsdecode(word) for word in args], "environment": environment}
            self.pid = _ask(json.dumps(asked).encode(), [*wanted, tells])
        finally:
            os.close(tells)
            for theirs, ours in ((stdin, own_in), (stdout, own_out), (stderr, own_err)):
                if theirs >= 0 and ours >= 0:
                    os.close(theirs)
        self._child_created = True

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Replace ``os.waitpid``: the server is the parent, and reports the exit status."""
        assert self._ended is not None
        if flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
            return 0, 0
        told = os.read(self._ended, 20)
        os.close(self._ended)
        return self.pid, int(told or signal.SIGKILL)

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _ask(request: bytes, descriptors: Sequence[int]) -> int:
    """Return the process id of the server's fork."""
    connection = _connected()
    socket.send_fds(connection, [request], descriptors)
    return int(connection.recv(20))


def _connected() -> socket.socket:
    if _Run.connection is None:
        _Run.connection = _connect()
    return _Run.connection


def _connect() -> socket.socket:
    """Connect to this run's server, starting it if necessary."""
    path = _Run.folder / "fork"
    with (_Run.folder / "fork.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not path.exists():
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            listening.bind(str(path))
            listening.listen()
            _Run.started = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, str(listening.fileno())],
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[2],
            )
            listening.close()
        connection.connect(str(path))
        return connection


def serve() -> None:
    """Fork for each client, until all have disconnected."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    commands = iter_modules(importlib.import_module("discreet.cli").__path__, "discreet.cli.")
    for name in (*PRELOADED, *(command.name for command in commands)):
        importlib.import_module(name)
    from discreet.memory.embedding import bundled_embedder

    bundled_embedder()
    share_contexts()
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    clients = [listening.accept()[0]]
    living: dict[int, int] = {}
    while clients:
        for ready in select.select([listening, woken, *clients], [], [])[0]:
            if ready is listening:
                clients.append(listening.accept()[0])
            elif ready == woken:
                os.read(woken, 4096)
                _tell_ends(living)
            elif not _serve_one(ready, living):
                clients.remove(ready)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _serve_one(client: socket.socket, living: dict[int, int]) -> bool:
    """Handle a request; return whether the client is still connected."""
    request, descriptors, _, _ = socket.recv_fds(client, MAX_REQUEST_BYTES, 4)
    if not request:
        return False
    pid = os.fork()
    if not pid:
        _become(json.loads(request), descriptors)
    living[pid] = descriptors.pop()
    for descriptor in descriptors:
        os.close(descriptor)
    client.send(str(pid).encode())
    return True


def _tell_ends(living: dict[int, int]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        if pid in living:
            tells = living.pop(pid)
            with suppress(BrokenPipeError):  # nobody waits for it any more
                os.write(tells, str(status).encode())
            os.close(tells)


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """Become a fresh ``sb`` that keeps only the server's imports."""
    code: object = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # A run that was started in the background ignores it, and so would its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in range(3):
            os.dup2(descriptors[number], number)
        os.closerange(3, 1024)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = list(request["words"])
        random.seed()
        sys.stdin = _stream(0, "r")
        sys.stdout = _stream(1, "w")
        sys.stderr = _stream(2, "w")
        from discreet.main import run

        run()
        code = 0
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                code = code or 120
        os._exit(code if isinstance(code, int) else int(code is not None))


def _stream(number: int, mode: str) -> io.TextIOWrapper:
    raw = io.FileIO(number, mode, closefd=False)
    buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    wanted, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8:surrogateescape").partition(":")
    if number == 2:
        errors = "backslashreplace"
    at_once = number == 2 or raw.isatty()
    return io.TextIOWrapper(buffered, wanted, errors or "strict", line_buffering=at_once)
