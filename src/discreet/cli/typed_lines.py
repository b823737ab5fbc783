"""Read lines that a person types, or that a program writes to standard input."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from discreet.settings import line_history

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

READ_BYTES = 65_536


def prompt_session(home: Path) -> PromptSession[str]:
    """Return a line editor whose history is kept in the installation's folder."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    # A single line needs no cursor reports, and not every terminal answers such requests.
    os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    history = line_history(home)
    # Created before use, so that nobody else can read it even for a moment.
    os.close(os.open(history, os.O_WRONLY | os.O_CREAT, 0o600))
    return PromptSession(history=FileHistory(str(history)))


async def stdin_lines() -> AsyncGenerator[str, None]:
    """Yield the lines of standard input without their line ends.

    They are read in a thread, directly from the descriptor: a thread waiting inside ``sys.stdin``
    holds its lock, and Python aborts when it ends meanwhile (``_enter_buffered_busy``).
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        while True:
            try:
                chunk = os.read(0, READ_BYTES)
            except OSError:
                chunk = b""  # the terminal is gone
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:
                return  # the loop was closed; nobody waits any more
            if not chunk:
                return

    threading.Thread(target=read, name="stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield _text(line)
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")
