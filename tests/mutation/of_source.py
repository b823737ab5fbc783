"""Mutants that are edits of the source, in ``mutants/*.mutants``:

    = name of the mutant
    ! a test that is known to notice it (one or more; none: the whole suite)
    @ path of a file, ``function`` and a name, or ``sql``
    -lines that occur exactly once, in full or in part
    +their replacement (nothing: they are removed)

Below ``@ sql`` there are only lines with ``+``: statements for a migrated database. A mutant may
edit several places, each below an ``@`` of its own.
"""

from __future__ import annotations

from pathlib import Path

from tests.mutation.mutant import SUITE, Edit, Mutant

FOLDER = Path(__file__).parent / "mutants"


def of_source(folder: Path = FOLDER) -> list[Mutant]:
    """Return all of them, file by file.

    Raises:
        ValueError: a line can't be parsed.
    """
    mutants: list[Mutant] = []
    for file in sorted(folder.glob("*.mutants")):
        blocks = file.read_text(encoding="utf-8").split("\n= ")
        mutants += [_mutant(block.removeprefix("= "), file.stem) for block in blocks]
    return mutants


def _mutant(block: str, kind: str) -> Mutant:
    name, *lines = block.rstrip("\n").split("\n")
    tests: list[str] = []
    places: list[tuple[str, list[str], list[str]]] = []
    for line in lines:
        mark, said = line[:1], line[1:]
        if mark == "!":
            tests.append(said.strip())
        elif mark == "@":
            places.append((said.strip(), [], []))
        elif mark in ("-", "+") and places:
            places[-1][1 if mark == "-" else 2].append(said)
        elif line:
            raise ValueError(f"{name}: {line!r}")
    edits = tuple(
        Edit(path, "\n".join(old), "\n".join(new)) for path, old, new in places if path != "sql"
    )
    sql = "\n".join(line for path, _, new in places if path == "sql" for line in new)
    return Mutant(name, kind, tuple(tests) or (SUITE,), edits, sql)
