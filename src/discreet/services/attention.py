"""What needs the owner's attention, in sentences: the same at a terminal and in their own chat."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from discreet.domain.amounts import counted
from discreet.services.backups import backup_problem
from discreet.services.channels import ChannelAccess
from discreet.services.disk import Disk, disk_of
from discreet.services.policy import other_numbers
from discreet.services.status import Status, get_status, with_unreadable
from discreet.services.status_connections import ToolServerNote
from discreet.services.status_turns import FailedTurn, FailingJob
from discreet.settings import Settings

__all__ = ["Ago", "At", "Concern", "Concerns", "find_concerns"]

PATIENCE = timedelta(minutes=2)  # a message that waits longer than this is reported
MAX_QUARANTINE_REASONS = 3
MAX_NAMED = 3
WORK = {
    "turn": "Answering {whose} as {agent}",
    "deliver": "Delivering to {whose} as {agent}",
    "remind": "Reminding {whose} as {agent}",
}


@dataclass(frozen=True, slots=True)
class Ago:
    """A moment that is shown as how long ago it was."""

    at: datetime


@dataclass(frozen=True, slots=True)
class At:
    """A moment that is shown as a time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that needs attention, and what helps.

    ``text`` has our own words and places for ``values``, which may be other people's. ``command``:
    at a terminal; ``chat``: in the owner's chat, or empty.
    """

    text: str
    command: str
    values: Mapping[str, str | Ago | At] = field(default_factory=dict)
    chat: str = ""

    def shown(
        self,
        quote: Callable[[str], str],
        ago: Callable[[datetime], str],
        when: Callable[[datetime], str],
    ) -> str:
        """Return the sentence. ``quote`` makes other people's words harmless where it is shown."""

        def show(value: str | Ago | At) -> str:
            match value:
                case Ago(at):
                    return ago(at)
                case At(at):
                    return when(at)
                case _:
                    return quote(value)

        return self.text.format(**{name: show(value) for name, value in self.values.items()})


@dataclass(frozen=True, slots=True)
class Concerns:
    """What needs attention, the most urgent first, and the status that it was found in."""

    status: Status
    items: Sequence[Concern]


async def find_concerns(
    access: ChannelAccess, settings: Settings, *, is_served: bool = True
) -> Concerns:
    """Return all concerns. ``is_served``: a server is running."""
    status = await with_unreadable(await get_status(access.db, access.owner_id), access)
    items = [
        *(
            Concern(
                f"{other}: the last server started had other settings, or none was started with"
                " these",
                "Give every server the same settings, and restart them (sb serve)",
            )
            for other in await other_numbers(access.db, settings)
        ),
        *_backups(settings),
        *_disk(await disk_of(access.db, access.owner_id, settings.home)),
        *_people(status),
        *_work(status),
        *_connections(status),
        *_waiting(status, is_served=is_served),
    ]
    return Concerns(status, items)


def _backups(settings: Settings) -> Iterator[Concern]:
    if problem := backup_problem(settings.home):
        yield Concern("{problem}", "sb backups list", {"problem": problem})


def _disk(disk: Disk) -> Iterator[Concern]:
    if disk.is_low:
        yield Concern(
            f"The disk is nearly full: {disk.free / 1e9:.1f} of {disk.total / 1e9:.1f} GB are free."
            " When it is full, messages can't be stored",
            "sb retention preview",
        )


def _people(status: Status) -> Iterator[Concern]:
    """Return what somebody does, or waits for."""
    if status.quarantine:
        reasons = sorted({item.reason for item in status.quarantine})[:MAX_QUARANTINE_REASONS]
        yield Concern(
            f"{counted(len(status.quarantine), 'message')} could not be matched to a sender,"
            " the oldest from {since}: {reasons}",
            "sb quarantine list",
            {"since": Ago(status.quarantine[0].created_at), "reasons": "; ".join(reasons)},
        )
    if status.pairings:
        names = [f"{item.label} to {item.agent}" for item in status.pairings[:MAX_NAMED]]
        yield Concern(
            f"{counted(len(status.pairings), 'stranger')} waiting for approval: {{names}}",
            "sb pairing list",
            {"names": "; ".join(names)},
            "/pairing",
        )
    for hit in status.limit_hits:
        yield Concern(
            f"{{whose}} exceeded its limit for {{agent}} ({hit.kind.replace('_', ' ')}) {{since}};"
            f" {counted(hit.refused, 'message')} dropped, no replies until {{until}}",
            "sb limits show",
            {
                "whose": hit.whose,
                "agent": hit.agent,
                "since": Ago(hit.since),
                "until": At(hit.until),
            },
        )
    for near in status.near_limits:
        yield Concern(
            f"{{whose}} has used {near.share:.0%} of the {near.kind.replace('_', ' ')} with"
            " {agent}",
            "sb usage --by contact",
            {"whose": near.whose, "agent": near.agent},
            "/usage",
        )
    for label in status.asking:
        yield Concern(
            "{whose} asks for a person",
            f"sb takeover {shlex.quote(label)}",
            {"whose": label},
            "/takeover NAME",
        )
    if status.held_answers:
        yield Concern(
            f"{counted(status.held_answers, 'answer')} waiting for your approval",
            "sb drafts list",
            chat="/drafts",
        )
    for name in status.paused:
        yield Concern(
            "{agent} is paused; messages to it wait, and commands are answered",
            f"sb agents resume {shlex.quote(name)}",
            {"agent": name},
            "/resume",
        )
    for label in status.taken_over:
        yield Concern(
            "You are answering {whose} in person; the agent is silent there",
            f"sb takeover {shlex.quote(label)} --end",
            {"whose": label},
            "/end",
        )


def _work(status: Status) -> Iterator[Concern]:
    """Return what went wrong with answers."""
    for replaced in status.replaced_models:
        yield Concern(
            f"{{model}} answered {counted(replaced.turns, 'message')} for {{agent}}, the last"
            " {at}, because another model failed: {reason}",
            "sb turns list",
            {
                "model": replaced.model,
                "agent": replaced.agent,
                "at": Ago(replaced.at),
                "reason": replaced.reason,
            },
        )
    for turn in status.turns:
        yield _failed_turn(turn)
    for job in status.failing_jobs:
        yield _failing_job(job)
    for running in status.long_turns:
        written = f"{running.characters:,} characters so far" if running.characters else ""
        yield Concern(
            "{agent} has been answering {whose} since {since} "
            f"(attempt {running.attempt}; {written or 'no text yet'})",
            f"sb sessions show {running.session_id}",
            {"agent": running.agent, "whose": running.whose, "since": Ago(running.since)},
        )
    for answer in status.undelivered:
        yield Concern(
            "{agent}'s answer to {whose} of {since} is undelivered"
            f" ({answer.state}, {counted(answer.attempts, 'attempt')})"
            + (": {error}" if answer.error else ""),
            f"sb sessions show {answer.session_id}",
            {
                "agent": answer.agent,
                "whose": answer.whose,
                "since": Ago(answer.since),
                "error": answer.error,
            },
        )


def _failed_turn(turn: FailedTurn) -> Concern:
    values: dict[str, str | Ago | At] = {
        "agent": turn.agent,
        "whose": turn.whose,
        "at": Ago(turn.at),
        "error": turn.error or turn.state,
    }
    if turn.state == "given_up":
        outcome = "gave up and told the sender"
    elif turn.retry_at is not None and turn.retry_at > datetime.now(UTC):
        outcome, values["retry"] = "next attempt at {retry}", At(turn.retry_at)
    else:
        outcome = "will retry"
    return Concern(
        f"{{agent}} could not answer {{whose}} {{at}} (attempt {turn.attempt}; {outcome}):"
        " {error}",
        f"sb sessions show {turn.session_id}",
        values,
    )


def _failing_job(job: FailingJob) -> Concern:
    work = WORK.get(job.task, "The server's task “{task}”")
    return Concern(
        f"{work} has failed because of an error in Discreet ({{error}},"
        f" {counted(job.failures, 'time')}, the first {{since}}); next attempt at {{next}}",
        "See the server's log" if job.session_id is None else f"sb sessions show {job.session_id}",
        {
            "task": job.task,
            "whose": job.whose,
            "agent": job.agent,
            "error": job.error,
            "since": Ago(job.since),
            "next": At(job.next_try_at),
        },
    )


def _connections(status: Status) -> Iterator[Concern]:
    """Return the problems of channels, webhooks and tool servers."""
    for one in status.tool_servers:
        yield from _tool_server(one)
    for channel in status.deaf:
        name = channel.name or channel.platform
        yield Concern(
            "Can't receive messages for {name} on {platform}: {why}",
            f"sb channels test {shlex.quote(name)}",
            {"name": name, "platform": channel.platform, "why": channel.why},
        )
    for hook in status.failing_webhooks:
        state = "is disabled" if hook.is_disabled else "fails and is retried"
        yield Concern(
            f"The webhook {{url}} {state}: {{why}}",
            f"sb webhooks test {hook.id}",
            {"url": hook.url, "why": hook.why},
        )


def _tool_server(one: ToolServerNote) -> Iterator[Concern]:
    which = f"{shlex.quote(one.agent)} {one.name}"
    values = {"name": one.name, "agent": one.agent, "error": one.error.rstrip(".")}
    if one.changes:
        yield Concern(
            "The server {name} of {agent} offers other tools than you approved. Until you approve "
            "the changes, the agent uses the tools you approved before",
            f"sb agents tools approve {which}",
            values,
        )
    if one.error:
        yield Concern(
            "The server {name} of {agent} failed its test: {error}",
            f"sb agents tools test {which}",
            values,
        )
    if one.shared:
        yield Concern(
            "The server {name} of {agent} has one session for everybody, so it may show the next "
            "person anything it keeps",
            f"sb agents tools show {which}",
            values,
        )
    if one.trusted:
        yield Concern(
            "The server {name} of {agent} runs without a sandbox, so it can read everything that "
            "this user can",
            f"sb agents tools show {which}",
            values,
        )


def _waiting(status: Status, *, is_served: bool) -> Iterator[Concern]:
    waiting = status.waiting
    if waiting.since is not None and datetime.now(UTC) - waiting.since > PATIENCE:
        yield Concern(
            f"{counted(waiting.messages, 'message')} unanswered, the oldest from {{since}}"
            + ("" if is_served else "; no server is running"),
            "sb sessions list" if is_served else "sb serve",
            {"since": Ago(waiting.since)},
        )
