"""``sb channels branch``, ``branches`` and ``unbranch``: chats that lead to another agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson

if TYPE_CHECKING:
    from discreet.oversight.branches import Branch

Which = Annotated[
    str, typer.Argument(metavar="CHANNEL", help="Its name (@some_bot), its account or its id.")
]
Chat = Annotated[
    str,
    typer.Argument(
        metavar="CHAT",
        help="A group or who writes in a direct chat: telegram:-1001234567890. Where an id begins"
        " with a minus, the platform has to stand before it.",
    ),
]


def branch(
    channel: Which,
    chat: Chat,
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Who answers there.")],
) -> None:
    """One chat of a channel leads to another agent, from the next message on."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import branches

    made = in_app(lambda app: branches.add_branch(app.door, app.owner_id, channel, chat, agent))
    print_text(f"{made.platform}:{made.chat} leads to {made.agent} now, not to {made.instead_of}.")


def unbranch(channel: Which, chat: Chat) -> None:
    """The chat leads where its channel does again."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import branches

    agent = in_app(lambda app: branches.remove_branch(app.door, app.owner_id, channel, chat))
    print_text(f"It leads to {agent} again.")


def branches(as_json: AsJson = False) -> None:
    """Chats that lead to another agent than their channel."""
    from discreet.entrypoints.cli.printing import Column, print_list, when
    from discreet.oversight import branches as oversight

    columns: list[Column[Branch]] = [
        Column("CHANNEL", lambda item: item.channel),
        Column("CHAT", lambda item: f"{item.platform}:{item.chat}", whole=True),
        Column("AGENT", lambda item: item.agent),
        Column("NOT", lambda item: item.instead_of),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
    ]
    found = in_app(lambda app: oversight.list_branches(app.door, app.owner_id))
    empty = "Every chat leads where its channel does. To change one: sb channels branch"
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
