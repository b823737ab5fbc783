"""The commands of ``sb``, each imported when it runs.

``sb --help`` and completion know the names and one line of each, and import none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from discreet.cli.summaries import first_sentence, say_whole_summaries


@dataclass(frozen=True, slots=True)
class _Command:
    """A command: its module in this package, the function or group there, and its first line."""

    module: str
    attribute: str
    help: str


_GROUP = "app"

_COMMANDS: Mapping[str, _Command] = {
    "chat": _Command(
        "chat",
        "chat",
        "Talk to an agent. Without --sender or --contact-id you speak as its owner.",
    ),
    "serve": _Command(
        "serve", "serve", "Run the server: receive, answer and deliver messages until Ctrl-C."
    ),
    "mcp": _Command("mcp", "mcp", "Serve MCP on standard input and output, in one scope."),
    "status": _Command(
        "status", "status", "Show what needs your attention and a summary of the installation."
    ),
    "dashboard": _Command(
        "dashboard",
        "dashboard",
        "Print a link that opens the dashboard. It works once, within ten minutes.",
    ),
    "usage": _Command("costs", "usage", "Show what answers cost, in tokens and US dollars."),
    "takeover": _Command(
        "takeover",
        "takeover",
        "Follow a contact and answer in person. The agent stays silent until you hand back.",
    ),
    "backup": _Command(
        "backups",
        "backup",
        "Back up everything to one encrypted file. The server can keep running.",
    ),
    "restore": _Command(
        "backups",
        "restore",
        "Restore a backup into an empty home. Contacts erased since then stay erased.",
    ),
    "upgrade": _Command(
        "upgrade",
        "upgrade",
        "Show what the installed version would change in the database. It changes nothing.",
    ),
    "version": _Command("version", "version", "Print the version."),
    "help": _Command("usage", "show_usage", "Show how to use sb, or one command."),
    "agents": _Command("agents", _GROUP, "Create and configure agents."),
    "channels": _Command(
        "channels", _GROUP, "Connect and manage the bots and phone numbers that people write to."
    ),
    "contacts": _Command(
        "contacts", _GROUP, "Manage the people and groups who write to your agents."
    ),
    "sessions": _Command("sessions", _GROUP, "List, read and follow conversations."),
    "memories": _Command("memories", _GROUP, "List, search, add and change memories."),
    "messages": _Command("searches", "messages", "Search what was said."),
    "turns": _Command("turns", _GROUP, "Inspect what went into each answer."),
    "quarantine": _Command(
        "quarantine", _GROUP, "Inspect and retry messages whose sender could not be resolved."
    ),
    "admission": _Command("admission", _GROUP, "Decide who may write on each channel."),
    "pairing": _Command("pairing", _GROUP, "Approve or deny strangers who want to write."),
    "drafts": _Command(
        "drafts",
        _GROUP,
        "Read answers before they are sent. To hold them: sb agents set NAME --drafts",
    ),
    "reminders": _Command(
        "reminders", _GROUP, "List and cancel the reminders that contacts asked for."
    ),
    "owner": _Command("owner", _GROUP, "Link your own platform accounts."),
    "limits": _Command(
        "limits", _GROUP, "Limit what each contact may use. You and the terminal have no limits."
    ),
    "budgets": _Command("budgets", _GROUP, "Limit what all contacts together may use in a day."),
    "retention": _Command("retention", _GROUP, "Delete messages, files and memories after a time."),
    "tokens": _Command("tokens", _GROUP, "Manage access tokens for programs."),
    "webhooks": _Command(
        "webhooks", _GROUP, "Notify other programs of events by signed HTTP requests."
    ),
    "keys": _Command(
        "keys", _GROUP, "Show the public keys with which tool servers verify the signed identity."
    ),
    "db": _Command("database", _GROUP, "Use and check your own PostgreSQL server."),
    "audit": _Command("audit", _GROUP, "Prove that people are kept apart."),
    "service": _Command("service", _GROUP, "Run the server with systemd."),
    "backups": _Command("backups", _GROUP, "List, check and schedule backups."),
}


class _Commands(Mapping[str, Any]):
    """The commands by name. Looking one up imports it."""

    def __init__(self) -> None:
        self._imported: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._imported:
            self._imported[name] = self._import(name)
        return self._imported[name]

    def _import(self, name: str) -> Any:
        command = _COMMANDS[name]
        found = getattr(import_module(f"discreet.cli.{command.module}"), command.attribute)
        # A group with the one command, so that typer makes it as it would among all of them.
        around = typer.Typer(rich_markup_mode=None, add_completion=False)
        around.callback()(lambda: None)
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=name)
        else:
            around.command(name)(found)
        group = get_group(around)
        say_whole_summaries(group)
        return group.commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in _COMMANDS


class CommandGroup(TyperGroup):
    """``sb`` itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": None})
        self.commands = _Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names, and import nothing."""
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a stand-in that has the name and the first line, for lists of commands."""
        if (command := _COMMANDS.get(cmd_name)) is None:
            return None
        summary = first_sentence(command.help)
        return TyperCommand(cmd_name, help=command.help, short_help=summary, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to run."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, name and stand_in and self.commands[name], rest
