"""Start one server of an owner in a sandbox, and end everything that it started.

A program of its own that imports only the standard library: ``python -I -S launcher.py PLAN``. It
stays as the parent of the server, so that no descendant outlives it, passes on what the server
writes, and ends it when it uses too much. The plan is JSON; secrets come in the environment.

The sandbox is Landlock (files, TCP ports, signals, tracing) and seccomp (sockets, and system calls
that no server needs). Neither needs root. The file is long because, running isolated from the
package, it can import nothing of it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

LIBC = ctypes.CDLL(None, use_errno=True)

# prctl
PDEATHSIG, NO_NEW_PRIVS, SUBREAPER, SECCOMP = 1, 38, 36, 22
CAPBSET_DROP, SECUREBITS, FILTER = 24, 28, 2
LAST_CAPABILITY = 63
NO_ROOT_LOCKED = 0b11

# Landlock; the numbers are the same on every architecture.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FILES_OF_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
ONLY_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
BIND_TCP, CONNECT_TCP = 1 << 0, 1 << 1
ABSTRACT_SOCKETS, SIGNALS = 1 << 0, 1 << 1
NET_ABI, SIGNAL_ABI = 4, 6

READABLE = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/mime.types",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    *(
        f"/proc/self/{name}"
        for name in (
            "auxv",
            "cgroup",
            "cmdline",
            "comm",
            "environ",
            "exe",
            "fd",
            "fdinfo",
            "limits",
            "maps",
            "smaps",
            "smaps_rollup",
            "stat",
            "statm",
            "status",
        )
    ),
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/nix/store",
)
WRITABLE = ("/dev/null", "/dev/full")

PART = 65_536
"""Maximum bytes copied at once."""
CHECK_SECONDS = 2.0
"""Seconds between two checks of the server's resources."""


class CannotConfine(Exception):
    """The kernel lacks what the sandbox needs."""


class TooMuch(Exception):
    """The server exceeds a limit. The text names it."""


def landlock_abi() -> int:
    """Return the version of Landlock here; 0: there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(LIBC.syscall(CREATE_RULESET, None, 0, 1)))


def limit_resources(limits: dict[str, int]) -> None:
    """Set resource limits, by names such as ``RLIMIT_DATA``."""
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (most, most))


def confine(
    readable: list[str], writable: list[str], ports: list[int], code: list[list[int | None]]
) -> None:
    """Confine this process and all that it starts. Nothing undoes it. ``code``: of seccomp.

    Raises:
        CannotConfine: the kernel lacks something.
    """
    abi = landlock_abi()
    _check(LIBC.prctl(NO_NEW_PRIVS, 1, 0, 0, 0))
    _drop_capabilities()
    _restrict_files_and_ports(abi, [*READABLE, *readable], [*WRITABLE, *writable], ports)
    _refuse_system_calls(code)


def _drop_capabilities() -> None:
    # Only where it runs as root: its capabilities would come back with the next program.
    if os.geteuid() != 0:
        return
    for capability in range(LAST_CAPABILITY + 1):
        LIBC.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    LIBC.prctl(SECUREBITS, NO_ROOT_LOCKED, 0, 0, 0)


def _restrict_files_and_ports(
    abi: int, readable: list[str], writable: list[str], ports: list[int]
) -> None:
    files = next(FILES_OF_ABI[known] for known in (5, 3, 2, 1) if known <= abi)
    attributes = [files]
    if abi >= NET_ABI:
        attributes.append(BIND_TCP | CONNECT_TCP)
    if abi >= SIGNAL_ABI:
        attributes.append(ABSTRACT_SOCKETS | SIGNALS)
    raw = struct.pack(f"={len(attributes)}Q", *attributes)
    rules = _check(LIBC.syscall(CREATE_RULESET, raw, len(raw), 0))
    for path in readable:
        _allow_path(rules, path, files & (EXECUTE | READ_FILE | READ_DIR))
    for path in writable:
        _allow_path(rules, path, files & ~EXECUTE)
    for port in ports:
        raw = struct.pack("=QQ", CONNECT_TCP, port)
        _check(LIBC.syscall(ADD_RULE, rules, 2, raw, 0))
    _check(LIBC.syscall(RESTRICT_SELF, rules, 0))
    os.close(rules)


def _allow_path(rules: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it doesn't exist here
    if not os.path.isdir(path):
        rights &= ONLY_FILES
    raw = struct.pack("=Qi", rights, opened)
    _check(LIBC.syscall(ADD_RULE, rules, 1, raw, 0))
    os.close(opened)


def _refuse_system_calls(code: list[list[int | None]]) -> None:
    """Install a filter of system calls; see ``system_calls``."""
    own = os.getpid()
    packed = b"".join(struct.pack("=HBBI", *rest, own if k is None else k) for *rest, k in code)
    held = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(code), ctypes.addressof(held))
    _check(LIBC.prctl(SECCOMP, FILTER, program, 0, 0))


def _check(result: int) -> int:
    if result < 0:
        raise CannotConfine(os.strerror(ctypes.get_errno()))
    return int(result)


def _start(plan: dict[str, Any], output: int, errors: int) -> int:
    """Start the server in a child of this process, which writes to these two pipes."""
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.dup2(output, 1)
        os.dup2(errors, 2)
        LIBC.prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getppid() != parent:
            os._exit(1)
        os.chdir(plan["folder"])
        names = plan["environment"]
        environment = {name: os.environ[name] for name in names if name in os.environ}
        environment |= {"HOME": plan["folder"], "TMPDIR": plan["folder"], "PATH": plan["path"]}
        # git gives up where a configuration exists that it may not read.
        environment |= {"LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
        limit_resources(plan["limits"])
        if plan["confined"]:
            confine(plan["readable"], [plan["folder"]], plan["ports"], plan["filter"])
        os.execve(plan["command"][0], plan["command"], environment)  # noqa: S606
    except Exception as error:
        os.write(2, f"It could not be started: {error}\n".encode())
    os._exit(127)


def _descendants() -> Iterator[int]:
    """Yield what runs below this process, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # it has ended
            children.setdefault(parent, []).append(int(name))
    waiting = children.get(os.getpid(), [])
    while waiting:
        process = waiting.pop(0)
        yield process
        waiting += children.get(process, [])


def _end_all() -> None:
    """Kill every descendant: those whose parent died become this process's children."""
    while True:
        for process in _descendants():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _check_use(folder: str, most: dict[str, int]) -> None:
    """Check the processes, memory and files of the server and its descendants.

    Raises:
        TooMuch: together they exceed a limit.
    """
    processes = memory = 0
    for process in _descendants():
        processes += 1
        try:
            with open(f"/proc/{process}/statm", "rb") as file:
                memory += int(file.read().split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            continue  # it has ended
        if processes > most["processes"]:
            raise TooMuch(f"more than {most['processes']:,} processes")
        if memory > most["memory"]:
            raise TooMuch(f"more than {most['memory']:,} bytes of memory")
    files = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            files += 1
            try:
                size += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:
                continue  # it is gone
        if files > most["files"]:
            raise TooMuch(f"more than {most['files']:,} files")
        if size > most["folder"]:
            raise TooMuch(f"more than {most['folder']:,} bytes in its folder")


class _Relay:
    """Copies the server's output and errors to the client.

    A line may have ``most["line"]`` bytes, because the client keeps it in memory. Only the first
    ``most["errors"]`` bytes of errors are copied; the rest is dropped, so the server never blocks.
    """

    def __init__(self, errors: int, most: dict[str, int]) -> None:
        self._errors = errors
        self._most_line, self._left = most["line"], most["errors"]
        self._line = 0

    def pass_on(self, pipe: int) -> bool:
        """Copy what is in the pipe; return whether it is still open.

        Raises:
            TooMuch: a line is too long.
            OSError: the client has gone.
        """
        try:
            part = os.read(pipe, PART)
        except BlockingIOError:
            return True
        if pipe == self._errors:
            self._write(2, part[: self._left])
            self._left -= len(part[: self._left])
            return bool(part)
        lines = part.split(b"\n")
        longest = max(self._line + len(lines[0]), *map(len, lines))
        if longest > self._most_line:
            raise TooMuch(f"a line of more than {self._most_line:,} bytes")
        self._line = len(lines[-1]) + (self._line if len(lines) == 1 else 0)
        self._write(1, part)
        return bool(part)

    def drain(self, pipes: set[int]) -> None:
        """Copy what is left in the pipes of a server that has ended."""
        for pipe in pipes:
            os.set_blocking(pipe, False)
            while select.select([pipe], [], [], 0)[0] and self.pass_on(pipe):
                pass

    @staticmethod
    def _write(to: int, part: bytes) -> None:
        while part:
            part = part[os.write(to, part) :]


def _run(plan: dict[str, Any]) -> int:
    """Run the server until it ends; return its exit code."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    output, server_output = os.pipe()
    errors, server_errors = os.pipe()
    server = _start(plan, server_output, server_errors)
    for its_own in (0, server_output, server_errors):
        os.close(its_own)
    relay = _Relay(errors, plan["most"])
    pipes, checked = {output, errors}, time.monotonic()
    while True:
        found = select.select([woken, *pipes], [], [], CHECK_SECONDS)[0]
        if time.monotonic() - checked > CHECK_SECONDS:
            _check_use(plan["folder"], plan["most"])
            checked = time.monotonic()
        for ready in found:
            if ready != woken:
                if not relay.pass_on(ready):
                    pipes.discard(ready)
                    if ready == output:
                        os.close(1)  # tells the client that there is no more
                continue
            os.read(woken, PART)
            status = _ended(server)
            if status is not None:
                relay.drain(pipes)
                return os.waitstatus_to_exitcode(status) & 0xFF


def _ended(server: int) -> int | None:
    """Reap the children that have ended; return the server's status if it is one of them."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if ended == server:
            return status
        if not ended:
            return None


def run_server() -> NoReturn:
    """Run the server until it ends, or this process is told to end."""
    plan = json.loads(sys.argv[1])
    LIBC.prctl(SUBREAPER, 1, 0, 0, 0)
    LIBC.prctl(PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != plan["parent"]:
        os._exit(1)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    code = 1
    try:
        code = _run(plan)
    except TooMuch as error:
        _end_all()
        os.write(2, f"\nThe server was stopped: it used {error}.\n".encode())
    except OSError:
        pass  # the client has gone
    _end_all()
    os._exit(code)


if __name__ == "__main__":
    run_server()
