"""Whatever hands on the text of a turn takes only what the check of its audience has released."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import discreet

PACKAGE = Path(discreet.__file__).parent
EXITS = (
    "INTO discreet.outbox",
    "gate.end_turn",
    "execute(STORE",
    ".show_draft(",
    "save_summary(",
    "gate.add_reminder",
    "gate.fire_reminder",
)
"""What hands a turn's text on: to the outbox, approval, drafts, platforms, summaries, reminders."""


def functions_of(room: str) -> Iterator[tuple[Path, ast.AsyncFunctionDef | ast.FunctionDef, str]]:
    """Yield the functions of a room's files that have a way out, with their source."""
    for path in sorted((PACKAGE / room).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if not any(exit_ in source for exit_ in EXITS):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                yield path, node, ast.get_source_segment(source, node) or ""


def test_every_way_out_of_a_turn_takes_what_was_released() -> None:
    found = set()
    for path, node, body in (*functions_of("turn"), *functions_of("services")):
        for exit_ in EXITS:
            if exit_ in body and not body.startswith("async def show_draft"):
                every = (*node.args.args, *node.args.kwonlyargs)
                kinds = {ast.unparse(one.annotation) for one in every if one.annotation}
                taken = {"Released", "Released | None"} & kinds
                assert taken, f"{path.name}: {node.name}"
                found.add(exit_)
    assert found == set(EXITS)


def test_only_the_check_makes_what_was_released() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name != "audience.py":
            assert "Released(" not in path.read_text(encoding="utf-8"), path
