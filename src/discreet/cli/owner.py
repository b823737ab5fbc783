"""``sb owner``: link your own accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

app = typer.Typer(help="Link your own platform accounts.", no_args_is_help=True)


@app.command("link")
def link(
    platform: Annotated[
        str, typer.Argument(metavar="PLATFORM", help="A platform, such as telegram.")
    ],
) -> None:
    """Print a code to send to your bot. The account that sends it becomes yours."""
    from discreet.cli.printing import print_text
    from discreet.services import admission

    code = in_app(lambda app: admission.make_owner_link(app.db, app.owner_id, platform))
    print_text(
        f"{code[:4]}-{code[4:]}\n\nSend this to your bot on {platform}, in a direct chat, from your"
        " own account. It works once, for ten minutes. The account that sends it gets an owner's "
        "rights, so don't show the code to anybody."
    )


@app.command("unlink")
def unlink(
    account: Annotated[
        str,
        typer.Argument(
            metavar="ACCOUNT", help="One of the accounts in sb owner list, written platform:id."
        ),
    ],
) -> None:
    """Unlink an account. It becomes a new contact's account and gets no more notices."""
    from discreet.cli.printing import print_text
    from discreet.services import admission

    in_app(lambda app: admission.unlink_owner(app.db, app.owner_id, account))
    print_text(
        f"{account} is no longer yours. To link it again: sb owner link {account.partition(':')[0]}"
    )


@app.command("list")
def list_addresses(as_json: AsJson = False) -> None:
    """List your linked accounts."""
    from discreet.cli.printing import Column, print_list
    from discreet.services import admission

    columns: list[Column[str]] = [Column("ADDRESS", str, whole=True)]
    found = in_app(lambda app: admission.list_owner_addresses(app.db, app.owner_id))
    print_list(
        found,
        columns,
        lambda item: {"address": item},
        as_json=as_json,
        empty="No linked accounts yet. Link one: sb owner link telegram",
    )
