"""``sb channels add web`` and ``sb channels web``: chats on the owner's own pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.schemas.web_chats import WebChat

app = typer.Typer(help="Manage the chats on your own web pages.", no_args_is_help=True)


def add_web(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A short name, such as shop: a-z, 0-9 and -.")
    ],
    origin: Annotated[
        list[str],
        typer.Option(
            "--origin",
            metavar="URL",
            help="A site on whose pages it may appear: https://shop.example. Repeat it for more.",
        ),
    ],
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent", metavar="NAME", help="The agent that answers. Default: the first agent."
        ),
    ] = None,
    public_key_file: Annotated[
        Path | None,
        typer.Option(
            "--public-key-file",
            metavar="FILE",
            help="Your site's Ed25519 public key (PEM), instead of a shared secret.",
        ),
    ] = None,
) -> None:
    """Put a chat on your own web pages. Anybody who can see them may write."""
    from discreet.cli.printing import print_text
    from discreet.schemas.web_chats import WebChatToAdd
    from discreet.services import web_chats

    key = None
    if public_key_file is not None:
        try:
            key = public_key_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            raise BadInput(f"{str(public_key_file)!a} can't be read.") from None
    given = checked(WebChatToAdd, name=name, agent=agent, origins=origin, public_key=key)
    added = in_app(lambda app: web_chats.add_web_chat(app.web_chats, given))
    print_text(f"{added.chat.name} leads to {added.chat.agent}. Put this on your pages:")
    print_text(
        f'  <script src="https://YOUR-SERVER/api/chat/{added.chat.id}/widget.js" async></script>'
    )
    if added.secret is not None:
        print_text("To say who visitors are, sign identities with this secret (shown once):")
        print_text(f"  {added.secret}")


@app.command("list")
def list_chats(as_json: AsJson = False) -> None:
    """List the chats on your pages."""
    from discreet.cli.printing import Column, print_list
    from discreet.services import web_chats

    columns: list[Column[WebChat]] = [
        Column("NAME", lambda item: item.name),
        Column("AGENT", lambda item: item.agent),
        Column("ID", lambda item: str(item.id), whole=True),
        Column("SITES", lambda item: ", ".join(item.origins)),
    ]
    found = in_app(lambda app: web_chats.list_web_chats(app.db, app.owner_id))
    print_list(
        found, columns, lambda item: item.model_dump(mode="json"), as_json=as_json,
        empty="No web chats yet. Add one: sb channels add web NAME --origin https://...",
    )  # fmt: skip


@app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The chat's name.")],
) -> None:
    """Remove a chat. Its visitors are signed out; their conversations are kept."""
    from discreet.cli.printing import print_text
    from discreet.services import web_chats

    removed = in_app(lambda app: web_chats.remove_web_chat(app.db, app.owner_id, name))
    print_text(f"{removed.name} is removed, and its visitors are signed out.")
