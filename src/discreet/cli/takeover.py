"""``sb takeover``: answer a contact in person."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.following import follow_contact, show_line
from discreet.cli.runtime import in_app
from discreet.cli.typed_lines import prompt_session, stdin_lines
from discreet.domain.errors import BadInput, DiscreetError

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.contacts import Contact

DELIVERY_LOOKS, DELIVERY_LOOK_SECONDS = 50, 0.1
HELP = """\
/help   show this help
/end    hand back to the agent and leave
Ctrl-D  leave; you are asked who answers from now on
Everything else is sent to {who}. A line that begins with / is never sent."""


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
    """Follow a contact and answer in person. The agent stays silent until you hand back."""
    if message is not None and end:
        raise BadInput(
            "--message and --end can't be used together.", hint="Use one, then the other."
        )
    from discreet.cli.printing import print_text
    from discreet.services import takeover as service
    from discreet.services.own_data import record_access
    from discreet.serving import working

    async def work(app: App) -> str:
        if end:
            back = await service.hand_back(app.db, app.owner_id, contact)
            return _answers_again(back)
        taken = await service.take_over(app.db, app.owner_id, contact)
        await record_access(app.db, app.owner_id, [taken.id], "answered", "terminal")
        # The answer must be sent even if no server runs.
        async with working(app):
            if message is None:
                return await _converse(app, taken)
            await service.speak(app.db, app.owner_id, taken.id, message)
            await until_delivered(app)
            return f"Sent. {_stays_silent(taken)}"

    print_text(in_app(work))


async def _converse(app: App, contact: Contact) -> str:
    """Show the conversation and send each typed line. Return who answers afterwards."""
    from discreet.cli.printing import print_text
    from discreet.domain.concurrency import running
    from discreet.services import takeover as service

    print_text(
        f"You now answer {contact.label} in person; the agent is silent. /end hands back, "
        "/help shows all commands."
    )
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    typed = _prompted(app, contact) if at_terminal else stdin_lines()
    handed_back = False
    try:
        following = follow_contact(app, contact.id, show_line, own=False)
        async with running(following, "following"), aclosing(typed) as lines:
            async for line in lines:
                match line.strip():
                    case "":
                        continue
                    case "/end":
                        handed_back = True
                        break
                    case "/help":
                        print_text(HELP.format(who=contact.label))
                    case command if command.startswith("/"):
                        _complain(f"Not sent. There is no command {command.split()[0]}; see /help.")
                    case _:
                        await _send(app, contact, line)
            await until_delivered(app)
        if at_terminal and not handed_back:
            handed_back = await _asked_to_hand_back(contact)
    except asyncio.CancelledError:
        print_text(f"\n{_stays_silent(contact)}")
        raise
    if handed_back:
        await service.hand_back(app.db, app.owner_id, str(contact.id))
        return _answers_again(contact)
    return _stays_silent(contact)


async def _send(app: App, contact: Contact, line: str) -> None:
    from discreet.services import takeover as service

    try:
        await service.speak(app.db, app.owner_id, contact.id, line)
    except DiscreetError as error:
        _complain(f"Not sent. {error}")


def _complain(text: str) -> None:
    from discreet.domain.text import terminal_text

    print(f"sb: {terminal_text(text)}", file=sys.stderr, flush=True)


async def _prompted(app: App, contact: Contact) -> AsyncGenerator[str, None]:
    """Yield lines from the line editor. Ctrl-C clears a line; on an empty one it leaves."""
    from prompt_toolkit.patch_stdout import patch_stdout

    from discreet.domain.text import terminal_text

    session = prompt_session(app.settings.home)
    with patch_stdout():
        while True:
            try:
                yield await session.prompt_async(f"to {terminal_text(contact.label)}> ")
            except KeyboardInterrupt:
                if not session.default_buffer.text:
                    return
            except EOFError:
                return


async def _asked_to_hand_back(contact: Contact) -> bool:
    """Ask who answers from now on; without an answer the agent stays silent."""
    from prompt_toolkit import PromptSession

    from discreet.domain.text import terminal_text

    question = f"Should the agent answer {terminal_text(contact.label)} again? [y/n] "
    session: PromptSession[str] = PromptSession()
    while True:
        try:
            answer = (await session.prompt_async(question)).strip().casefold()
        except (KeyboardInterrupt, EOFError):
            return False
        if answer in ("y", "yes", "n", "no"):
            return answer.startswith("y")


def _answers_again(contact: Contact) -> str:
    return f"The agent answers {contact.label} again."


def _stays_silent(contact: Contact) -> str:
    return (
        f"The agent stays silent for {contact.label}. To hand back: sb takeover {contact.id} --end"
    )


async def until_delivered(app: App) -> None:
    """Wait a little for answers to be sent; a running server sends the rest."""
    from discreet.services import takeover as service

    for _ in range(DELIVERY_LOOKS):
        if await service.all_delivered(app.db, app.owner_id):
            return
        await asyncio.sleep(DELIVERY_LOOK_SECONDS)
