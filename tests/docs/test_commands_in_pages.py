"""Every command that the pages mention exists, and links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from discreet.cli.main import app
from tests.docs.pages import DOCS, ROOT, all_pages, anchors, fences, inline_code, links

PROGRAM: Any = get_command(app)
SHELL = {"sh", "bash", "console", "shell"}
PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in all_pages()]


def _typed(page: Path) -> Iterator[str]:
    """Yield the lines of shell blocks, and inline code that is one of our commands."""
    for fence in fences(page):
        if fence.language == "console":
            yield from (line[2:] for line in fence.lines if line.startswith("$ "))
        elif fence.language in SHELL:
            yield from (line for line in fence.lines if line.strip())
    yield from (code for code in inline_code(page) if re.match(r"(sb|scripts/\w)( |$|\S)", code))


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def _unknown(words: list[str]) -> str:
    """Return the part of an ``sb`` line that doesn't exist; empty if all does."""
    command = PROGRAM
    rest = words
    while rest and hasattr(command, "commands"):
        if rest[0] in ("--help", "-h") or rest[0] in {o for p in command.params for o in p.opts}:
            return ""
        if rest[0] not in command.commands:
            return f"no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    if (command.context_settings or {}).get("ignore_unknown_options"):
        return ""
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    wrong = [word for word in rest if word.startswith("-") and word != "-"]
    wrong = [word for word in wrong if word.split("=")[0] not in known | {"--help"}]
    return f"no option {wrong}" if wrong else ""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_on_a_page_exists(page: Path) -> None:
    wrong = []
    for line in _typed(page):
        words = _words(line)
        if words[:1] == ["sb"] and (unknown := _unknown(words[1:])):
            wrong.append(f"{line}: {unknown}")
        if words and words[0].startswith("scripts/") and not os.access(ROOT / words[0], os.X_OK):
            wrong.append(f"{line}: no such script")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    to_read = [ROOT / "README.md"]
    while to_read:
        page = to_read.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.is_dir():
            to_read += page.glob("*.md")
        elif page.suffix == ".md":
            to_read += [
                (page.parent / link.partition("#")[0]).resolve()
                for link in links(page)
                if ":" not in link
            ]
    assert set(DOCS.rglob("*.md")) <= reached


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = sorted(int(page.name[:4]) for page in (DOCS / "decisions").glob("*.md"))
    assert numbers == sorted(set(numbers))
