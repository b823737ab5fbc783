"""Print tool servers and what may be done with them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discreet.schemas.tools import ServerTool, ToolServer


def notes_of(item: ToolServer) -> str:
    """Return what is special about a server, in a few words."""
    notes = [
        "shared" if item.shared else "",
        "no sandbox" if item.trusted else "",
        "everybody signs in" if item.signs_in else "",
        f"{len(item.changes)} changes to approve" if item.changes else "",
        item.last_error,
    ]
    return "; ".join(note for note in notes if note)


def record_of(item: ToolServer) -> Mapping[str, Any]:
    """Return a server as JSON for programs."""
    return item.model_dump(mode="json")


def print_server(item: ToolServer) -> None:
    """Print a server with its tools."""
    from discreet.cli.printing import Column, print_list

    print_line(f"{item.name} of {item.agent}: {item.url or shlex.join(item.command)}")
    if notes := notes_of(item):
        print_line(notes)
    if item.secrets:
        print_line(f"Secrets: {', '.join(item.secrets)}")
    columns: list[Column[ServerTool]] = [
        Column("TOOL", lambda tool: tool.called, whole=True),
        Column("ALLOWED", _who),
        Column("GROUPS", lambda tool: "yes" if tool.in_groups else "no"),
        Column("CONFIRM", lambda tool: tool.confirm),
        Column("CHANGES THINGS", lambda tool: "no" if tool.reads_only else "maybe"),
        Column("DESCRIPTION", lambda tool: tool.description),
    ]
    print_list(item.tools, columns, dict, as_json=False, empty="It has no tools.")
    print_changes(item)


def print_changes(item: ToolServer) -> None:
    """Print the changes that wait for approval."""
    from discreet.cli.printing import print_text

    for change in item.changes:
        print_text(f"{change.kind}: {change.tool}")
        if change.description is not None:
            print_text(f"    {' '.join(change.description.split())}")
            print_text(f"    {change.arguments}")
    if item.changes:
        print_text("Until you approve it, the agent uses what you approved before.")


def _who(tool: ServerTool) -> str:
    return ", ".join(tool.labels) if tool.allowed == "labels" else tool.allowed


def print_line(line: str) -> None:
    from discreet.cli.printing import print_text

    print_text(line)
