"""``sb takeover``: answer a contact in person."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput, DiscreetError

if TYPE_CHECKING:
    from datetime import datetime

    from discreet.app import App
    from discreet.contacts import Contact

LISTEN_SECONDS = 0.5
EARLIER_LINES = 20
DELIVERY_LOOKS, DELIVERY_LOOK_SECONDS = 50, 0.1


def takeover(
    contact: Annotated[
        str,
        typer.Argument(metavar="CONTACT", help="A contact: its id, address (platform:id) or name."),
    ],
    message: Annotated[
        str | None,
        typer.Option(
            "--message", "-m", metavar="TEXT", help="Send this message; the agent stays silent."
        ),
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Hand the contact back to the agent.")] = False,
) -> None:
    """Read along with a contact and answer in person. The agent is silent until you hand back."""
    if message is not None and end:
        raise BadInput(
            "--message and --end can't be used together.", hint="Use one, then the other."
        )
    from discreet.cli.printing import print_text
    from discreet.services import takeover as service

    async def work(app: App) -> str:
        if end:
            back = await service.hand_back(app.db, app.owner_id, contact)
            return f"The agent answers {back.label} again."
        taken = await service.take_over(app.db, app.owner_id, contact)
        # The answer has to leave, also where nobody serves.
        async with app.working():
            if message is not None:
                await service.speak(app.db, app.owner_id, taken.id, message)
                await _until_delivered(app)
                return f"Said. The agent is silent until: sb takeover {taken.id} --end"
            return await _converse(app, taken)

    print_text(in_app(work))


async def _converse(app: App, contact: Contact) -> str:
    """Shows what is said and says what is typed, until /end or the end of the input."""
    from discreet.cli.printing import print_text
    from discreet.domain.concurrency import running
    from discreet.services import takeover as service

    print_text(
        f"You answer {contact.label} in person. /end hands back to the agent; Ctrl-D leaves, and"
        " the agent stays silent."
    )
    async with running(_show_for_ever(app, contact), "listening"):
        typed = _typed()
        while line := await typed.get():
            if line.strip() == "/end":
                await service.hand_back(app.db, app.owner_id, str(contact.id))
                return f"The agent answers {contact.label} again."
            if line.strip():
                try:
                    await service.speak(app.db, app.owner_id, contact.id, line.rstrip("\n"))
                except DiscreetError as error:
                    print_text(f"sb: {error}")
        await _until_delivered(app)
        return f"The agent stays silent until: sb takeover {contact.id} --end"


async def _show_for_ever(app: App, contact: Contact) -> None:
    from discreet.cli.printing import print_text, when
    from discreet.services import takeover as service

    after: datetime | None = None
    while True:
        first = after is None
        for heard in await service.listen(
            app.db, app.owner_id, contact.id, after=after, limit=EARLIER_LINES
        ):
            if first or not heard.in_person:  # what was typed here stands here already
                print_text(f"[{when(heard.at)}] {heard.speaker}: {heard.text}")
            after = heard.at
        await asyncio.sleep(LISTEN_SECONDS)


async def _until_delivered(app: App) -> None:
    """Waits a little for what was said to leave; a server that is slow goes on with it."""
    from discreet.services import takeover as service

    for _ in range(DELIVERY_LOOKS):
        if await service.all_delivered(app.db, app.owner_id):
            return
        await asyncio.sleep(DELIVERY_LOOK_SECONDS)


def _typed() -> asyncio.Queue[str]:
    """Lines of standard input, then an empty text; read in a thread that keeps nobody waiting."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for data in sys.stdin.buffer:
            loop.call_soon_threadsafe(lines.put_nowait, data.decode("utf-8", "replace"))
        loop.call_soon_threadsafe(lines.put_nowait, "")

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return lines
