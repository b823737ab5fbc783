"""``sb db``: use your own PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import NeededAdminUrl, ResetRoles

if TYPE_CHECKING:
    from discreet.app import App

app = typer.Typer(help="Use and check your own PostgreSQL server.", no_args_is_help=True)


@app.command("init")
def init(
    admin_url: NeededAdminUrl,
    dbname: Annotated[
        str, typer.Option("--dbname", metavar="NAME", help="The name of the database to create.")
    ] = "discreet",
    reset_roles: ResetRoles = False,
) -> None:
    """Create the roles, database and schema on your server and use it from now on."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.postgres.external import initialise_external
    from discreet.settings import load_settings

    home = load_settings().home
    made = initialise_external(home, admin_url, dbname=dbname, reset_roles=reset_roles)
    print_text(
        f"Ready: database {made.dbname} on {made.host}:{made.port}. The passwords are in "
        f"{home / 'credentials.json'}, the admin's URL is kept nowhere. Next: sb serve"
    )


@app.command("migrate")
def migrate(admin_url: NeededAdminUrl) -> None:
    """Update the schema on your server. The embedded server updates itself."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.postgres.external import migrate_external
    from discreet.settings import load_settings

    migrate_external(load_settings().home, admin_url)
    print_text("The database is up to date.")


@app.command("check")
def check() -> None:
    """Check that the database is reachable, up to date, and keeps its roles isolated.

    It repairs settings and passwords that a role changed for itself, as far as it may.
    """
    from discreet.entrypoints.cli.printing import print_text

    async def work(app: App) -> str:
        from discreet.scope import OwnerScope

        async with app.door.enter(OwnerScope(app.owner_id)) as rows:
            return str(await rows.value("SHOW server_version"))

    print_text(
        f"PostgreSQL {in_app(work)}: reachable, up to date; no role is superuser, table owner, "
        "past row-level security or member of another, and none has changed its settings or its "
        "password."
    )
