"""``sb channels``: connect and manage platform accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli import branches, channels_add, labels, web_chats
from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.channels import ConnectedChannel

app = typer.Typer(
    help="Connect and manage the bots and phone numbers that people write to.", no_args_is_help=True
)
channels_add.add.command("web")(web_chats.add_web)
app.add_typer(channels_add.add, name="add")
app.add_typer(web_chats.app, name="web")
app.command("branch")(branches.branch)
app.command("branches")(branches.branches)
app.command("unbranch")(branches.unbranch)
app.command("label")(labels.label_channel)

Which = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel: its name (@some_bot), account or id.")
]


@app.command("list")
def list_channels(as_json: AsJson = False) -> None:
    """List all channels."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import channels

    columns: list[Column[ConnectedChannel]] = [
        Column("PLATFORM", lambda item: item.platform),
        Column("NAME", lambda item: item.label),
        Column("AGENT", lambda item: item.agent),
        Column("ACCOUNT", lambda item: item.account, whole=True),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
    ]
    found = in_app(lambda app: channels.list_channels(app.db, app.owner_id))
    print_list(
        found,
        columns,
        _record,
        as_json=as_json,
        empty="No channels yet. Add one: sb channels add telegram",
    )


@app.command("test")
def test_channel(channel: Which) -> None:
    """Check with the platform that a channel works."""
    from discreet.cli.printing import print_text
    from discreet.services import channels

    tested = in_app(lambda app: channels.test_channel(app.channels, channel))
    print_text(f"{tested.label} works and leads to {tested.agent}.")


@app.command("debounce")
def debounce(
    channel: Which,
    seconds: Annotated[
        float, typer.Argument(metavar="SECONDS", help="Seconds, 0 to 60. Default: 1.5.")
    ],
) -> None:
    """Set how long to wait for follow-up messages, so that they are answered together."""
    from discreet.cli.printing import print_text
    from discreet.services import channels

    async def work(app: App) -> ConnectedChannel:
        found = await channels.find_channel(app.db, app.owner_id, channel)
        await channels.set_debounce(app.db, app.owner_id, found.id, seconds)
        return found

    found = in_app(work)
    print_text(f"{found.label} now waits {seconds:g} seconds for follow-up messages.")


@app.command("move")
def move_channel(
    channel: Which,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent that answers there.")],
) -> None:
    """Let another agent answer on a channel. Conversations so far stay with the old one."""
    from discreet.cli.printing import print_text
    from discreet.services import moving_channels

    moved = in_app(lambda app: moving_channels.move_channel(app.db, app.owner_id, channel, agent))
    print_text(
        f"{moved.label} now leads to {moved.agent}. Admitted people stay admitted; conversations"
        " start over."
    )


@app.command("remove")
def remove_channel(channel: Which) -> None:
    """Disconnect a channel and delete its token.

    Its conversations are kept. The visitors of a web chat are signed out.
    """
    from discreet.cli.printing import print_text
    from discreet.services import channels

    removed = in_app(lambda app: channels.disconnect_channel(app.channels, channel))
    if removed.platform == "web":
        print_text(f"{removed.label} is removed, and its visitors are signed out.")
    else:
        print_text(f"{removed.label} is disconnected and its token is deleted.")


def _record(item: ConnectedChannel) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "platform": item.platform,
        "account": item.account,
        "name": item.name,
        "agent": item.agent,
        "debounce_seconds": item.debounce.total_seconds(),
        "contact_labels": list(item.contact_labels),
        "origins": list(item.origins),
        "created_at": item.created_at,
    }
