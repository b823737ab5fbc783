"""The sandbox of a child process: what it may read, and how it is started."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from discreet.domain.errors import BadInput
from discreet.tools import launcher, system_calls
from discreet.tools.servers import McpServer

LIMITS = {
    "RLIMIT_CORE": 0,
    "RLIMIT_CPU": 600,
    "RLIMIT_DATA": 4 * 1024**3,
    "RLIMIT_FSIZE": 256 * 1024**2,
    "RLIMIT_NOFILE": 1_024,
    "RLIMIT_NPROC": 4_096,
}
"""Per process: seconds of CPU, bytes, files. Processes are counted over the whole user."""
MAX_SHEBANG = 256
MOST = {
    "line": 8 * 1024**2,
    "errors": 64 * 1024,
    "processes": 512,
    "memory": 4 * 1024**3,
    "folder": 1024**3,
    "files": 100_000,
}
"""Limits for a server and its descendants together: bytes per line of output (one message), bytes
of errors that are kept, processes, bytes of memory, bytes and number of files in its folder. A
server that exceeds one is stopped within about two seconds."""


@dataclass(frozen=True, slots=True)
class Protected:
    """What no server may reach: files and folders of the installation, and the database's port."""

    paths: tuple[Path, ...]
    ports: frozenset[int] = frozenset()


def protected_by(home: Path, conninfo: str) -> Protected:
    """Return what servers may not reach: the folder ``home``, and the database at ``conninfo``."""
    from psycopg.conninfo import conninfo_to_dict

    parameters = conninfo_to_dict(conninfo)
    hosts = [one for one in str(parameters.get("host") or "").split(",") if one]
    ports = [int(one) for one in str(parameters.get("port") or 5432).split(",") if one]
    sockets = [Path(host) for host in hosts if host.startswith("/")]
    return Protected((home, *sockets), frozenset(ports))


def can_confine(server: McpServer) -> bool:
    """Return whether a sandbox for this server works on this machine."""
    least = launcher.NET_ABI if server.ports else 1
    return launcher.landlock_abi() >= least and system_calls.covers_machine(platform.machine())


def check_server(server: McpServer, protected: Protected) -> None:
    """Check that a server can be started, and that its sandbox would protect the installation.

    Raises:
        BadInput: its program isn't found, or it may reach what is protected.
    """
    find_program(server.command)
    for place in () if server.trusted else launcher.READABLE:
        inside = _protected_in(Path(place), protected)
        if inside is not None and not place.startswith("/proc/"):
            raise BadInput(
                f"{inside} is in {place}, which every program may read.",
                hint="Move it (DISCREET_HOME), or add the server with --trust.",
            )
    if shut := sorted(set(server.ports) & protected.ports):
        raise BadInput(f"Port {shut[0]} is the database's. No server may connect to it.")
    for path in server.readable:
        wide = _protected_in(Path(path), protected)
        if wide is not None:
            raise BadInput(
                f"{path} contains or is in {wide}, which no server may read.",
                hint="Name the files that it needs.",
            )


def find_program(command: Sequence[str]) -> Path:
    """Return the program of a command.

    Raises:
        BadInput: there is none of that name.
    """
    found = shutil.which(command[0]) if command else None
    if found is None:
        raise BadInput(
            f"There is no program {command[0] if command else ''!a}.",
            hint="Install it first, and give its path or a name that is on the PATH.",
        )
    return Path(found).absolute()


def start_command(server: McpServer, folder: Path, protected: Protected) -> list[str]:
    """Return the command that starts the server in its sandbox, with ``folder`` as its home.

    Raises:
        BadInput: as for ``check_server``.
    """
    check_server(server, protected)
    found = find_program(server.command)
    plan = {
        "parent": os.getpid(),
        "command": [str(found), *server.command[1:]],
        "folder": str(folder),
        "environment": sorted(server.environment),
        "path": os.pathsep.join([str(found.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
        "limits": LIMITS,
        "most": MOST,
        "confined": not server.trusted,
        "readable": [*server.readable, *map(str, _files_of(found, server.command[1:], protected))],
        "ports": list(server.ports),
    }
    if not server.trusted:
        plan["filter"] = system_calls.filter_of(
            platform.machine(), launcher.landlock_abi(), network=bool(server.ports)
        )
    return [sys.executable, "-I", "-S", launcher.__file__, json.dumps(plan)]


def _files_of(found: Path, arguments: Sequence[str], protected: Protected) -> list[Path]:
    """Return the files and folders that make up a program and the scripts in its arguments."""
    files: list[Path] = []
    for start in (found, _interpreter(found)):
        if start is not None:
            files += _with_links(start)
    paths = [file for file in files if file.is_file()]
    folders = [root for file in paths for root in _roots(file)]
    for argument in arguments:
        path = Path(argument)
        if path.is_absolute() and path.is_file():
            paths += [path, path.resolve()]
            folders += _package_of(path.resolve()) or [path.resolve().parent]
    chosen = [folder for folder in folders if not _is_too_wide(folder, protected)]
    allowed = [path for path in paths if _protected_in(path, protected) is None]
    return list(dict.fromkeys([*allowed, *chosen]))


def _with_links(path: Path) -> list[Path]:
    """Return a file and each that its symbolic links lead to."""
    found = [path]
    while path.is_symlink() and len(found) < 40:
        path = path.parent / os.readlink(path)
        found.append(Path(os.path.normpath(path)))
    return [*found, path.resolve()]


def _interpreter(found: Path) -> Path | None:
    try:
        with found.open("rb") as file:
            first = file.readline(MAX_SHEBANG)
    except OSError:
        return None
    words = first[2:].split() if first.startswith(b"#!") else []
    path = Path(os.fsdecode(words[0])) if words else None
    return path if path is not None and path.is_absolute() else None


def _roots(file: Path) -> Iterable[Path]:
    """Return the folders of the installation that a program belongs to."""
    root = file.parent.parent if file.parent.name == "bin" else None
    if package := _package_of(file):
        yield from package
    if root is None:
        return
    settings = root / "pyvenv.cfg"
    if settings.is_file():
        yield root
        for line in settings.read_text().splitlines():
            name, _, value = line.partition("=")
            if name.strip() == "home":
                yield Path(value.strip()).resolve().parent
    elif file.name.startswith(("python", "node", "deno", "bun")):
        yield root


def _package_of(file: Path) -> list[Path]:
    """Return the outermost folder of packages that a file lies in."""
    for parent in reversed(file.parents):
        if parent.name in ("node_modules", "site-packages"):
            return [parent]
    return []


def _is_too_wide(folder: Path, protected: Protected) -> bool:
    home = Path.home().resolve()
    folder = folder.resolve()
    return (
        folder in (home, *home.parents, Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - compared
        or _protected_in(folder, protected) is not None
    )


def _protected_in(path: Path, protected: Protected) -> Path | None:
    """Return the protected path that contains this path or is contained in it."""
    path = path.resolve()
    for guarded in map(Path.resolve, protected.paths):
        if path == guarded or path in guarded.parents or guarded in path.parents:
            return guarded
    return None
