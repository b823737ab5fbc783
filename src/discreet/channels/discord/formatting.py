"""Markdown as Discord shows it, in parts that Discord takes. Pure, and the same each time."""

from __future__ import annotations

import re
from itertools import accumulate

from discreet.domain.cutting import cuts

MAX_UNITS = 2000
"""UTF-16 units of one message: Discord counts characters, of which an emoji may be several."""
_MAX_LANGUAGE = 20
_ROOM_FOR_FENCES = len("```\n") + _MAX_LANGUAGE + len("\n```")

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)(?:\n```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"(^```[^\n`]*\n.*?(?:\n```[ \t]*$|\Z)|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"(?:^[ \t]*\|.*\|[ \t]*$\n?){2,}", re.MULTILINE)
_RULES = (
    (re.compile(r"(?<![\w_])__(?!_)(\S(?:[^_\n]*\S)?)__(?![\w_])"), r"**\1**"),
    (re.compile(r"^#{4,6} +(.+?)(?<![ #])[ #]*$", re.MULTILINE), r"**\1**"),
    (re.compile(r"!\[([^\]\n]{0,500})\]\((\S{1,2000}?)\)"), r"\1 (\2)"),
)


def render(text: str) -> str:
    """Discord's own marks where they differ from markdown's; code stays as it is."""
    pieces = _CODE.split(text)
    for index in range(0, len(pieces), 2):
        piece = _TABLE.sub(_as_code, pieces[index])
        for pattern, replacement in _RULES:
            piece = pattern.sub(replacement, piece)
        pieces[index] = piece
    return "".join(pieces)


def split(text: str, limit: int = MAX_UNITS) -> list[str]:
    """Return the parts; at least one. A block of code that is cut is closed and opened again."""
    text = text.rstrip()
    units = [0, *accumulate(2 if ord(c) > 0xFFFF else 1 for c in text)]
    if units[-1] <= limit:
        return [text]
    fences = [(found.start(), found.end(), found[1].strip()) for found in _FENCE.finditer(text)]
    blocks = [(units[first], units[last]) for first, last, _ in fences]
    parts: list[str] = []
    for start, end in cuts(text, units, blocks, limit - _ROOM_FOR_FENCES):
        part = text[start:end]
        if part.strip("` ") == "" and parts:
            continue  # the end of a block of code, which the part before has closed
        opened = _inside(fences, start)
        closed = _inside(fences, end)
        if opened is not None:
            part = f"```{opened[:_MAX_LANGUAGE]}\n{part}"
        if closed is not None:
            part = f"{part}\n```"
        parts.append(part)
    return parts or [text]


def _inside(fences: list[tuple[int, int, str]], at: int) -> str | None:
    """Return the language of the block of code around a place; None: there is none."""
    return next((language for first, last, language in fences if first < at < last), None)


def _as_code(table: re.Match[str]) -> str:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in table[0].strip().splitlines()
        if "-" not in line or line.strip(" \t:|-")
    ]
    widths = [
        max(len(row[column]) for row in rows if column < len(row))
        for column in range(max(map(len, rows), default=0))
    ]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
    return "```\n" + "\n".join(lines) + "\n```\n"
