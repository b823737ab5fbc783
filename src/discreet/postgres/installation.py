"""The name of an installation. Its roles and its database carry it, because both belong to the
whole PostgreSQL server, which several installations may share.

The program and its SQL files call roles by their names in the default installation, such as
``discreet_contact``. In the installation ``shop`` that role is ``shop_contact``.
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
"""What the names of roles end in. The superuser of an embedded server isn't among them: it belongs
to its server."""

SCRATCH_SUFFIXES = ("_restoring", "_replaced")
"""What ``restore`` adds to the name of a database, for a while."""
MAX_BYTES = 63
"""Of a name in PostgreSQL, which silently cuts a longer one."""
MAX_NAME_BYTES = MAX_BYTES - max(map(len, (*SCRATCH_SUFFIXES, *(f"_{kind}" for kind in KINDS))))

_SCHEMA = Path(__file__).parent / "sql" / "schema.sql"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_KINDS = "|".join(KINDS)


def check_installation_name(name: str) -> None:
    """Refuse a name from which no names of roles can be made.

    Raises:
        BadInput: it says why.
    """
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME_BYTES:
        raise BadInput(
            f"{name!a} can't be the name of an installation.",
            hint=f"Use 1 to {MAX_NAME_BYTES} lower-case letters, digits and underscores, with a "
            "letter first.",
        )
    taken = ""
    if name == "pg" or name.startswith("pg_"):
        taken = "PostgreSQL keeps roles that begin with pg_ for itself."
    elif name in ("postgres", "template0", "template1"):
        taken = "PostgreSQL has a database of that name."
    elif name.endswith(SCRATCH_SUFFIXES):
        taken = f"Names that end in {' or '.join(SCRATCH_SUFFIXES)} are used by sb restore."
    elif name in _taken():
        taken = f"The schema of the database uses {name}_{_taken()[name]} for something else."
    if taken:
        raise BadInput(
            f"{name!a} can't be the name of an installation. {taken}", hint="Choose another."
        )


def check_database_name(name: str) -> None:
    """Refuse a name that leaves no room for what ``restore`` adds to it, or that has it already.

    Raises:
        BadInput: it says why.
    """
    if not name or len(name.encode()) > MAX_NAME_BYTES or name.endswith(SCRATCH_SUFFIXES):
        raise BadInput(
            f"{name!a} can't be the name of the database.",
            hint=f"Use 1 to {MAX_NAME_BYTES} bytes that don't end in "
            f"{' or '.join(SCRATCH_SUFFIXES)}.",
        )


def in_installation(text: str, name: str) -> str:
    """Return the name of a role, or SQL that names roles, for an installation."""
    return rename_roles(text, DEFAULT_INSTALLATION, name)


def rename_roles(text: str, before: str, after: str) -> str:
    """Return SQL in which the roles of one installation are those of another. Not for what people
    wrote: it would be changed as well."""
    if before == after:
        return text
    return re.sub(rf"\b{before}_({_KINDS})\b", rf"{after}_\1", text)


@cache
def _taken() -> dict[str, str]:
    """Return names that would make a role look like something else in the schema, with the kind of
    that role: ``contacts_owner`` is an index. ``rename_roles`` couldn't tell them apart."""
    words = re.findall(rf"\b(\w+)_({_KINDS})\b", _SCHEMA.read_text(encoding="utf-8"))
    return {name: kind for name, kind in words if name != DEFAULT_INSTALLATION}
