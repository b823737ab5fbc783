"""A mutant: the program with one of its guards removed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from discreet.postgres.migrate import read_migrations

ROOT = Path(__file__).resolve().parents[2]
SUITE = "tests/isolation"
"""The tests that must notice every mutant."""

FUNCTION = "function "
_BODY = re.compile(
    r"^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) ([\w.]+).*?AS (\$\$.*?\$\$|'[^']*');", re.M | re.S
)


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of a file or a database function.

    ``old`` must occur exactly once, or the edit is stale. ``path``: of a file relative to the root,
    or ``function`` and the name of a database function.
    """

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

    Edits of database functions are statements too, so no file has to be read again for them.
    ``kind`` is the class for the scores.

    ``tests`` are tried first because they are known to notice it; if they don't, the whole suite
    runs.
    """

    name: str
    kind: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    sql: str = ""

    @property
    def shown(self) -> str:
        """Return the difference in readable form."""
        parts = [f"{e.path}\n- {e.old.strip()}\n+ {e.new.strip()}" for e in self.edits]
        return "\n".join([*parts, *([self.sql] if self.sql else [])])

    @property
    def statements(self) -> str:
        """Return the statements to run in a migrated database; empty if only files change.

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
        """Return whether a database must be migrated again."""
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
    """Return the statement that creates a function, from its file.

    Raises:
        ValueError: no file defines it.
    """
    try:
        return _definitions()[function]
    except KeyError:
        raise ValueError(f"no file defines {function}") from None


def mutated(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """Return the whole new text of each file that the mutant changes, by path.

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
