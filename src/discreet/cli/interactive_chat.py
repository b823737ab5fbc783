"""A conversation at a terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from discreet.channels.terminal.formatting import render, render_partial
from discreet.cli.answer_printing import WaitEnded, end_waiting, not_shown, show_delay
from discreet.cli.typed_lines import prompt_session, stdin_lines
from discreet.domain.errors import DiscreetError
from discreet.domain.text import checked_text, terminal_text

if TYPE_CHECKING:
    from rich.status import Status

    from discreet.cli.chat_backend import ChatBackend, NobodyAnswers
    from discreet.intake.terminal_message import TerminalMessage
    from discreet.services.messages import Answer

HELP = """\
/help   show this help
/new    start a new session with your next message
/quit   leave (or press Ctrl-D)
Other commands go to the agent, as from a phone: /memories, /forget, /undo, /export, /stop.
Ctrl-C  stop waiting for an answer; it appears when it arrives
Use the arrow keys to recall earlier messages."""


async def talk(backend: ChatBackend, said: TerminalMessage) -> None:
    """Read lines and show answers until /quit or the end of the input."""
    async with backend.listening():
        speaker = await backend.speaker(said)
        if sys.stdin.isatty() and sys.stdout.isatty():
            await Conversation(backend, said, speaker).run()
        else:
            await _read_lines(backend, said)


class Conversation:
    """One person at one terminal. ``said`` is the template of the next message."""

    def __init__(self, backend: ChatBackend, said: TerminalMessage, speaker: str) -> None:
        self._backend = backend
        self._said = said
        self._speaker = speaker
        self._console = Console(highlight=False)
        self._late: set[asyncio.Task[Answer]] = set()

    async def run(self) -> None:
        """Run until /quit or Ctrl-D."""
        await self._read()
        if self._late:
            self._console.print(Text("Waiting for the current answer to finish.", "dim"))

    async def _read(self) -> None:
        from prompt_toolkit.patch_stdout import patch_stdout

        prompt = prompt_session(self._backend.home)
        self._console.print(Text(f"You are {self._speaker}. Type /help for commands."))
        while True:
            try:
                with patch_stdout():
                    line = await prompt.prompt_async(f"{self._speaker}> ")
            except KeyboardInterrupt:
                continue  # Ctrl-C clears the line, as in a shell
            except EOFError:
                break
            if not line.strip():
                continue
            if line.strip() == "/quit":
                break
            if self._is_for_the_terminal(line.strip()):
                continue
            try:
                await self._exchange(line)
            except DiscreetError as error:
                self._console.print(Text(f"sb: {error}", style="red"))

    def _is_for_the_terminal(self, line: str) -> bool:
        match line:
            case "/help":
                self._console.print(Text(HELP, style="dim"))
            case "/new":
                self._said = replace(self._said, new=True)
                self._console.print(Text("Your next message starts a new session."))
            case _:
                return False
        return True

    async def _exchange(self, line: str) -> None:
        from discreet.domain.concurrency import running, start

        sent = await self._backend.say(replace(self._said, text=checked_text(line)))
        self._said = replace(self._said, new=False)
        page = AnswerDisplay(self._console)
        with _interruptible() as interrupted, page.spinning():

            async def give_back(reason: NobodyAnswers) -> None:
                await page.tell(reason.why)
                interrupted.set()

            waiting = start(sent.answer(page.show, page.tell, give_back), "an answer")
            async with running(interrupted.wait(), "Ctrl-C") as stop:
                await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            page.finish(waiting.result())
            return
        page.leave()
        self._late.add(waiting)
        waiting.add_done_callback(partial(self._show_late, page.shown))

    def _show_late(self, shown: str, waiting: asyncio.Task[Answer]) -> None:
        """Show the rest of an answer that nobody waited for."""
        self._late.discard(waiting)
        if waiting.cancelled():
            return
        match waiting.exception():
            case None:
                text = shown_text(waiting.result())
                if not shown or not text.startswith(shown):
                    print(text + "\n")
                elif text != shown:
                    print(f"…{text[len(shown) :]}\n")
            case DiscreetError() as error:
                print(f"sb: {terminal_text(str(error))}\n")
            case _:
                pass


class AnswerDisplay:
    """Shows an answer while it is streamed: first a spinner, then each added text."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._shown = ""
        self._left = False

    @contextmanager
    def spinning(self) -> Iterator[None]:
        self._status = self._console.status("thinking", spinner="dots")
        self._status.start()
        try:
            yield
        finally:
            self._status.stop()

    @property
    def shown(self) -> str:
        """The text that is on the screen."""
        return self._shown

    async def tell(self, why: str) -> None:
        """Say that it takes longer, and why."""
        self._console.print(Text(terminal_text(why), style="dim"))

    async def show(self, text: str) -> None:
        """Show the whole text so far. Start over if it doesn't continue the shown text."""
        if self._left:
            return
        text = render_partial(text)
        if self._status is not None and text:
            self._status.stop()
        if not text.startswith(self._shown):
            self._write("\n\n")
            self._shown = ""
        self._write(text[len(self._shown) :])
        self._shown = text

    def finish(self, answer: Answer) -> None:
        """Show the rest of the answer as it was sent."""
        text = shown_text(answer)
        if text.startswith(self._shown):
            self._write(text[len(self._shown) :] + "\n\n")
        else:
            self._write(f"\n\n{text}\n\n")
        if answer.failed:
            self._console.print(Text("The agent could not answer. See why: sb status", "red"))

    def leave(self) -> None:
        """Stop showing: nobody waits any more."""
        self._left = True
        self._write("\n" if self._shown else "")
        self._console.print(
            Text("Stopped waiting. The answer will appear when it arrives.", style="dim")
        )

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def shown_text(answer: Answer) -> str:
    """Return an answer for a person at a terminal."""
    return terminal_text(answer.text) if answer.plain else render(answer.text)


@contextmanager
def _interruptible() -> Iterator[asyncio.Event]:
    """Yield an event that Ctrl-C sets, instead of ending the program."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupted.set))
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


async def _read_lines(backend: ChatBackend, said: TerminalMessage) -> None:
    """Read messages from a program, one per line, and print only the answers."""
    async for line in stdin_lines():
        if line.strip():
            sent = await backend.say(replace(said, text=checked_text(line)))
            said = replace(said, new=False)
            try:
                answer = await sent.answer(not_shown, show_delay, end_waiting)
            except WaitEnded as ended:
                await show_delay(ended.reason.why)
            else:
                print(terminal_text(answer.text), flush=True)
