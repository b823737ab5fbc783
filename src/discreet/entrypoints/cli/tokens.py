"""``sb tokens``: what machines show to come in."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.domain.errors import BadInput
from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson

if TYPE_CHECKING:
    from discreet.oversight.tokens import Token

app = typer.Typer(help="What machines show to come in.", no_args_is_help=True)


@app.command("create")
def create(
    owner: Annotated[
        bool, typer.Option("--owner", help="Everything that you may see and do.")
    ] = False,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="As one agent; with --contact, whom to."),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option("--contact", metavar="WHO", help="What one contact may do, and no more."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="TIME", help="Like 30d, 12h; else never.")
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="To know it again.")] = "",
) -> None:
    """Makes a token. It is shown once: keep it like a password."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import tokens

    if owner == (agent is not None or contact is not None):
        raise BadInput(
            "Say whose it is.", hint="One of --owner, --agent NAME, --contact WHO [--agent NAME]."
        )
    lasts = None if expires is None else tokens.parse_lasting(expires)
    made, token = in_app(
        lambda app: tokens.create_token(
            app.door, app.owner_id, agent=agent, contact=contact, name=name, lasts=lasts
        )
    )
    print_text(token)
    typer.echo(f"It is shown this once. To take it back: sb tokens revoke {made.id}", err=True)


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """Every token: whose it is, until when, and when it was last used."""
    from discreet.entrypoints.cli.printing import Column, ago, print_list
    from discreet.oversight import tokens

    columns: list[Column[Token]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("BEGINS", lambda item: item.prefix, whole=True),
        Column("WHOSE", lambda item: f"{item.kind} {item.of}"),
        Column("NAME", lambda item: item.name),
        Column("STATE", _state),
        Column("USED", lambda item: ago(item.last_used_at)),
    ]
    print_list(
        in_app(lambda app: tokens.list_tokens(app.door, app.owner_id)),
        columns,
        asdict,
        as_json=as_json,
        empty="None yet: sb tokens create --help",
    )


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id, beginning or name.")],
) -> None:
    """Takes a token back: it opens nothing any more, at once, in every process."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import tokens

    token = in_app(lambda app: tokens.revoke_token(app.door, app.owner_id, which))
    print_text(f"Revoked: {token.prefix}…")


def _state(item: Token) -> str:
    from discreet.entrypoints.cli.printing import when

    if item.revoked_at is not None:
        return "revoked"
    if not item.is_valid:
        return "expired"
    return "valid" if item.expires_at is None else f"until {when(item.expires_at)}"
