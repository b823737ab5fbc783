"""``sb tokens``: manage access tokens for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.schemas.tokens import Token

app = typer.Typer(help="Manage access tokens for programs.", no_args_is_help=True)


@app.command("create")
def create(
    owner: Annotated[bool, typer.Option("--owner", help="Full access, as the owner.")] = False,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="NAME",
            help=("Access as this agent; with --contact, the agent that the contact talks to."),
        ),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option("--contact", metavar="WHO", help="Access as this contact only."),
    ] = None,
    create_contact: Annotated[
        bool,
        typer.Option("--create", help="Create the contact if nobody has the address, platform:id."),
    ] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="Metrics only, for Prometheus.")
    ] = False,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="TIME", help="Lifetime, such as 30d or 12h. Default: no expiry."
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", metavar="TEXT", help="A name for the token.")] = "",
) -> None:
    """Create a token. It is shown once; keep it like a password."""
    from discreet.auth.tokens import parse_lasting
    from discreet.cli.printing import print_text
    from discreet.schemas.tokens import TokenToCreate
    from discreet.services import tokens

    if [owner, metrics, agent is not None or contact is not None].count(True) != 1:
        raise BadInput(
            "Say whose token to create.",
            hint="Use one of --owner, --metrics, --agent NAME, --contact WHO [--agent NAME].",
        )
    kind = "owner" if owner else "metrics" if metrics else "contact" if contact else "agent"
    lasts = None if expires is None else int(parse_lasting(expires).total_seconds())
    given = checked(
        TokenToCreate,
        kind=kind,
        agent=agent,
        contact=contact,
        create=create_contact,
        name=name,
        expires_in=lasts,
    )
    created = in_app(lambda app: tokens.create_token(app.db, app.owner_id, given))
    made, token = created.listed, created.token
    print_text(token)
    typer.echo(f"It won't be shown again. Revoke it with: sb tokens revoke {made.id}", err=True)


@app.command("list")
def list_tokens(
    minted: Annotated[
        bool, typer.Option("--minted", help="List the tokens minted by agents' tokens instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List tokens with their identity, expiry and last use."""
    from discreet.cli.printing import Column, print_list
    from discreet.domain.amounts import ago
    from discreet.schemas.tokens import ListTokens
    from discreet.services import tokens

    columns: list[Column[Token]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("BEGINS", lambda item: item.prefix, whole=True),
        Column("WHOSE", lambda item: f"{item.kind} {item.of}"),
        Column("NAME", lambda item: item.name),
        Column("STATE", _state),
        Column("USED", lambda item: ago(item.last_used_at)),
    ]
    given = ListTokens(minted=minted)
    print_list(
        in_app(lambda app: tokens.list_tokens(app.db, app.owner_id, given)).items,
        columns,
        lambda item: item.model_dump(),
        as_json=as_json,
        empty="No tokens yet. Create one: sb tokens create --help",
    )


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, prefix or name.")],
) -> None:
    """Revoke a token. It stops working at once, in every process, and so do those it minted."""
    from discreet.cli.printing import print_text
    from discreet.services import tokens

    token = in_app(lambda app: tokens.revoke_token(app.db, app.owner_id, which))
    print_text(f"Revoked: {token.prefix}…")


def _state(item: Token) -> str:
    from discreet.cli.printing import when

    if item.revoked_at is not None:
        return "revoked"
    if not item.is_valid:
        return "expired"
    return "valid" if item.expires_at is None else f"until {when(item.expires_at)}"
