"""Hold the page on the architecture to the import contract and the files."""

from __future__ import annotations

import re
from pathlib import Path

import discreet
from tests.docs.rooms import END, PAGE, layers, with_picture

PACKAGE = Path(discreet.__file__).parent


def _described() -> set[str]:
    """Return the rooms that have a row in the table below the picture."""
    _, _, text = PAGE.read_text(encoding="utf-8").partition(END)
    table, _, _ = text.partition("\n## ")
    rows = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`([\w./]+)`", row)]
    return {name.removesuffix("/").removesuffix(".py") for name in names}


def test_the_picture_shows_the_layers_of_the_import_contract() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert with_picture(text) == text, "run: python -m tests.docs.rooms"


def test_every_room_is_described() -> None:
    assert {room for layer in layers() for room in layer} <= _described()


def test_every_room_that_is_described_exists() -> None:
    missing = [
        room
        for room in _described()
        if not (PACKAGE / room).is_dir() and not (PACKAGE / f"{room}.py").is_file()
    ]
    assert missing == []
