"""The lists of commands in the help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from discreet.cli.main import app
from discreet.cli.summaries import say_whole_summaries


def _groups(command: Any, name: str = "sb") -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        yield name, command
        for below, one in command.commands.items():
            yield from _groups(one, f"{name} {below}")


def test_every_summary_is_a_whole_sentence_and_none_is_cut_off() -> None:
    root = typer.main.get_command(app)
    say_whole_summaries(root)
    wrong = []
    for name, group in _groups(root):
        shown = group.get_help(typer.Context(group, info_name=name, terminal_width=80))
        if "..." in shown.partition("Commands:")[2]:
            wrong.append(name)
        for below, one in group.commands.items():
            summary = one.short_help or ""
            if not summary[:1].isupper() or summary[-1:] != "." or len(summary.split()) < 3:
                wrong.append(f"{name} {below}: {summary}")
    assert wrong == []
