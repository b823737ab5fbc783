"""``sb mcp``: serve the tools over MCP on standard input and output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli import servers
from discreet.cli.typed_ids import whole_id_or_none
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App


def mcp(
    contact_id: Annotated[
        str | None,
        typer.Option(
            "--contact-id", metavar="ID", help="Act as this contact for the whole connection."
        ),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender",
            metavar="PLATFORM:ID",
            help="Act as this sender; a new contact is created if needed.",
        ),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="Use this agent.")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="A file with a token; act as the identity it belongs to.",
        ),
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", hidden=True)] = False,
) -> None:
    """Serve MCP on standard input and output, in one scope.

    The scope is that of --contact-id or --sender, or of the token in --token-file or
    DISCREET_TOKEN; without any of them you are the owner.
    """
    from discreet.cli.chat_backend import TOKEN, token_of

    named = sender is not None or contact_id is not None
    # An empty variable is a token that somebody failed to set; it must not make them the owner.
    has_token = token_file is not None or TOKEN in os.environ
    if sender is not None and contact_id is not None:
        raise BadInput(
            "--sender and --contact-id can't be used together.", hint="Give one of them."
        )
    if named and has_token:
        raise BadInput("A token already sets the identity.", hint=f"Omit {TOKEN} or --sender.")
    if agent is not None and not named:
        raise BadInput(
            "--agent requires --sender or --contact-id.", hint="Otherwise use start_session."
        )
    contact_id = whole_id_or_none("contact", contact_id)
    token = token_of(token_file) if has_token else None
    if not alone:
        from discreet.cli.served_mcp import serve_mcp

        given = {"token": token, "sender": sender, "contact_id": contact_id, "agent": agent}
        if serve_mcp(given):
            return
    _serve_here(token, sender, contact_id, agent)


def _serve_here(
    token: str | None, sender: str | None, contact_id: str | None, agent: str | None
) -> None:
    from discreet.cli.runtime import in_app
    from discreet.domain.addresses import Address
    from discreet.domain.ids import ContactId, parse_uuid

    who: Address | ContactId | None = None
    if sender is not None:
        who = Address.parse(sender)
    elif contact_id is not None:
        who = ContactId(parse_uuid(contact_id, "contact id"))

    async def work(app: App) -> None:
        from discreet.auth.scopes import bearer_finder

        assert servers.serve_stdio is not None  # noqa: S101 - the program set it
        bearer = bearer_finder(app.db, app.owner_id, token=token, who=who, agent=agent)
        await bearer()  # report an unknown party before anything starts
        await servers.serve_stdio(app, bearer)

    in_app(work)
