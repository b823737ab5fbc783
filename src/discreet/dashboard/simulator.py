"""The simulator: be any sender, side by side, and see that neither side knows of the other."""

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
from discreet.intake.terminal_message import TerminalMessage
from discreet.schemas.memories import ListMemories, Memory
from discreet.services import contacts, memories, takeover
from discreet.services.messages import send_message, wait_for_answer
from discreet.services.requeue import Silence

DEFAULT_SENDERS = ("web:demo-anna", "web:demo-ben")
MAX_COLUMNS = 3
LINES_SHOWN, MEMORIES_SHOWN = 30, 20
DEMONSTRATION = (
    (0, "Remember that my dog is called Rex."),
    (1, "What is my dog called?"),
    (0, "What is my dog called?"),
)


@dataclass(frozen=True, slots=True)
class SimulatorColumn:
    """One sender: the messages, and what the agent knows of them."""

    sender: str
    contact_id: object
    lines: list[takeover.SpokenLine]
    memories: list[Memory]
    # Nobody sends a file here.
    files: Mapping[object, object] = field(default_factory=dict)


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show each sender beside the others."""
    columns = [await _column(dashboard, sender) for sender in _senders(request)]
    return dashboard.renderer.page(
        request, "simulator.html", columns=columns, back=_query([c.sender for c in columns])
    )


async def show_column(dashboard: Dashboard, request: Request) -> Response:
    """Show one column alone, for a page that stays open."""
    sender = str(Address.parse(request.query_params.get("sender", "")))
    return dashboard.renderer.part("column.html", column=await _column(dashboard, sender))


async def say(dashboard: Dashboard, request: Request) -> Response:
    """Send a message as a sender. It goes the way of any other message."""
    app, form = dashboard.app, request.state.form
    sender = Address.parse(text_of(form, "sender"))
    text = checked_text(text_of(form, "text"))
    await send_message(app.db, app.owner_id, TerminalMessage(text=text, sender=sender))
    return go_to(f"/simulator?{_query(_senders(request))}")


async def demonstrate(dashboard: Dashboard, _: Request) -> Response:
    """Let two made-up people talk to the agent."""
    app = dashboard.app
    for who, text in DEMONSTRATION:
        sender = Address.parse(DEFAULT_SENDERS[who])
        accepted = await send_message(
            app.db, app.owner_id, TerminalMessage(text=text, sender=sender)
        )
        with suppress(_NobodyAnswers):
            await wait_for_answer(
                app.db, app.wakes, accepted, app.scope, _unheard, _unheard, _end_waiting
            )
    return go_to(f"/simulator?{_query(list(DEFAULT_SENDERS))}")


class _NobodyAnswers(Exception):
    """The agent is paused, or a person answers: there is nothing to wait for."""


async def _unheard(_: str) -> None:
    return


async def _end_waiting(_: Silence) -> None:
    raise _NobodyAnswers


def _senders(request: Request) -> list[str]:
    given = request.query_params.getlist("as")[:MAX_COLUMNS] or list(DEFAULT_SENDERS)
    return [str(Address.parse(sender)) for sender in given if sender.strip()]


def _query(senders: list[str]) -> str:
    return urlencode([("as", sender) for sender in senders])


async def _column(dashboard: Dashboard, sender: str) -> SimulatorColumn:
    found = await contacts.find_by_address(dashboard.db, dashboard.owner_id, Address.parse(sender))
    if found is None:
        return SimulatorColumn(sender, None, [], [])
    await dashboard.note("read", found.contact.id)
    known = await memories.list_memories(
        dashboard.app.context,
        ListMemories.model_validate({"limit": MEMORIES_SHOWN}),
        contact_id=found.contact.id,
    )
    return SimulatorColumn(
        sender,
        found.contact.id,
        await takeover.lines_after(
            dashboard.db, dashboard.owner_id, found.contact.id, after=None, limit=LINES_SHOWN
        ),
        known.items,
    )


VIEWS: Views = (
    ("GET", "/simulator", show),
    ("GET", "/simulator/column", show_column),
    ("POST", "/simulator", say),
    ("POST", "/simulator/demonstration", demonstrate),
)
