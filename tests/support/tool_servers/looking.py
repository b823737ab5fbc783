"""An MCP server that looks around: each attempt reports its result."""

from __future__ import annotations

import ctypes
import os
import resource  # noqa: F401 - for attempts
import shutil  # noqa: F401
import signal
import socket
import subprocess
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer

INHERITED = sorted(os.listdir("/proc/self/fd"))  # with the one that lists them
server = MCPServer("looking")


def _tried(what: object) -> str:
    try:
        return f"ok: {what()!r}"[:300]  # type: ignore[operator]
    except Exception as error:
        return f"refused: {type(error).__name__}"


@server.tool()
def read(path: str) -> str:
    """Read a file."""
    return _tried(lambda: Path(path).read_bytes()[:100])


@server.tool()
def entries(path: str) -> str:
    """List a folder."""
    return _tried(lambda: sorted(os.listdir(path))[:50])


@server.tool()
def write(path: str) -> str:
    """Write a file."""
    return _tried(lambda: Path(path).write_text("written"))


@server.tool()
def connect(path: str) -> str:
    """Connect to a Unix socket."""

    def attempt() -> str:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
        return "connected"

    return _tried(attempt)


@server.tool()
def dial(port: int) -> str:
    """Connect to a port of this machine."""

    def attempt() -> str:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return "connected"

    return _tried(attempt)


@server.tool()
def trace(process: int) -> str:
    """Attach to a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    return _tried(lambda: libc.ptrace(16, process, 0, 0) == 0 or _fail())


@server.tool()
def stop(process: int) -> str:
    """Send a harmless signal to a process."""
    return _tried(lambda: os.kill(process, signal.SIGCONT))


@server.tool()
def attempt(code: str, process: int, port: int, path: str) -> str:
    """Run a piece of code, and tell what became of it."""
    known = {**globals(), "process": process, "port": port, "path": path}
    return _tried(lambda: exec(code, known))


def call(number: int, *arguments: object) -> int:
    """Make a system call."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(number, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return int(result)


@server.tool()
def environment() -> str:
    """Return the names and values of the environment, and the folder."""
    return repr((sorted(os.environ.items()), os.getcwd()))


@server.tool()
def leave_behind() -> int:
    """Start a process that wants to outlive this one."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return child.pid


def _fail() -> None:
    raise PermissionError


if __name__ == "__main__":
    server.run("stdio")
