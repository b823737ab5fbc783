"""``sb db``: use your own PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import InstallationName, NeededAdminUrl, ResetRoles
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App

app = typer.Typer(help="Use and check your own PostgreSQL server.", no_args_is_help=True)


@app.command("init")
def init(
    admin_url: NeededAdminUrl,
    name: InstallationName = None,
    dbname: Annotated[
        str | None,
        typer.Option(
            "--dbname",
            metavar="DATABASE",
            help="The database to create, if its name differs from the installation's.",
        ),
    ] = None,
    reset_roles: ResetRoles = False,
) -> None:
    """Create the roles, database and schema on your server and use it from now on."""
    from discreet.cli.printing import print_text
    from discreet.postgres.external import initialise_external
    from discreet.settings import load_settings

    home = load_settings().home
    made = initialise_external(home, admin_url, name=name, dbname=dbname, reset_roles=reset_roles)
    print_text(
        f"Ready: installation {made.installation} in database {made.dbname} on "
        f"{', '.join(made.places)}. The passwords are in "
        f"{home / 'credentials.json'}; the admin's URL isn't stored. Next: sb serve"
    )


@app.command("migrate")
def migrate(admin_url: NeededAdminUrl) -> None:
    """Update the schema on your server. The embedded server updates itself."""
    from discreet.cli.printing import print_text
    from discreet.postgres.external import migrate_external
    from discreet.settings import load_settings

    migrate_external(load_settings().home, admin_url)
    print_text("The database is up to date.")


@app.command("invite")
def invite(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to create.")],
) -> None:
    """Write a file that lets another machine join this installation. Only you can read it."""
    from discreet.cli.printing import print_text
    from discreet.postgres.joining import invite as write_invitation
    from discreet.settings import load_settings

    made = write_invitation(load_settings().home, file)
    print_text(
        f"Written: {file}. It contains all passwords. Copy it to the other machine and run there: "
        f"sb db join {file.name}"
    )
    if made.only_here:
        print_text(
            f"The database is at {', '.join(made.credentials.places)}, which only this machine can "
            "reach."
        )


@app.command("join")
def join(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file from sb db invite.")],
) -> None:
    """Join another machine's installation, to serve it from here too."""
    from discreet.cli.printing import print_text
    from discreet.postgres.joining import join as take_invitation
    from discreet.settings import load_settings

    home = load_settings().home
    joined = take_invitation(home, file)
    print_text(
        f"{home} now uses installation {joined.installation} in database {joined.dbname} on "
        f"{', '.join(joined.places)}. "
        "Delete the file, give this machine the same settings as the others (models, keys), then: "
        "sb serve"
    )


@app.command("check")
def check() -> None:
    """Check that the database is reachable and up to date, and that its roles are isolated.

    It also compares policies, rights, triggers and functions with this version. It resets
    settings and passwords that a role changed for itself, and functions, where it can.
    """
    from discreet.cli.printing import print_text

    async def work(app: App) -> tuple[str, str, list[str]]:
        import asyncio

        from discreet.postgres.server import check_schema
        from discreet.scope import OwnerScope
        from discreet.services.policy import other_numbers

        async with app.db.begin(OwnerScope(app.owner_id)) as tx:
            version = str(await tx.value("SHOW server_version"))
        name = app.database.credentials.installation
        done: list[str] = []
        noted = await asyncio.to_thread(check_schema, app.database, done.append)
        for line in [*app.database.remarks, *noted]:
            done.append(f"{line}.")
        for line in done:
            print_text(line)
        return name, version, [f"{one}." for one in await other_numbers(app.db, app.settings)]

    name, version, others = in_app(work)
    print_text(
        f"Installation {name}, PostgreSQL {version}: reachable, up to date; no role is superuser, "
        "table owner, exempt from row-level security or member of another. Settings, passwords, "
        "policies, rights, triggers and functions are those of this version."
    )
    for line in others:
        print_text(line)
    if others:
        print_text(
            "If servers have different settings, the last one started wins. Give "
            "every server the same settings, and restart them."
        )
