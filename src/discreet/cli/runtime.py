"""Open the installation for one command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from discreet.cli.notice import INTERRUPTED, Notice

if TYPE_CHECKING:
    from discreet.app import App

Result = TypeVar("Result")


def in_app(work: Callable[[App], Awaitable[Result]]) -> Result:
    """Return the result of ``work``, with the database up; close the installation afterwards.

    An orderly shutdown takes as long as an answer being written here. An immediate exit loses
    nothing: the next process repeats the work.

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
            if app.made_agent is not None and sys.stderr.isatty():
                print(
                    f"Your first agent is called {app.made_agent}. To rename it: sb agents rename"
                    f" {app.made_agent} NAME",
                    file=sys.stderr,
                )
            return await work(app)

    return interruptibly(main)


def interruptibly(work: Callable[[Notice], Awaitable[Result]]) -> Result:
    """Return the result of ``work`` in its own loop. Ctrl-C ends it in order, a second one at once.

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
    """Replaces KeyboardInterrupt, which would end the loop before everything is closed."""
