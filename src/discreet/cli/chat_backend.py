"""Where typed messages go: this machine's installation, or a remote server."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

from discreet.domain.errors import BadInput
from discreet.domain.text import terminal_text

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.cli.notice import Notice
    from discreet.client import Client, PendingReply
    from discreet.intake import Accepted
    from discreet.intake.terminal_message import TerminalMessage
    from discreet.services.messages import Answer
    from discreet.services.requeue import Silence

Result = TypeVar("Result")
OnText = Callable[[str], Awaitable[None]]
TOKEN = "DISCREET_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class NobodyAnswers:
    """Nobody answers a message now. ``state``: its name for programs; ``why``: one line."""

    state: str
    why: str


OnSilence = Callable[[NobodyAnswers], Awaitable[None]]


class SentMessage(Protocol):
    """A stored message."""

    message_id: UUID
    session_id: UUID

    async def answer(self, on_text: OnText, on_delay: OnText, on_silence: OnSilence, /) -> Answer:
        """Wait for its answer; see ``services.messages.wait_for_answer``."""
        ...


class ChatBackend(Protocol):
    """The backend of a conversation. ``home``: the folder of the line history."""

    home: Path

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Ensure that messages are answered while the context is open."""
        ...

    async def speaker(self, said: TerminalMessage) -> str:
        """Return the sender's name, for the prompt."""
        ...

    async def say(self, said: TerminalMessage) -> SentMessage:
        """Store a message."""
        ...


def open_backend(
    server: str | None, token_file: Path | None, work: Callable[[ChatBackend], Awaitable[Result]]
) -> Result:
    """Return the result of ``work``, with this machine's installation or a remote server.

    Raises:
        BadInput: no token for the server, or a file that others can read.
    """
    from discreet.cli.runtime import in_app, interruptibly

    if server is None:
        return in_app(lambda app: work(_LocalBackend(app)))
    token = token_of(token_file)

    async def main(_: Notice) -> Result:
        from discreet.client import Client
        from discreet.settings import load_settings

        async with Client(server, token) as client, AsyncExitStack() as stack:
            return await work(_RemoteBackend(client, load_settings().home, stack))

    return interruptibly(main)


class _LocalBackend:
    """The installation on this machine."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.home = app.settings.home

    def listening(self) -> AbstractAsyncContextManager[None]:
        from discreet.serving import working

        return working(self._app)

    async def speaker(self, said: TerminalMessage) -> str:
        from discreet.services.agents import get_agent
        from discreet.services.contacts import find_contact

        if said.agent is not None:
            await get_agent(self._app.db, self._app.owner_id, said.agent)
        if said.contact_id is not None:
            who = str(said.contact_id)
            found = await find_contact(self._app.db, self._app.owner_id, who)
            return terminal_text(found.contact.label)
        if said.sender is None:
            return "owner"
        return f"{said.sender} in {said.group}" if said.group else str(said.sender)

    async def say(self, said: TerminalMessage) -> SentMessage:
        from discreet.services.messages import send_message

        return _LocalMessage(self._app, await send_message(self._app.db, self._app.owner_id, said))


class _LocalMessage:
    def __init__(self, app: App, accepted: Accepted) -> None:
        self._app = app
        self._accepted = accepted
        self.message_id: UUID = accepted.message_id
        self.session_id: UUID = accepted.session_id

    async def answer(self, on_text: OnText, on_delay: OnText, on_silence: OnSilence) -> Answer:
        from discreet.services.messages import wait_for_answer

        async def tell(silence: Silence) -> None:
            await on_silence(NobodyAnswers(silence.state, str(silence)))

        app, accepted = self._app, self._accepted
        return await wait_for_answer(
            app.db, app.wakes, accepted, app.scope, on_text, on_delay, tell, delivered=True
        )


class _RemoteBackend:
    """A remote server. A message stays open until it is answered or the program ends."""

    def __init__(self, client: Client, home: Path, stack: AsyncExitStack) -> None:
        self._client = client
        self._stack = stack
        self.home = home

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        yield

    async def speaker(self, said: TerminalMessage) -> str:
        if said.agent is not None:
            await self._agent_id(said.agent)
        if said.sender is not None:
            return f"{said.sender} in {said.group}" if said.group else str(said.sender)
        me = await self._client.me()
        if me.kind == "agent" and said.contact_id is None:
            raise BadInput("An agent's token needs a sender.", hint="Add --sender platform:id.")
        if said.contact_id is not None:
            if me.kind != "owner":
                return str(said.contact_id)
            contact = (await self._client.contact(said.contact_id)).item
            return terminal_text(contact.name or (contact.addresses or [str(contact.id)])[0])
        return terminal_text(me.label)

    async def say(self, said: TerminalMessage) -> SentMessage:
        from discreet.schemas.messages import NewMessage

        message = NewMessage(
            text=said.text,
            sender=None if said.sender is None else str(said.sender),
            contact_id=said.contact_id,
            group=None if said.group is None else str(said.group),
            agent_id=None if said.agent is None else await self._agent_id(said.agent),
            thread_key=said.thread_key,
            new=said.new,
            replies_to=said.replies_to,
        )
        sending = self._client.sending(message)
        return _RemoteMessage(await self._stack.enter_async_context(sending))

    async def _agent_id(self, name: str) -> UUID:
        from discreet.contacts.agent_names import agent_meant

        ids = {agent.name: agent.id async for agent in self._client.agents()}
        return ids[agent_meant(list(ids), name)]


_SILENT = {
    "paused": "The agent is paused. The answer comes when it is resumed.",
    "taken_over": "A person has taken over and will answer.",
    "waiting": "The answer isn't there yet. It appears in the conversation.",
}


class _RemoteMessage:
    def __init__(self, sent: PendingReply) -> None:
        self._sent = sent
        self.message_id = sent.message_id
        self.session_id = sent.session_id

    async def answer(self, on_text: OnText, _: OnText, on_silence: OnSilence) -> Answer:
        from discreet.services.messages import NOT_ANSWERED, Answer, Stopped

        async def on_state(state: str) -> None:
            if state in _SILENT:
                await on_silence(NobodyAnswers(state, _SILENT[state]))

        reply = await self._sent.answer(on_text, on_state)
        text = reply.apology if reply.state == "failed" else reply.answer
        if text is None:
            raise Stopped(NOT_ANSWERED)
        if reply.error is None:
            return Answer(text, failed=False)
        return Answer(text, True, True, reply.error.kind, reply.error.retrying)


def token_of(file: Path | None) -> str:
    """Return a token from the file or the environment, never from the visible command line.

    Raises:
        BadInput: there is none, or others can read the file.
    """
    if file is None:
        token = os.environ.get(TOKEN, "")
        if not token:
            raise BadInput(
                f"A remote server needs a token: set {TOKEN}, or give --token-file.",
                hint="Its owner creates one: sb tokens create --help",
            )
        return token.strip()
    try:
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise BadInput(f"Others can read {file}.", hint=f"Make it private: chmod 600 {file}")
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}.") from None
