"""The simulator: be any sender, alone or in a group, and see that no column knows of another."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.addresses import Address
from discreet.domain.text import checked_text
from discreet.intake.terminal_message import TerminalMessage, typed_message
from discreet.schemas.memories import ListMemories, Memory
from discreet.services import agents, contacts, memories, takeover
from discreet.services.messages import send_message, wait_for_answer
from discreet.services.requeue import Silence

MAX_COLUMNS = 3
LINES_SHOWN, MEMORIES_SHOWN = 30, 20
DEMONSTRATION = (
    (0, "Remember that my dog is called Rex."),
    (1, "What is my dog called?"),
    (0, "What is my dog called?"),
)


@dataclass(frozen=True, slots=True)
class SimulatedSender:
    """Whom a column is. ``group``: where they speak; empty: in their own chat."""

    sender: str
    group: str = ""

    @property
    def of(self) -> str:
        """The address of the conversation: the group's, or the sender's own."""
        return self.group or self.sender


DEFAULT_SPEAKERS = (SimulatedSender("web:demo-anna"), SimulatedSender("web:demo-ben"))


@dataclass(frozen=True, slots=True)
class SimulatorColumn:
    """One speaker: the messages of the conversation, and what the agent knows of it.

    ``may_speak``: the sender isn't itself a group.
    """

    speaker: SimulatedSender
    contact_id: object
    lines: list[takeover.SpokenLine]
    memories: list[Memory]
    may_speak: bool = True
    # Nobody sends a file here.
    files: Mapping[object, object] = field(default_factory=dict)


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show each speaker beside the others."""
    columns = [await _column(dashboard, speaker) for speaker in _speakers(request)]
    return dashboard.renderer.page(
        request,
        "simulator.html",
        columns=columns,
        max_columns=MAX_COLUMNS,
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        agent=request.query_params.get("agent", ""),
        back=_query([column.speaker for column in columns], request.query_params.get("agent", "")),
    )


async def show_column(dashboard: Dashboard, request: Request) -> Response:
    """Show one column alone, for a page that stays open."""
    asked = request.query_params
    speaker = _checked(asked.get("sender", ""), asked.get("group", ""))
    return dashboard.renderer.part("column.html", column=await _column(dashboard, speaker))


async def say(dashboard: Dashboard, request: Request) -> Response:
    """Send a message as a sender. It goes the way of any other message."""
    app, form = dashboard.app, request.state.form
    agent = request.query_params.get("agent", "")
    message = typed_message(
        text=checked_text(text_of(form, "text")),
        sender=text_of(form, "sender"),
        group=text_of(form, "group") or None,
        agent=agent or None,
    )
    await send_message(app.db, app.owner_id, message)
    return go_to(f"/simulator?{_query(_speakers(request), agent)}")


async def demonstrate(dashboard: Dashboard, _: Request) -> Response:
    """Let two made-up people talk to the agent."""
    app = dashboard.app
    for who, text in DEMONSTRATION:
        sender = Address.parse(DEFAULT_SPEAKERS[who].sender)
        accepted = await send_message(
            app.db, app.owner_id, TerminalMessage(text=text, sender=sender)
        )
        with suppress(_NobodyAnswers):
            await wait_for_answer(
                app.db, app.wakes, accepted, app.scope, _unheard, _unheard, _end_waiting
            )
    return go_to(f"/simulator?{_query(list(DEFAULT_SPEAKERS))}")


class _NobodyAnswers(Exception):
    """The agent is paused, or a person answers: there is nothing to wait for."""


async def _unheard(_: str) -> None:
    return


async def _end_waiting(_: Silence) -> None:
    raise _NobodyAnswers


def _speakers(request: Request) -> list[SimulatedSender]:
    """Return whom the address names: ``as``, each with its ``in`` at the same place."""
    senders, groups = request.query_params.getlist("as"), request.query_params.getlist("in")
    groups += [""] * len(senders)
    given = [
        _checked(sender, group)
        for sender, group in zip(senders[:MAX_COLUMNS], groups, strict=False)
        if sender.strip()
    ]
    return given or list(DEFAULT_SPEAKERS)


def _checked(sender: str, group: str) -> SimulatedSender:
    return SimulatedSender(
        str(Address.parse(sender)), str(Address.parse(group)) if group.strip() else ""
    )


def _query(speakers: list[SimulatedSender], agent: str = "") -> str:
    named = [pair for one in speakers for pair in (("as", one.sender), ("in", one.group))]
    return urlencode([*named, ("agent", agent)] if agent else named)


async def _column(dashboard: Dashboard, speaker: SimulatedSender) -> SimulatorColumn:
    db, owner_id = dashboard.db, dashboard.owner_id
    found = await contacts.find_by_address(db, owner_id, Address.parse(speaker.of))
    if found is None:
        return SimulatorColumn(speaker, None, [], [])
    await dashboard.note("read", found.contact.id)
    known = await memories.list_memories(
        dashboard.app.context,
        ListMemories.model_validate({"limit": MEMORIES_SHOWN}),
        contact_id=found.contact.id,
    )
    return SimulatorColumn(
        speaker,
        found.contact.id,
        await takeover.lines_after(db, owner_id, found.contact.id, after=None, limit=LINES_SHOWN),
        known.items,
        may_speak=bool(speaker.group) or found.contact.type != "group",
    )


VIEWS: Views = (
    ("GET", "/simulator", show),
    ("GET", "/simulator/column", show_column),
    ("POST", "/simulator", say),
    ("POST", "/simulator/demonstration", demonstrate),
)
