"""Answer the commands of this machine's user over the socket in the home.

Whoever is at the other end runs as this process's user, who can read the home with its database
and its keys. So a command may here what it may without a server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from socket import socket
from typing import TYPE_CHECKING, Any, cast

import anyio
import structlog

from discreet.auth.scopes import bearer_finder
from discreet.domain import local_socket
from discreet.domain.addresses import Address
from discreet.domain.concurrency import end, running, start
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import ContactId, MessageId, SessionId, parse_uuid
from discreet.domain.text import checked_text
from discreet.intake.terminal_message import typed_message
from discreet.mcp.stdio import serve_stdio
from discreet.services.messages import (
    Answer,
    Stopped,
    reply_with,
    reply_without_answer,
    send_message,
    wait_for_answer,
)

if TYPE_CHECKING:
    from anyio import AsyncFile

    from discreet.app import App
    from discreet.intake import Accepted
    from discreet.memory.embedding import Embedder
    from discreet.services.requeue import Silence

log = structlog.get_logger(__name__)

Tell = Callable[[dict[str, Any]], Awaitable[None]]


@asynccontextmanager
async def serving_local(app: App, listening: socket) -> AsyncIterator[None]:
    """Answer on a listening socket while open. Connections that are open then are cut."""
    open_now: set[asyncio.Task[None]] = set()
    embedder = app.embedder()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _connection(app, embedder, reader, writer)
        except (OSError, EOFError, ValueError, TypeError, LookupError):
            pass  # it hung up, or isn't one of our commands
        except Exception as error:
            log.error("a local command failed", error=type(error).__name__)

    # A coroutine here would be a task of asyncio's own, which complains when it is cancelled.
    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not server.is_serving():
            writer.close()
            return
        task = start(answer(reader, writer), "a local command")
        open_now.add(task)
        task.add_done_callback(open_now.discard)
        task.add_done_callback(lambda _: writer.close())  # also if it never began

    # Other processes may listen on the same socket, so its file stays.
    kept: dict[str, Any] = {} if sys.version_info < (3, 13) else {"cleanup_socket": False}
    server = await asyncio.start_unix_server(
        connected, sock=listening, limit=local_socket.MAX_LINE, **kept
    )
    try:
        yield
    finally:
        server.close()
        await end(*open_now)


async def _connection(
    app: App, embedder: Embedder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if not local_socket.is_own(writer.get_extra_info("socket")):
        log.warning("another user's program was refused at the local socket")
        return
    with anyio.fail_after(local_socket.SILENT_SECONDS):
        asked = json.loads(await reader.readline())
    if asked["version"] != local_socket.VERSION:
        return  # the command then does the work itself
    match asked["for"]:
        case "chat":
            await _chat(app, asked["said"], writer)
        case "mcp":
            await _mcp(app, embedder, asked["who"], _Lines(reader, writer))


async def _chat(app: App, said: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """Store one message and tell what becomes of it, until the other end hangs up."""
    reply: dict[str, Any] = {}

    async def tell(told: dict[str, Any]) -> None:
        writer.write(local_socket.line_of(told))
        await writer.drain()

    async with running(_say_alive(tell), "alive"):
        try:
            message = typed_message(**{**said, "text": checked_text(said["text"])})
            accepted = await send_message(app.db, app.owner_id, message)
            reply |= _reply(accepted)
            answer = await _answer(app, accepted, tell, reply)
        except _Silent:
            return
        except DiscreetError as error:
            await tell({**_of_error(error), "stopped": isinstance(error, Stopped), "reply": reply})
            return
        await tell(
            {
                "what": "answer",
                "answer": {name: getattr(answer, name) for name in Answer.__slots__},
                "reply": _reply(accepted, answer),
            }
        )


def _of_error(error: DiscreetError) -> dict[str, Any]:
    return {
        "what": "error",
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }


class _Silent(Exception):
    """Nobody answers now, so the command ends."""


async def _answer(app: App, accepted: Accepted, tell: Tell, reply: dict[str, Any]) -> Answer:
    async def on_delay(why: str) -> None:
        await tell({"what": "delay", "why": why})

    async def on_silence(silence: Silence) -> None:
        await tell({"what": "silence", "state": silence.state, "why": str(silence), "reply": reply})
        raise _Silent

    return await wait_for_answer(
        app.db, app.wakes, accepted, app.scope, _not_shown, on_delay, on_silence, delivered=True
    )


def _reply(accepted: Accepted, answer: Answer | None = None) -> dict[str, Any]:
    ids = MessageId(accepted.message_id), SessionId(accepted.session_id)
    reply = reply_without_answer(*ids) if answer is None else reply_with(*ids, answer)
    return reply.model_dump(mode="json")


async def _say_alive(tell: Tell) -> None:
    with suppress(OSError):
        while True:
            await asyncio.sleep(local_socket.ALIVE_SECONDS)
            await tell({"what": "alive"})


async def _not_shown(_: str) -> None:
    """Drop a part of the text: the command prints only the whole."""


class _Lines:
    """The two directions of a connection, as the MCP server reads and writes its standard streams.

    What an AsyncFile of text has beyond this is not used.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def __aiter__(self) -> AsyncIterator[str]:
        while line := await self._reader.readline():
            yield line.decode("utf-8", "replace")

    async def write(self, text: str) -> None:
        self._writer.write(text.encode())

    async def flush(self) -> None:
        await self._writer.drain()


async def _mcp(app: App, embedder: Embedder, given: dict[str, Any], lines: _Lines) -> None:
    """Serve MCP as the given identity until the other end hangs up."""
    who: Address | ContactId | None = None
    try:
        if given["sender"] is not None:
            who = Address.parse(given["sender"])
        elif given["contact_id"] is not None:
            who = ContactId(parse_uuid(given["contact_id"], "contact id"))
        bearer = bearer_finder(
            app.db, app.owner_id, token=given["token"], who=who, agent=given["agent"]
        )
        await bearer()
    except DiscreetError as error:
        await lines.write(local_socket.line_of(_of_error(error)).decode())
        await lines.flush()
        return
    await lines.write(local_socket.line_of({"what": "ready"}).decode())

    async def tell(told: dict[str, Any]) -> None:
        await lines.write(local_socket.line_of(told).decode())
        await lines.flush()

    async with running(_say_alive(tell), "alive"):
        await serve_stdio(
            app.db, embedder, bearer, cast("AsyncFile[str]", lines), cast("AsyncFile[str]", lines)
        )
