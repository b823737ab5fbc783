"""The name of an installation, which is part of its roles' and its database's names.

Both belong to the whole PostgreSQL server, which several installations may share. The program and
its SQL files name roles as in the default installation, such as ``discreet_contact``. In the
installation ``shop`` that role is ``shop_contact``.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from discreet.domain.errors import BadInput

__all__ = [
    "DEFAULT_INSTALLATION",
    "check_database_name",
    "check_installation_name",
    "in_installation",
    "rename_roles",
]

DEFAULT_INSTALLATION = "discreet"
KINDS = ("contact", "shared", "owner", "intake", "worker", "schema", "gate")
"""The suffixes of role names. The superuser of an embedded server isn't among them: it belongs to
its server.
"""

SCRATCH_SUFFIXES = ("_restoring", "_replaced")
"""Suffixes that ``restore`` temporarily adds to a database's name."""
MAX_BYTES = 63
"""Maximum bytes of a name in PostgreSQL, which silently truncates longer ones."""
MAX_NAME_BYTES = MAX_BYTES - max(map(len, (*SCRATCH_SUFFIXES, *(f"_{kind}" for kind in KINDS))))

_SCHEMA = Path(__file__).parent / "sql" / "schema.sql"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KINDS = "|".join(KINDS)


def check_installation_name(name: str) -> None:
    """Refuse a name from which role names can't be made.

    Raises:
        BadInput: says why.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_BYTES:
        raise BadInput(
            f"{name!a} is not a valid installation name.",
            hint=f"Use 1 to {MAX_NAME_BYTES} lower-case letters, digits and underscores, with a "
            "letter first.",
        )
    taken = ""
    if name == "pg" or name.startswith("pg_"):
        taken = "PostgreSQL reserves roles that begin with pg_."
    elif name in ("postgres", "template0", "template1"):
        taken = "PostgreSQL has a database of that name."
    elif name.endswith(SCRATCH_SUFFIXES):
        taken = f"Names that end in {' or '.join(SCRATCH_SUFFIXES)} are used by sb restore."
    elif name in _taken():
        taken = f"The schema of the database uses {name}_{_taken()[name]} for something else."
    if taken:
        raise BadInput(
            f"{name!a} is not a valid installation name. {taken}", hint="Choose another."
        )


def check_database_name(name: str) -> None:
    """Refuse a name that leaves no room for the suffixes of ``restore``, or already has one.

    Raises:
        BadInput: says why.
    """
    if not name or len(name.encode()) > MAX_NAME_BYTES or name.endswith(SCRATCH_SUFFIXES):
        raise BadInput(
            f"{name!a} is not a valid database name.",
            hint=f"Use 1 to {MAX_NAME_BYTES} bytes that don't end in "
            f"{' or '.join(SCRATCH_SUFFIXES)}.",
        )


def in_installation(text: str, name: str) -> str:
    """Return a role's name, or SQL that names roles, for an installation."""
    return rename_roles(text, DEFAULT_INSTALLATION, name)


def rename_roles(text: str, before: str, after: str) -> str:
    """Return SQL with the roles of one installation replaced by another's.

    Don't use it for people's texts, which it would change as well.
    """
    if before == after:
        return text
    return re.sub(rf"\b{before}_({_KINDS})\b", rf"{after}_\1", text)


@cache
def _taken() -> dict[str, str]:
    """Return names that would make a role ambiguous in the schema, with the kind of that role.

    For example, ``contacts_owner`` is an index. ``rename_roles`` couldn't distinguish them.
    """
    words = re.findall(rf"\b(\w+)_({_KINDS})\b", _SCHEMA.read_text(encoding="utf-8"))
    return {name: kind for name, kind in words if name != DEFAULT_INSTALLATION}
