"""Find what was changed in the schema of a running installation, and restore its functions.

A role changes its own settings (``role_changes.py``). Policies, rights, triggers and functions can
only be changed by an admin, by mistake or on purpose; each of them may open a sender to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from discreet.domain.errors import Unavailable
from discreet.postgres.binaries import MAJOR_VERSION
from discreet.postgres.migrate import Migration, migrate
from discreet.postgres.schema_state import differences, expected_state, read_state

__all__ = ["SchemaChanges", "find_changes", "refuse_changes", "restore_functions"]

MAX_NAMED = 5
REPEAT_FUNCTIONS = "DELETE FROM public.schema_migrations WHERE name LIKE '%/%'"
HINT = (
    "Functions and the database's own rights are restored by its admin: sb db migrate --admin-url"
    " postgresql://... For the rest, undo the change or restore a backup; sb audit lists all of it."
)


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """Differences from this version: those that may affect isolation, and the others."""

    guards: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def guards_in_words(self) -> str:
        """The differences that may affect isolation, the first few of them by name."""
        named, more = self.guards[:MAX_NAMED], len(self.guards) - MAX_NAMED
        return "; ".join([*named, *([f"{more} more"] if more > 0 else [])])


def find_changes(conn: psycopg.Connection[Any], installation: str) -> SchemaChanges:
    """Compare the schema with this version. Any login role may call this; it reads no rows.

    An index affects only speed, and an admin may add triggers, and objects to ``public``. Another
    major version of PostgreSQL may print definitions differently, so there nothing counts as a
    guard.
    """
    same_version = conn.info.server_version // 10_000 == MAJOR_VERSION
    guards: list[str] = []
    others: list[str] = []
    for line in differences(read_state(conn, installation), expected_state()):
        is_guard = same_version and not (line.startswith("index ") or _is_of_admin(line))
        (guards if is_guard else others).append(line)
    return SchemaChanges(tuple(guards), tuple(others))


def _is_of_admin(line: str) -> bool:
    kind, name = line.split()[:2]
    was_added = line.endswith("isn't part of this version")
    return was_added and (kind == "trigger" or name.startswith("public."))


def refuse_changes(
    conn: psycopg.Connection[Any], installation: str, restore: Callable[[str], None] | None = None
) -> SchemaChanges:
    """Refuse a schema whose guards were changed. Return the other changes.

    ``restore`` is called first with what was changed, if there is an admin at hand.

    Raises:
        Unavailable: it lists what was changed.
    """
    changes = find_changes(conn, installation)
    if changes.guards and restore is not None:
        restore(changes.guards_in_words)
        changes = find_changes(conn, installation)
    if changes.guards:
        raise Unavailable(f"The database was changed: {changes.guards_in_words}.", hint=HINT)
    return changes


def restore_functions(
    conn: psycopg.Connection[Any], installation: str, migrations: Sequence[Migration]
) -> None:
    """Apply all functions again if one differs from this version. ``conn`` is an admin's."""
    found, expected = read_state(conn, installation), expected_state()
    if any(
        name.startswith("function ") and found.get(name) != digest
        for name, digest in expected.items()
    ):
        conn.execute(REPEAT_FUNCTIONS)
        migrate(conn, migrations)
