"""Open the installation for one command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from discreet.app import App

Result = TypeVar("Result")

INTERRUPTED = 130  # the exit code that shells give a program that Ctrl-C ended


def in_app(work: Callable[[App], Awaitable[Result]]) -> Result:
    """Return what ``work`` gives, with the database up; the installation is closed afterwards.

    To end it in order takes as long as an answer that is being written here. Nothing is lost by
    ending it at once: whoever works next does it again.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    from discreet.app import open_app
    from discreet.cli.logs import log_file, log_to
    from discreet.settings import load_settings

    settings = load_settings()
    log_to(log_file(settings.home), settings.log_level)

    async def main(notice: Notice) -> Result:
        async with open_app(settings, notice.show) as app:
            notice.clear()
            return await work(app)

    return interruptibly(main)


def interruptibly(work: Callable[[Notice], Awaitable[Result]]) -> Result:
    """Return what ``work`` gives, in its own loop. Ctrl-C ends it in order, a second one at once.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """

    from discreet.domain.concurrency import ask_to_end, end_all

    async def main(notice: Notice) -> Result:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        interrupted = False

        def interrupt(*_: object) -> None:
            nonlocal interrupted
            if interrupted or task is None:
                notice.clear()
                os._exit(INTERRUPTED)
            interrupted = True
            notice.show("Stopping; Ctrl-C again stops at once.")
            loop.call_soon_threadsafe(ask_to_end, task)

        signal.signal(signal.SIGINT, interrupt)
        try:
            return await work(notice)
        except asyncio.CancelledError:
            raise _Interrupted from None
        finally:
            await end_all()
            if not interrupted:
                signal.signal(signal.SIGINT, signal.default_int_handler)

    with Notice() as notice:
        try:
            return asyncio.run(main(notice))
        except _Interrupted:
            raise KeyboardInterrupt from None


class _Interrupted(Exception):
    """KeyboardInterrupt itself would tear the loop down before everything is closed."""


class Notice:
    """A status line on a terminal that is removed afterwards."""

    def __init__(self) -> None:
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Replace the line; says nothing where nobody looks."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
