"""Callbacks for printing an answer in one piece."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from discreet.domain.text import terminal_text

if TYPE_CHECKING:
    from discreet.cli.chat_backend import NobodyAnswers
    from discreet.services.messages import Answer


class WaitEnded(Exception):
    """Nobody answers now, so nothing is waited for. The message is stored."""

    def __init__(self, reason: NobodyAnswers) -> None:
        super().__init__(reason.state)
        self.reason = reason


async def show_delay(why: str) -> None:
    """Say on standard error that it takes longer, and why."""
    print(f"sb: {terminal_text(why)}", file=sys.stderr)


async def end_waiting(reason: NobodyAnswers) -> None:
    """End the wait.

    Raises:
        WaitEnded: always.
    """
    raise WaitEnded(reason)


async def not_shown(_: str) -> None:
    """Ignore partial text."""


def print_answer(answer: Answer) -> None:
    """Print an answer: rendered on a terminal, as it was sent for a program."""
    from discreet.channels.terminal.formatting import render
    from discreet.cli.printing import print_text

    if answer.plain or not sys.stdout.isatty():
        print_text(answer.text)
    else:
        print(render(answer.text))
