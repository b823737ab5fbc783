"""Ask for confirmation before a command makes a far-reaching change."""

from __future__ import annotations

import sys

from discreet.domain.errors import BadInput, DiscreetError


class Declined(DiscreetError):
    """The person at the terminal answered no."""


def confirm(question: str, *, yes: bool, otherwise: str) -> None:
    """Ask a yes-or-no question until the answer is clear; an empty answer means no.

    Args:
        yes: The command line already confirmed; nobody is asked.
        otherwise: The message for no, such as "Nothing was removed."

    Raises:
        BadInput: nobody can be asked, and the command line didn't confirm.
        Declined: the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput(
            "Confirmation required.", hint="Check with --preview, then repeat with --yes."
        )
    while True:
        try:
            answer = input(f"{question} [y/N] ").strip().casefold()
        except EOFError:
            print()
            answer = ""
        if answer in ("y", "yes"):
            return
        if answer in ("", "n", "no"):
            raise Declined(otherwise)
        print("Please answer y or n.")
