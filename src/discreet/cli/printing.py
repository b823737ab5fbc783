"""Print lists and texts: tables for people, JSON for programs.

Everything written by others passes through ``terminal_text``, so it can't move the cursor, change
colours or the writing direction.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from discreet.domain.text import terminal_text

Item = TypeVar("Item")

NARROWEST = 64  # a table is never narrower: complete ids matter more than straight lines


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """A column of a table. ``whole``: never wrapped (ids, which people copy; times).

    The columns of a list fit into 80 characters with names of usual length; an id takes 36.
    Anything else is in the JSON and in ``show``.
    """

    title: str
    cell: Callable[[Item], str]
    whole: bool = False


def print_list(
    items: Sequence[Item],
    columns: Sequence[Column[Item]],
    record: Callable[[Item], Mapping[str, Any]],
    *,
    as_json: bool,
    empty: str,
) -> None:
    """Print a table, or with ``as_json`` an array of ``record``s.

    ``empty`` replaces an empty table.
    """
    if as_json:
        print_json([record(item) for item in items])
    elif not items:
        print(empty)
    else:
        cells = [[_one_line(column.cell(item)) for column in columns] for item in items]
        if sys.stdout.isatty():
            _print_rich(columns, cells)
        else:
            _print_plain(columns, cells)


def print_page(
    items: Sequence[Item],
    columns: Sequence[Column[Item]],
    record: Callable[[Item], Mapping[str, Any]],
    *,
    limit: int,
    skip: int,
    as_json: bool,
    empty: str,
) -> None:
    """Print the first ``limit`` items like ``print_list``.

    If there are more, say on standard error how to get them; so pass one item more than ``limit``.
    """
    empty = f"Nothing after the first {skip:,}." if skip else empty
    print_list(items[:limit], columns, record, as_json=as_json, empty=empty)
    if len(items) > limit:
        print(f"More available: --skip {skip + limit}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print JSON in ASCII: ids as strings, times as ISO 8601, everything else escaped."""
    print(json.dumps(value, indent=2, default=_jsonable))


def print_json_line(value: Any) -> None:
    """Print one JSON object on one line, for programs that read incrementally."""
    print(json.dumps(value, default=_jsonable), flush=True)


def print_text(text: str = "") -> None:
    """Print a text that somebody else may have written."""
    print(terminal_text(text))


def when(moment: datetime | None) -> str:
    """Format a time in local time, to the minute; a dash for None."""
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")


def _print_rich(columns: Sequence[Column[Any]], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for at, column in enumerate(columns):
        width = max(len(row[at]) for row in cells) if column.whole else None
        table.add_column(column.title, no_wrap=column.whole, min_width=width, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    console.print(table)


def _print_plain(columns: Sequence[Column[Any]], cells: Sequence[Sequence[str]]) -> None:
    lines = [[column.title for column in columns], *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _one_line(text: str) -> str:
    return " ".join(terminal_text(text).split()) or "-"


def _jsonable(value: object) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case tuple() | set() | frozenset():
            return list(value)
        case _ if hasattr(value, "model_dump"):
            return value.model_dump()
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")
