"""The whole schema from ``tables/`` and ``functions/``, as one script.

Columns call functions, functions take rows of tables, and policies and triggers call functions. So
the order is: schemas, types, the functions that columns call, tables, all functions, and then the
part below ``-- after functions`` in each table's file: policies, triggers and grants.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

from discreet.postgres.migrate import SQL

AFTER_FUNCTIONS = "\n-- after functions\n"
TYPES = "types.sql"
INCLUDE_PROCRASTINATE = "-- include: procrastinate\n"

_REFERENCE = re.compile(r"\bREFERENCES \w+\.(\w+)")
_CALL = re.compile(r"\bgate\.(\w+)\(")
_DEFINED = re.compile(r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) \w+\.(\w+)", re.MULTILINE)


def whole_schema(folder: Path = SQL) -> str:
    """Return the script that turns an empty database into the current one.

    Raises:
        ValueError: a column calls a function that no file defines.
    """
    tables = {path.stem: path.read_text(encoding="utf-8") for path in _files(folder, "tables")}
    functions = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in _files(folder, "functions")
    }
    types = tables.pop(Path(TYPES).stem)
    halves = {name: _halves(text) for name, text in tables.items()}
    order = _in_order({name: before for name, (before, _) in halves.items()})
    early = _called(functions, (before for before, _ in halves.values()))
    parts = [
        ("roles.sql", (folder / "roles.sql").read_text(encoding="utf-8")),
        (f"tables/{TYPES}", types),
        *((name, functions[name]) for name in early),
        *((f"tables/{name}.sql", halves[name][0]) for name in order),
        *functions.items(),
        *((f"tables/{name}.sql", halves[name][1]) for name in order if halves[name][1]),
    ]
    script = "\n".join(f"-- {name}\n{text.rstrip()}\nRESET ROLE;\n" for name, text in parts)
    return script.replace(INCLUDE_PROCRASTINATE, _procrastinate())


def _procrastinate() -> str:
    from procrastinate.schema import SchemaManager

    notice = f"-- From procrastinate {version('procrastinate')}, unchanged; its licence: NOTICE.md."
    return f"{notice}\n{SchemaManager.get_schema()}"


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / kind).rglob("*.sql"))


def _halves(text: str) -> tuple[str, str]:
    before, _, after = text.partition(AFTER_FUNCTIONS)
    return before, after


def _in_order(tables: dict[str, str]) -> list[str]:
    """Sort tables after those that their keys refer to."""
    needed = {
        name: {other for other in _REFERENCE.findall(text) if other in tables and other != name}
        for name, text in tables.items()
    }
    return list(TopologicalSorter(needed).static_order())


def _called(functions: dict[str, str], tables: Iterable[str]) -> list[str]:
    """The files of the functions that columns call, and of those that these call in turn where they
    are planned with the column: none of ours are."""
    wanted = {name for text in tables for name in _CALL.findall(text)}
    found = [file for file, text in functions.items() if wanted & set(_DEFINED.findall(text))]
    lacking = wanted - {name for file in found for name in _DEFINED.findall(functions[file])}
    if lacking:
        raise ValueError(f"no file defines {', '.join(sorted(lacking))}")
    return found
