"""A mutant: the program with one of its guards taken away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITE = "tests/isolation"
"""What must notice every mutant."""


@dataclass(frozen=True, slots=True)
class Edit:
    """``old`` occurs exactly once in the file, or the edit is stale. ``path``: below the root."""

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

    ``tests`` are tried first, because they are known to notice it; where they don't, all of the
    suite is.
    """

    name: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    sql: str = ""

    @property
    def shown(self) -> str:
        """What is different, to be read by a person."""
        parts = [f"{e.path}\n- {e.old.strip()}\n+ {e.new.strip()}" for e in self.edits]
        return "\n".join([*parts, *([self.sql] if self.sql else [])])

    @property
    def changes_schema(self) -> bool:
        """Whether a database has to be migrated anew."""
        return any("/postgres/" in edit.path for edit in self.edits)


def mutated(mutant: Mutant, root: Path = ROOT) -> dict[str, str]:
    """The whole new text of each file that the mutant changes, by its path.

    Raises:
        ValueError: an edit is stale.
    """
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
        texts[edit.path] = edit.apply(text)
    return texts
