"""``sb status``: show what needs attention, then a summary."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.domain.errors import Unavailable
    from discreet.schemas.channels import ConnectedChannel
    from discreet.services.agents import Agent
    from discreet.services.policy import OtherNumber
    from discreet.services.status import Status

PATIENCE = timedelta(minutes=2)  # a message that waits longer than this is reported
MAX_QUARANTINE_REASONS = 3
MAX_NAMED = 3
NOBODY_NAMED = (
    "The server's admin sees who holds them, with a connection that is kept for superusers: "
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
    model: str | None
    agent_models: Mapping[str, str]
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
    from discreet.cli.printing import print_json
    from discreet.domain.errors import Unavailable

    try:
        found, installation, outage, others, unreadable = in_app(_collect)
    except Unavailable as error:
        _show_outage(error, as_json=as_json)
        raise typer.Exit(error.exit_code) from None
    attention = [
        *_outage(outage),
        *_policy(others),
        *_unreadable(unreadable),
        *_backups(installation),
        *_attention(found, installation),
    ]
    if as_json:
        print_json(
            {
                "attention": [asdict(item) for item in attention],
                **asdict(found),
                "installation": asdict(installation),
            }
        )
    else:
        _print(found, installation, attention)


def _outage(outage: Unavailable | None) -> Iterator[AttentionItem]:
    if outage is not None:
        yield AttentionItem(
            f"{outage.message} Nothing can be stored, so nobody is answered", outage.hint
        )


def _unreadable(channels: list[ConnectedChannel]) -> Iterator[AttentionItem]:
    for channel in channels:
        yield AttentionItem(
            f"The token of {channel.label} on {channel.platform} can't be read in this home, so"
            " nothing is received or sent there",
            f"sb channels add {channel.platform}",
        )


def _backups(installation: Installation) -> Iterator[AttentionItem]:
    if installation.backup_problem:
        yield AttentionItem(installation.backup_problem, "sb backups list")


def _policy(others: list[OtherNumber]) -> Iterator[AttentionItem]:
    for other in others:
        yield AttentionItem(
            f"{other}: the last server started had other settings, or none was started with these",
            "Give every server the same settings, and restart them (sb serve)",
        )


def _show_outage(error: Unavailable, *, as_json: bool) -> None:
    """Print what is known if the database accepts no connection."""
    from discreet.cli.printing import counted, print_json, print_text
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


async def _collect(
    app: App,
) -> tuple[Status, Installation, Unavailable | None, list[OtherNumber], list[ConnectedChannel]]:
    from importlib.metadata import version

    from discreet.cli.backups import describe_schedule
    from discreet.queue.server_lock import is_served
    from discreet.services.agents import list_agents
    from discreet.services.backups import backup_problem, list_backups
    from discreet.services.channels import unreadable_secrets
    from discreet.services.policy import other_numbers
    from discreet.services.status import get_status, outage_now

    agents: list[Agent] = await list_agents(app.db, app.owner_id)
    installation = Installation(
        version=version("discreet"),
        home=str(app.settings.home),
        database=_where(app),
        serving=await is_served(app.db),
        model=app.settings.model,
        agent_models={
            agent.name: " then ".join([agent.model or "default", *agent.fallback_models])
            for agent in agents
            if agent.model or agent.fallback_models
        },
        backups=describe_schedule(list_backups(app.settings.home).schedule),
        backup_problem=backup_problem(app.settings.home),
    )
    found = await get_status(app.db, app.owner_id)
    others = await other_numbers(app.db, app.settings)
    deaf = {channel.name for channel in found.deaf}
    unreadable = [
        channel for channel in await unreadable_secrets(app.channels) if channel.name not in deaf
    ]
    return found, installation, await outage_now(app.db), others, unreadable


def _where(app: App) -> str:
    from discreet.postgres.credentials import load_credentials

    credentials = load_credentials(app.settings.home)
    if credentials is None or credentials.embedded:
        return f"embedded, in {app.settings.home / 'database'}"
    return f"{credentials.dbname} on {', '.join(credentials.places)}"


def _tool_servers(status: Status) -> Iterator[AttentionItem]:
    for one in status.tool_servers:
        which = f"{shlex.quote(one.agent)} {one.name}"
        if one.changes:
            yield AttentionItem(
                f"The server {one.name} of {one.agent} offers other tools than you approved. Until"
                " you approve them, the agent uses the earlier descriptions",
                f"sb agents tools approve {which}",
            )
        if one.error:
            yield AttentionItem(
                f"The server {one.name} of {one.agent} failed its test: {one.error.rstrip('.')}",
                f"sb agents tools test {which}",
            )
        if one.shared:
            yield AttentionItem(
                f"The server {one.name} of {one.agent} has one session for everybody: what it"
                " keeps, it may tell the next person",
                f"sb agents tools show {which}",
            )
        if one.trusted:
            yield AttentionItem(
                f"The server {one.name} of {one.agent} runs without a sandbox: it can read"
                " everything that this user can",
                f"sb agents tools show {which}",
            )


def _attention(status: Status, installation: Installation) -> Iterator[AttentionItem]:
    from discreet.cli.printing import ago, counted, when

    if status.quarantine:
        reasons = sorted({item.reason for item in status.quarantine})[:MAX_QUARANTINE_REASONS]
        yield AttentionItem(
            f"{counted(len(status.quarantine), 'message')} could not be matched to a sender, "
            f"the oldest from {ago(status.quarantine[0].created_at)}: {'; '.join(reasons)}",
            "sb quarantine list",
        )
    if status.pairings:
        yield AttentionItem(
            f"{counted(len(status.pairings), 'stranger')} waiting for approval: "
            + "; ".join(f"{item.label} to {item.agent}" for item in status.pairings[:MAX_NAMED]),
            "sb pairing list",
        )
    for hit in status.limit_hits:
        yield AttentionItem(
            f"{hit.whose} exceeded its limit for {hit.agent} ({hit.kind.replace('_', ' ')})"
            f" {ago(hit.since)}; {counted(hit.refused, 'message')} dropped, no replies until "
            f"{when(hit.until)}",
            "sb limits show",
        )
    for near in status.near_limits:
        yield AttentionItem(
            f"{near.whose} has used {near.share:.0%} of the {near.kind.replace('_', ' ')} with "
            f"{near.agent}",
            "sb usage --by contact",
        )
    for replaced in status.replaced_models:
        yield AttentionItem(
            f"{replaced.model} answered {counted(replaced.turns, 'message')} for {replaced.agent}, "
            f"the last {ago(replaced.at)}, because another model failed: {replaced.reason}",
            "sb turns list",
        )
    for label in status.asking:
        yield AttentionItem(f"{label} asks for a person", f"sb takeover {shlex.quote(label)}")
    if status.held_answers:
        yield AttentionItem(
            f"{counted(status.held_answers, 'answer')} waiting for your approval", "sb drafts list"
        )
    for name in status.paused:
        yield AttentionItem(
            f"{name} is paused; messages to it wait",
            f"sb agents resume {shlex.quote(name)}",
        )
    for label in status.taken_over:
        yield AttentionItem(
            f"You are answering {label} in person; the agent is silent there",
            f"sb takeover {shlex.quote(label)} --end",
        )
    for turn in status.turns:
        if turn.state == "given_up":
            outcome = "gave up and told the sender"
        elif turn.retry_at is not None and turn.retry_at > datetime.now(UTC):
            outcome = f"next attempt at {when(turn.retry_at)}"
        else:
            outcome = "will retry"
        yield AttentionItem(
            f"{turn.agent} could not answer {turn.whose} {ago(turn.at)} (attempt {turn.attempt}; "
            f"{outcome}): {turn.error or turn.state}",
            f"sb sessions show {turn.session_id}",
        )
    for running in status.long_turns:
        written = f"{running.characters:,} characters so far" if running.characters else ""
        yield AttentionItem(
            f"{running.agent} has been answering {running.whose} since {ago(running.since)} "
            f"(attempt {running.attempt}; {written or 'no text yet'})",
            f"sb sessions show {running.session_id}",
        )
    yield from _tool_servers(status)
    for channel in status.deaf:
        yield AttentionItem(
            f"Can't receive messages for {channel.name} on {channel.platform}: {channel.why}",
            f"sb channels test {shlex.quote(channel.name)}",
        )
    for hook in status.failing_webhooks:
        state = "is disabled" if hook.is_disabled else "fails and is retried"
        yield AttentionItem(
            f"The webhook {hook.url} {state}: {hook.why}", f"sb webhooks test {hook.id}"
        )
    for answer in status.undelivered:
        yield AttentionItem(
            f"{answer.agent}'s answer to {answer.whose} of {ago(answer.since)} is undelivered "
            f"({answer.state}, {counted(answer.attempts, 'attempt')})"
            + (f": {answer.error}" if answer.error else ""),
            f"sb sessions show {answer.session_id}",
        )
    waiting = status.waiting
    if waiting.since is not None and datetime.now(UTC) - waiting.since > PATIENCE:
        yield AttentionItem(
            f"{counted(waiting.messages, 'message')} unanswered, the oldest from "
            f"{ago(waiting.since)}" + ("" if installation.serving else "; no server is running"),
            "sb sessions list" if installation.serving else "sb serve",
        )


def _print(status: Status, installation: Installation, attention: list[AttentionItem]) -> None:
    from discreet.cli.printing import ago, counted, print_text

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
        ("server", "running" if installation.serving else "not running (start it: sb serve)"),
        (
            "waiting",
            f"{counted(waiting.messages, 'message')}, the first {ago(waiting.since)}"
            if waiting.messages
            else "nothing",
        ),
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
