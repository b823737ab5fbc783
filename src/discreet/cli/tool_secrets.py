"""Commands and secrets of tool servers, as people type them or keep them in files."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from discreet.domain.errors import BadInput

MAX_SECRET_BYTES = 20_000


def words_of(command: str) -> list[str]:
    """Split a command as a shell would."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise BadInput(f"The command can't be read: {error}.") from None
    if not words:
        raise BadInput("The command is empty.")
    return words


def read_secrets(named: list[str] | None) -> dict[str, str]:
    """Read secrets from files, the terminal without echo, or standard input."""
    return dict(read_secret(one) for one in named or [])


def read_secret(asked: str) -> tuple[str, str]:
    """Read one secret: NAME@FILE, or NAME from the terminal; return its name and text."""
    name, _, file = asked.partition("@")
    if not name or "=" in name:
        raise BadInput(
            f"{asked!a} is not a name.", hint="Write NAME, and you are asked, or NAME@FILE."
        )
    if file:
        try:
            with Path(file).open("rb") as opened:
                text = opened.read(MAX_SECRET_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"{file!a} can't be read.", hint="Use a text file.") from None
    elif sys.stdin.isatty():
        from discreet.cli.asking import ask_secret

        text = ask_secret(f"{name} (it is not shown)")
    else:
        text = sys.stdin.readline(MAX_SECRET_BYTES)
    if not text.strip():
        raise BadInput(f"{name} is empty.")
    return name, text.strip()
