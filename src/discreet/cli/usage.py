"""``sb help``: the same text as ``--help``, for people who type it first."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from discreet.domain.errors import NotFound


def show_usage(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[COMMAND]...", help="A command, such as agents.")
    ] = None,
) -> None:
    """Show how to use sb, or one command."""
    at: Any = context.find_root()
    for word in words or []:
        commands = getattr(at.command, "commands", {})
        if word not in commands:
            known = at.command_path
            raise NotFound(f"There is no command {known} {word}.", hint=f"See: {known} --help")
        at = type(at)(commands[word], info_name=word, parent=at)
    print(at.get_help())
