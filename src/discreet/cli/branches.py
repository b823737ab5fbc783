"""``sb channels branch``, ``branches`` and ``unbranch``: send one chat to another agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.schemas.channels import Branch

Which = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="The channel: its name (@some_bot), account or id.")
]
Chat = Annotated[
    str,
    typer.Argument(
        metavar="CHAT",
        help=(
            "A group or a direct chat's sender, such as telegram:-1001234567890. An id "
            "that begins with a minus needs the platform in front."
        ),
    ),
]


def branch(
    channel: Which,
    chat: Chat,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="The agent that answers there.")],
) -> None:
    """Send one chat of a channel to another agent, starting with the next message."""
    from discreet.cli.printing import print_text
    from discreet.services import branches

    made = in_app(lambda app: branches.add_branch(app.db, app.owner_id, channel, chat, agent))
    print_text(
        f"{made.platform}:{made.chat} now leads to {made.agent} instead of {made.instead_of}."
    )


def unbranch(channel: Which, chat: Chat) -> None:
    """Send a chat back to its channel's agent."""
    from discreet.cli.printing import print_text
    from discreet.services import branches

    agent = in_app(lambda app: branches.remove_branch(app.db, app.owner_id, channel, chat))
    print_text(f"It leads to {agent} again.")


def branches(as_json: AsJson = False) -> None:
    """List the chats that lead to a different agent than their channel."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import branches as service

    columns: list[Column[Branch]] = [
        Column("CHANNEL", lambda item: item.channel),
        Column("CHAT", lambda item: f"{item.platform}:{item.chat}", whole=True),
        Column("AGENT", lambda item: item.agent),
        Column("NOT", lambda item: item.instead_of),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
    ]
    found = in_app(lambda app: service.list_branches(app.db, app.owner_id))
    empty = "Every chat leads to its channel's agent. To change one: sb channels branch"
    print_list(found, columns, _record, as_json=as_json, empty=empty)


def _record(item: Branch) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "platform": item.platform,
        "account": item.account,
        "channel": item.channel,
        "chat": item.chat,
        "agent": item.agent,
        "instead_of": item.instead_of,
        "created_at": item.created_at,
    }
