"""A session with one MCP server, for one scope.

The server may ask for nothing: sampling and elicitation are refused, and its roots are its own
folder and what the owner lets it read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from discreet.domain.concurrency import end, start, within
from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.domain.text import plain_name
from discreet.tools.bounds import AS_IT_IS, Received, bound_response, receiving
from discreet.tools.results import ToolResult, result_of, shorten
from discreet.tools.sandbox import Protected, start_command
from discreet.tools.servers import MAX_TOOLS, McpServer, ToolDescription, describe_tool

if TYPE_CHECKING:
    import httpx2
    from mcp.client.client import Client

OPEN_SECONDS = 30.0
"""Seconds for starting a server and the first handshake."""
CLOSE_SECONDS = 10.0
SHOWN_ERRORS = 600
MAX_PAGES = 32
"""Pages of a server's list of tools."""
CONNECTION_CLOSED = -32000
UNAUTHORIZED = 401
IDENTITY_HEADER = "Discreet-Identity"
IDENTITY_META = "discreet/identity"

Identify = Callable[[], str | None]
"""Returns a new identity token for one request; None: the server gets none."""


class TokenSource(Protocol):
    """An account whose tokens go with the requests of a session; see ``Account``."""

    async def token(self) -> str | None:
        """Return a token for the next request; None: the account isn't connected any more."""
        ...

    async def renewed(self, refused: str) -> str | None:
        """Return another one in place of one that the server refused."""
        ...


class NoReplyInTime(Exception):
    """The server didn't answer in time. It isn't known whether it did the work."""


class Lost(Exception):
    """The connection ended. It isn't known whether the server did the work."""


@dataclass
class ServerSession:
    """An open session with a server.

    ``bearer``: the account whose tokens its requests carry. ``changed`` is set when the server says
    that its tools have changed. ``calls``: calls that are running; ``used_at``: when the last one
    ended (monotonic).
    """

    server: McpServer
    bearer: TokenSource | None = None
    folder: Path | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0
    used_at: float = field(default_factory=time.monotonic)
    _client: Client | None = None
    _task: asyncio.Task[None] | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _identify: Identify | None = None
    _errors: TextIO | None = None
    _received: list[Received] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        runs = self._task is not None and not self._task.done()
        return runs and self._client is not None and not self._stop.is_set()

    async def open(self, protected: Protected, folders: Path) -> None:
        """Start the server, or connect to it.

        Raises:
            BadInput: its program is missing, or can't be confined here.
            Unavailable: it doesn't answer, or not as an MCP server does.
        """
        self._task = start(self._run(protected, folders), "a session with a tool server")
        waits = start(self._ready.wait(), "opening a tool server")
        try:
            await asyncio.wait(
                {self._task, waits}, timeout=OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if self._ready.is_set():
                return
            await end(self._task)
            raise self._why_not_open()
        except asyncio.CancelledError:
            await end(self._task)
            raise
        finally:
            await end(waits)
            if not self._ready.is_set():
                self._forget_errors()

    async def close(self) -> None:
        """End the session, and the process of a server that is one."""
        self._stop.set()
        if self._task is not None:
            await end(self._task, grace=CLOSE_SECONDS)
        self._forget_errors()

    async def tools(self) -> list[ToolDescription]:
        """Return the tools that the server offers now.

        Raises:
            BadInput: there are too many, or one is too long.
            Lost, NoReplyInTime: the server didn't answer.
            Unavailable: it answered with an error.
        """
        found: list[ToolDescription] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._ask(self._connected().list_tools(cursor=cursor), OPEN_SECONDS)
            if isinstance(page, _Failed):
                raise Unavailable(f"The server {self.server.name} doesn't list its tools.")
            found += [_described(self.server.name, tool) for tool in page.tools]
            if len(found) > MAX_TOOLS:
                raise BadInput(f"The server offers more than {MAX_TOOLS} tools.")
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise BadInput(f"The server lists its tools on more than {MAX_PAGES} pages.")

    async def call(
        self, tool: str, arguments: Mapping[str, Any], identify: Identify, seconds: float
    ) -> ToolResult:
        """Call a tool. Calls of one session are made one after the other.

        Raises:
            Lost, NoReplyInTime: there is no result.
        """
        self.calls += 1
        try:
            return await within(seconds, self._call(tool, arguments, identify, seconds), "a tool")
        except TimeoutError:
            raise NoReplyInTime from None
        finally:
            self.calls -= 1
            self.used_at = time.monotonic()

    async def _call(
        self, tool: str, arguments: Mapping[str, Any], identify: Identify, seconds: float
    ) -> ToolResult:
        async with self._turn:
            for received in self._received:
                received.allow_more()
            self._identify = identify
            try:
                token = identify() if self.server.url is None else None
                meta: Any = {IDENTITY_META: token} if token else None
                asked = self._connected().call_tool(tool, dict(arguments), meta=meta)
                return result_of(await self._ask(asked, seconds))
            finally:
                self._identify = None

    async def _ask(self, asked: Any, seconds: float) -> Any:
        """Return the response; an error of the protocol is a result that says so."""
        from mcp.shared.exceptions import MCPError

        try:
            return await within(seconds, asked, "an MCP request")
        except TimeoutError:
            raise NoReplyInTime from None
        except MCPError as error:
            if not self.is_open or error.code == CONNECTION_CLOSED:
                self._stop.set()
                raise Lost from None
            return _Failed(error.message)
        except (OSError, RuntimeError, ValueError, ExceptionGroup) as error:
            self._stop.set()  # the next call opens another session
            raise Lost(type(error).__name__) from None

    def _connected(self) -> Client:
        if self._client is None:
            raise Lost
        return self._client

    async def _run(self, protected: Protected, folders: Path) -> None:
        async with AsyncExitStack() as stack:
            transport = (
                await self._connect(stack)
                if self.server.url is not None
                else await self._start(stack, protected, folders)
            )
            bounded = receiving(transport, self._received)
            self._client = await stack.enter_async_context(self._make_client(bounded))
            stack.callback(self._disconnect)
            self._ready.set()
            await self._stop.wait()

    def _disconnect(self) -> None:
        self._client = None

    def _make_client(self, transport: Any) -> Client:
        from mcp.client.client import Client

        # Without callbacks the client declares neither sampling nor elicitation, and refuses both.
        return Client(
            transport,
            cache=None,
            message_handler=self._hear,
            list_roots_callback=None if self.folder is None else self._roots,
        )

    async def _hear(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self.changed.set()

    async def _roots(self, context: Any) -> Any:  # noqa: ARG002 - the client's protocol
        from mcp_types import ListRootsResult, Root
        from pydantic import FileUrl

        if self.folder is None:
            return ListRootsResult(roots=[])
        # Servers such as server-filesystem take these in place of the folders in their command.
        folders = [self.folder, *map(Path, self.server.readable)]
        return ListRootsResult(roots=[Root(uri=FileUrl(folder.as_uri())) for folder in folders])

    async def _connect(self, stack: AsyncExitStack) -> Any:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        async def add_identity(request: httpx2.Request) -> None:
            if self._identify is not None and request.method == "POST":
                token = self._identify()
                if token is not None:
                    request.headers[IDENTITY_HEADER] = token

        client = await stack.enter_async_context(
            httpx2.AsyncClient(
                headers={**AS_IT_IS, **self.server.headers},
                timeout=httpx2.Timeout(OPEN_SECONDS, read=None),
                event_hooks={"request": [add_identity], "response": [bound_response]},
                auth=None if self.bearer is None else _tokens_of(self.bearer),
            )
        )
        return streamable_http_client(self.server.url or "", http_client=client)

    async def _start(self, stack: AsyncExitStack, protected: Protected, folders: Path) -> Any:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        self.folder = stack.enter_context(_own_folder(folders))
        command = start_command(self.server, self.folder, protected)
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        parameters = StdioServerParameters(
            command=command[0],
            args=command[1:],
            env=dict(self.server.environment),
            cwd=self.folder,
            encoding_error_handler="replace",
        )
        return stdio_client(parameters, errlog=self._errors)

    def _why_not_open(self) -> DiscreetError:
        error = None
        if self._task is not None and self._task.done() and not self._task.cancelled():
            error = self._task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, DiscreetError):
            return error
        what = "did not answer in time" if error is None else f"failed: {_first_line(error)}"
        said = self._said()
        return Unavailable(
            f"The server {self.server.name} {what}.",
            hint=f"It said: {said}" if said else "Is it an MCP server, and is it running?",
        )

    def _said(self) -> str:
        """Return the end of what a server that is a process wrote to its standard error."""
        if self._errors is None:
            return ""
        self._errors.seek(0, os.SEEK_END)
        size = self._errors.tell()
        self._errors.seek(max(0, size - 4_000))
        return shorten(" ".join(self._errors.read().split())[-SHOWN_ERRORS:])

    def _forget_errors(self) -> None:
        if self._errors is not None:
            self._errors.close()
            self._errors = None


def _tokens_of(bearer: TokenSource) -> httpx2.Auth:
    """Return a hook that adds a token to each request, and another one after a refusal."""
    import httpx2

    class Tokens(httpx2.Auth):
        async def async_auth_flow(
            self, request: httpx2.Request
        ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
            token = await bearer.token()
            if token is None:
                raise httpx2.RequestError("The account isn't connected any more.", request=request)
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code == UNAUTHORIZED:
                renewed = await bearer.renewed(token)
                if renewed is not None:
                    request.headers["Authorization"] = f"Bearer {renewed}"
                    yield request

    return Tokens()


@dataclass(frozen=True)
class _Text:
    text: str
    type: str = "text"


class _Failed:
    """A response in the shape of a result: an error of the protocol, such as unknown arguments."""

    structured_content = None
    is_error = True

    def __init__(self, message: str) -> None:
        self.content = [_Text(message)]


def _described(server: str, tool: Any) -> ToolDescription:
    annotations = tool.annotations
    reads_only = bool(annotations and annotations.read_only_hint)
    schema = tool.input_schema or {"type": "object", "properties": {}}
    return describe_tool(server, tool.name, tool.description or "", schema, reads_only=reads_only)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return plain_name(lines[0])[:200].rstrip(".")


@contextmanager
def _own_folder(folders: Path) -> Iterator[Path]:
    """Make a folder and delete it at the end. Its name says which process made it."""
    folders.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folders))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
