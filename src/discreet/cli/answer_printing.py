"""Print an answer in one piece, or why there is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from discreet.domain.text import terminal_text

if TYPE_CHECKING:
    from discreet.cli.chat_backend import NobodyAnswers
    from discreet.domain.answers import Answer

NOBODY_ANSWERS = 3
"""The exit code if a message is stored and nobody answers it now."""


class WaitEnded(Exception):
    """Nobody answers now, so nothing is waited for. The message is stored."""

    def __init__(self, reason: NobodyAnswers) -> None:
        super().__init__(reason.state)
        self.reason = reason


def say_aside(why: str) -> None:
    """Say something on standard error."""
    print(f"sb: {terminal_text(why)}", file=sys.stderr, flush=True)


async def show_delay(why: str) -> None:
    """Say on standard error that it takes longer, and why."""
    say_aside(why)


async def end_waiting(reason: NobodyAnswers) -> None:
    """End the wait.

    Raises:
        WaitEnded: always.
    """
    raise WaitEnded(reason)


async def not_shown(_: str) -> None:
    """Ignore partial text."""


def print_outcome(reply: dict[str, Any] | None, state: str, answer: Answer | None = None) -> int:
    """Print what became of a message, as JSON if there is a ``reply``; return the exit code.

    Args:
        reply: What REST returns for the message; ``state`` is the one that its owner sees.
    """
    if reply is not None:
        from discreet.cli.printing import print_json

        print_json(reply | {"state": state})
    elif answer is not None:
        print_answer(answer)
    if answer is not None and answer.failed:
        say_aside("The agent could not answer. See why: sb status")
        return 1
    return 0


def print_answer(answer: Answer) -> None:
    """Print an answer: rendered on a terminal, as it was sent for a program."""
    from discreet.channels.terminal.formatting import render
    from discreet.cli.printing import print_text

    if answer.plain or not sys.stdout.isatty():
        print_text(answer.text)
    else:
        print(render(answer.text))
