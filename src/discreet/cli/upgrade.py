"""``sb upgrade --check``: what an update would do to the database."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.notice import Notice
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.postgres.upgrade_check import UpgradeCheck


def upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="Compare the database with the installed version.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what the installed version would change in the database. It changes nothing.

    Exit code 0: up to date; 1: an upgrade is needed.
    """
    from discreet.cli.printing import print_json, print_text
    from discreet.postgres.upgrade_check import check_upgrade
    from discreet.settings import load_settings

    if not check:
        raise BadInput(
            "Discreet doesn't update itself.",
            hint="Update it as you installed it (docs/upgrading.md); before you start it: sb"
            " upgrade --check",
        )
    with Notice() as notice:
        notice.show("Reading the database.")
        found = check_upgrade(load_settings().home)
    if as_json:
        print_json({**asdict(found), "is_current": found.is_current, "todo": _todo(found)})
    else:
        print_text(f"installed  discreet {found.version}")
        print_text(f"database   {found.schema or 'no schema'}, PostgreSQL {found.postgres}")
        for name in found.pending:
            print_text(f"pending    {name}")
        if found.functions:
            print_text(f"pending    {found.functions} files of functions")
        print_text(_todo(found))
    if not found.is_current:
        raise typer.Exit(1)


def _todo(found: UpgradeCheck) -> str:
    if found.unknown:
        return (
            f"The database was migrated by a newer version ({found.unknown[-1]}). Install that"
            " version or a later one; this one refuses to start."
        )
    if found.is_current:
        return "The database is up to date."
    if found.embedded:
        return "Back up (sb backup FILE), stop sb serve, and start it again: it migrates first."
    return (
        "Back up (sb backup FILE), stop every sb serve, run sb db migrate --admin-url ..., and"
        " start them again."
    )
