"""The README's first conversation works as written, on a fresh home."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Sb
from tests.docs.pages import ROOT, Fence, fences

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")


@pytest.fixture
def sb(tmp_path: Path) -> Sb:
    return Sb(tmp_path / "home")


def _exchanges(block: Fence) -> Iterator[tuple[list[str], list[str]]]:
    command: list[str] | None = None
    shown: list[str] = []
    for line in block.lines:
        if line.startswith("$ "):
            if command is not None:
                yield command, shown
            command, shown = shlex.split(line[2:]), []
        else:
            shown.append(line)
    if command is not None:
        yield command, shown


def _plain(lines: list[str]) -> list[str]:
    return [ID.sub("<id>", TIME.sub("<time>", line)) for line in lines]


def test_the_readmes_first_conversation_goes_as_it_is_shown(sb: Sb) -> None:
    [block] = [fence for fence in fences(ROOT / "README.md") if fence.language == "console"]
    ids: dict[str, str] = {}  # on the page -> here
    for command, shown in _exchanges(block):
        assert command[0] == "sb"
        done = sb(*(ids.get(word, word) for word in command[1:]))
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert _plain(lines) == _plain(shown), shlex.join(command)
        for page, here in zip(ID.findall("\n".join(shown)), ID.findall(done.stdout), strict=True):
            ids |= {page: here, page[:6]: here[:6]}
    assert len(ids) == 6
