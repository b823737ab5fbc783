"""A mutant: the program with one of its guards taken away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from discreet.postgres.migrate import read_migrations

ROOT = Path(__file__).resolve().parents[2]
SUITE = "tests/isolation"
"""What must notice every mutant."""

FUNCTION = "function "
_BODY = re.compile(
    r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) ([\w.]+).*?AS (\$\$.*?\$\$|'[^']*');", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Edit:
    """``old`` occurs exactly once in the file, or the edit is stale. ``path``: of a file below the
    root, or ``function`` and the name of a function of the database."""

    path: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """Raises:
        ValueError: the text has changed since the edit was written.
        """
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.path} holds {found} times: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutant:
    """``edits`` are made to the source, or ``sql`` is run as an admin in a migrated database.

    Edits of functions of the database are statements too: no file has to be read again for them.
    ``kind`` is the class that it is counted in.

    ``tests`` are tried first, because they are known to notice it; where they don't, all of the
    suite is.
    """

    name: str
    kind: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    sql: str = ""

    @property
    def shown(self) -> str:
        """What is different, to be read by a person."""
        parts = [f"{e.path}\n- {e.old.strip()}\n+ {e.new.strip()}" for e in self.edits]
        return "\n".join([*parts, *([self.sql] if self.sql else [])])

    @property
    def statements(self) -> str:
        """What is to be run in a migrated database; empty where only files are changed.

        Raises:
            ValueError: an edit is stale.
        """
        changed: dict[str, str] = {}
        for edit in self.edits:
            if edit.path.startswith(FUNCTION):
                name = edit.path.removeprefix(FUNCTION)
                changed[name] = edit.apply(changed.get(name) or definition_of(name))
        return "\n".join([*changed.values(), *([self.sql] if self.sql else [])])

    @property
    def changes_schema(self) -> bool:
        """Whether a database has to be migrated anew."""
        return any("/postgres/" in edit.path for edit in self.edits)


@cache
def _definitions() -> dict[str, str]:
    return {
        found[1]: found[0]
        for migration in read_migrations()
        if migration.repeatable
        for found in _BODY.finditer(migration.text)
    }


def definition_of(function: str) -> str:
    """The statement that makes a function, as its file has it.

    Raises:
        ValueError: no file defines it.
    """
    try:
        return _definitions()[function]
    except KeyError:
        raise ValueError(f"no file defines {function}") from None


def mutated(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """The whole new text of each file that the mutant changes, by its path.

    Raises:
        ValueError: an edit is stale.
    """
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        if edit.path.startswith(FUNCTION):
            continue
        text = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
        texts[edit.path] = edit.apply(text)
    return texts
