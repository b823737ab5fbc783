"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="An array of objects, for programs.")]
OfContact = Annotated[
    str | None,
    typer.Option(
        "--contact", metavar="WHO", help="Of one contact only: its id, its address, or its name."
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, help="At most so many, the newest.")
]

_ADMIN_URL_HELP = "postgresql://admin:password@host/postgres; it is used once and kept nowhere."
NeededAdminUrl = Annotated[
    str,
    typer.Option("--admin-url", metavar="URL", envvar="DISCREET_ADMIN_URL", help=_ADMIN_URL_HELP),
]
AdminUrl = Annotated[
    str | None,
    typer.Option(
        "--admin-url",
        metavar="URL",
        envvar="DISCREET_ADMIN_URL",
        help=f"For a server of your own: {_ADMIN_URL_HELP}",
    ),
]
ResetRoles = Annotated[
    bool,
    typer.Option(
        "--reset-roles",
        help="New passwords for roles that are there; another installation loses them.",
    ),
]
