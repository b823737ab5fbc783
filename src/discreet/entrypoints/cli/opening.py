"""Opens the installation for one command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from discreet.app import App

Result = TypeVar("Result")


def in_app(work: Callable[[App], Awaitable[Result]]) -> Result:
    """What ``work`` gives, with the database up; the installation is closed afterwards."""
    from discreet.app import open_app
    from discreet.settings import load_settings

    settings = load_settings()

    async def main(notice: Notice) -> Result:
        async with open_app(settings, notice.show) as app:
            notice.clear()
            return await work(app)

    with Notice() as notice:
        return asyncio.run(main(notice))


class Notice:
    """One line on a person's terminal that says what is going on, and is gone afterwards."""

    def __init__(self) -> None:
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Replaces the line; says nothing where nobody looks."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[2K\x1b[2m{text}\x1b[0m")
            sys.stderr.flush()
            self._shown = True

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
