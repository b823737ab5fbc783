"""Ask at the terminal: yes or no, a line, or a secret. Ctrl-C and Ctrl-D mean no, everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from discreet.cli.notice import INTERRUPTED
from discreet.domain.errors import BadInput, DiscreetError

NOTHING_CHANGED = "Nothing was changed."


class Declined(DiscreetError):
    """The person at the terminal answered no."""


class Interrupted(Declined):
    """The person at the terminal pressed Ctrl-C instead of answering."""

    exit_code = INTERRUPTED


def confirm(question: str, *, yes: bool, otherwise: str, preview: str = "--preview") -> None:
    """Ask a yes-or-no question until the answer is clear; an empty answer means no.

    Args:
        yes: The command line already confirmed; nobody is asked.
        otherwise: The message for no, such as "Nothing was removed."
        preview: What shows the change without making it, for the hint.

    Raises:
        BadInput: nobody can be asked, and the command line didn't confirm.
        Declined: the answer is no.
    """
    if yes:
        return
    if not can_ask():
        raise BadInput(
            "Confirmation required.", hint=f"Check with {preview}, then repeat with --yes."
        )
    while True:
        answer = ask(f"{question} [y/N]", otherwise=otherwise).casefold()
        if answer in ("y", "yes"):
            return
        if answer in ("", "n", "no"):
            raise Declined(otherwise)
        print("Please answer y or n.")


def choose(answers: Sequence[str], *, otherwise: str) -> str:
    """Ask until the reply is one of the answers.

    Raises:
        Declined: Ctrl-D or Ctrl-C was pressed; the message is ``otherwise``.
    """
    listed = f"{', '.join(answers[:-1])} or {answers[-1]}"
    while True:
        answer = ask(f"{listed}?", otherwise=otherwise).casefold()
        if answer in answers:
            return answer
        print(f"Please answer {listed}.")


def can_ask() -> bool:
    """Return whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def ask(question: str, *, otherwise: str = NOTHING_CHANGED) -> str:
    """Return the line that is typed, without the spaces around it.

    Raises:
        Declined: Ctrl-D or Ctrl-C was pressed; the message is ``otherwise``.
    """
    return _typed(lambda: input(f"{question} "), otherwise).strip()


def ask_secret(question: str, *, otherwise: str = NOTHING_CHANGED) -> str:
    """Return the line that is typed without being shown.

    Raises:
        Declined: as for ``ask``.
    """
    from getpass import getpass

    return _typed(lambda: getpass(f"{question}: "), otherwise)


def ask_new_secret(question: str, *, otherwise: str = NOTHING_CHANGED) -> str:
    """Return a secret that is typed twice, and asked for until both are the same.

    Raises:
        Declined: as for ``ask``.
    """
    while True:
        secret = ask_secret(question, otherwise=otherwise)
        if not secret:
            raise Declined(otherwise)
        if secret == ask_secret("Repeat it", otherwise=otherwise):
            return secret
        print("They don't match.", file=sys.stderr)


def _typed(read: Callable[[], str], otherwise: str) -> str:
    try:
        return read()
    except EOFError:
        print(file=sys.stderr)
        raise Declined(otherwise) from None
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise Interrupted(otherwise) from None
