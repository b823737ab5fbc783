"""``sb status``: show what needs attention, then a summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.domain.errors import Unavailable
    from discreet.services.agents import Agent
    from discreet.services.attention import Concerns
    from discreet.services.status import Status

NOBODY_NAMED = (
    "The server's admin sees who holds them, over a connection reserved for superusers: "
    "SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2. "
    "To allow more: max_connections"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """The parts of the installation. ``model`` None: the offline responder."""

    version: str
    home: str
    database: str
    serving: bool
    processes: int
    model: str | None
    agent_models: Mapping[str, str]
    channels: tuple[str, ...]
    backups: str
    backup_problem: str


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """A problem, and the command that helps."""

    line: str
    command: str


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what needs your attention and a summary of the installation."""
    from discreet.cli.printing import print_json, when
    from discreet.domain.amounts import ago
    from discreet.domain.errors import Unavailable

    try:
        found, installation, outage = in_app(_collect)
    except Unavailable as error:
        _show_outage(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from None
    attention = [
        *_outage(outage),
        *(AttentionItem(one.shown(str, ago, when), one.command) for one in found.items),
    ]
    if as_json:
        print_json(
            {
                "attention": [asdict(item) for item in attention],
                **asdict(found.status),
                "installation": asdict(installation),
            }
        )
    else:
        _print(found.status, installation, attention)


def _outage(outage: Unavailable | None) -> Iterator[AttentionItem]:
    if outage is not None:
        yield AttentionItem(
            f"{outage.message} Nothing can be stored, so nobody is answered", outage.hint
        )


def _show_outage(error: Unavailable, *, as_json: bool) -> None:
    """Print what is known if the database accepts no connection."""
    from discreet.cli.printing import print_json, print_text
    from discreet.domain.amounts import counted
    from discreet.postgres.database_errors import NoConnectionsLeft
    from discreet.postgres.outages import connections_held
    from discreet.settings import load_settings

    home = load_settings().home
    full = isinstance(error, NoConnectionsLeft)
    held = connections_held(home) if full else []
    if not full:
        hint = error.hint
    elif held:
        hint = "Stop programs you don't need, or raise max_connections"
    else:
        hint = NOBODY_NAMED
    if as_json:
        attention = [asdict(AttentionItem(error.message, hint))]
        print_json({"attention": attention, "connections": dict(held), "home": str(home)})
        return
    print_text(f"Needs attention\n  {error.message}\n      {hint}")
    for program, number in held:
        print_text(f"  {program}: {counted(number, 'connection')}")
    print_text(f"\n{'home':<10} {home}")


async def _collect(app: App) -> tuple[Concerns, Installation, Unavailable | None]:
    from importlib.metadata import version

    from discreet.cli.backups import describe_backups
    from discreet.queue.server_lock import count_serving, is_served
    from discreet.services.agents import list_agents
    from discreet.services.attention import find_concerns
    from discreet.services.backups import backup_problem, list_backups
    from discreet.services.channels import list_channels
    from discreet.services.status import outage_now

    agents: list[Agent] = await list_agents(app.db, app.owner_id)
    serving = await is_served(app.db)
    installation = Installation(
        version=version("discreet"),
        home=str(app.settings.home),
        database=_where(app),
        serving=serving,
        processes=await count_serving(app.db) if serving else 0,
        model=app.settings.model,
        agent_models={
            agent.name: " then ".join([agent.model or "default", *agent.fallback_models])
            for agent in agents
            if agent.model or agent.fallback_models
        },
        channels=tuple(
            f"{one.label} on {one.platform}" for one in await list_channels(app.db, app.owner_id)
        ),
        backups=describe_backups(list_backups(app.settings.home)),
        backup_problem=backup_problem(app.settings.home),
    )
    found = await find_concerns(app.channels, app.settings, is_served=installation.serving)
    return found, installation, await outage_now(app.db)


def _where(app: App) -> str:
    from discreet.postgres.credentials import load_credentials

    credentials = load_credentials(app.settings.home)
    if credentials is None or credentials.embedded:
        return f"embedded, in {app.settings.home / 'database'}"
    return f"{credentials.dbname} on {', '.join(credentials.places)}"


def _print(status: Status, installation: Installation, attention: list[AttentionItem]) -> None:
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import ago, counted

    if attention:
        print_text("Needs attention")
        for item in attention:
            print_text(f"  {' '.join(item.line.split())}")
            print_text(f"      {item.command}")
    else:
        print_text("Nothing needs attention.")
    waiting = status.waiting
    counts = status.counts
    models = [
        installation.model or "none configured (the built-in responder answers)",
        *(f"{name}: {model}" for name, model in installation.agent_models.items()),
    ]
    print_text()
    for title, value in (
        ("server", _server(installation)),
        (
            "waiting",
            f"{counted(waiting.messages, 'message')}, the first {ago(waiting.since)}"
            if waiting.messages
            else "nothing",
        ),
        ("channels", ", ".join(installation.channels) or "none (sb channels add)"),
        ("model", "; ".join(models)),
        *([("blocked", ", ".join(status.blocked))] if status.blocked else []),
        (
            "holds",
            f"{counted(counts.agents, 'agent')}, {counted(counts.contacts, 'contact')}, "
            f"{counted(counts.open_sessions, 'open session')}, "
            f"{counted(counts.messages, 'message')}, {counted(counts.memories, 'memory')}, "
            f"{counted(counts.reference_passages, 'reference passage')}",
        ),
        ("backups", installation.backups),
        ("database", installation.database),
        ("home", installation.home),
        ("version", installation.version),
    ):
        print_text(f"{title:<10} {value}")


def _server(installation: Installation) -> str:
    if not installation.serving:
        return "not running (start it: sb serve)"
    count = installation.processes
    return "running" if count < 2 else f"running ({count} processes)"
