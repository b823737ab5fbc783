"""Real MCP servers for tests: commands of this folder, and one over HTTP in the test's loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request

from discreet.domain.ids import SessionId
from discreet.postgres.server import Database
from discreet.schemas.tools import CommandToAdd, ToolRights, ToolServer, ToolServerToAdd
from discreet.scope import ScopedDatabase
from discreet.services.revoking import revoking
from discreet.services.tool_access import ToolAccess, note_offered
from discreet.services.tool_servers import add_tool_server, allow_tools
from discreet.settings import Settings
from discreet.tools.outgoing_calls import Check, ToolCaller
from discreet.tools.sandbox import protected_by
from discreet.tools.sessions import ServerSessions, SessionLimits
from discreet.turn.responders import Models
from discreet.turn.run import run_turn
from discreet.turn.server_tools import open_server_tools
from tests.support.openai_server import Reply, openai_server
from tests.support.turns import turns_of
from tests.support.waiting import until
from tests.support.world import World

FOLDER = Path(__file__).parent


def command(name: str) -> list[str]:
    """Return the command of a server in this folder."""
    return [sys.executable, str(FOLDER / f"{name}.py")]


@dataclass
class ToolWorld:
    """A world whose agent uses servers, with the sessions of one process."""

    world: World
    access: ToolAccess
    sessions: ServerSessions
    home: Path
    checks: tuple[Check, ...] = ()

    async def add(
        self, name: str, command: list[str] | None = None, *, url: str = "", **options: object
    ) -> ToolServer:
        """Add a server to the agent."""
        given = (
            ToolServerToAdd(name=name, url=url, **options)  # type: ignore[arg-type]
            if url
            else CommandToAdd(name=name, command=command or [], **options)  # type: ignore[arg-type]
        )
        return await add_tool_server(self.access, self.world.owner_id, self.world.agent_id, given)

    async def allow(self, name: str, **rights: object) -> ToolServer:
        """Say who may use a server's tools."""
        given = ToolRights(**rights)  # type: ignore[arg-type]
        ids = self.world.owner_id, self.world.agent_id
        return await allow_tools(self.access, *ids, name, given)

    async def turn(
        self, sender: str | None, text: str, *replies: Reply, group: str | None = None
    ) -> list[dict[str, object]]:
        """Run one turn with these replies of the model; return the requests that it got."""
        said = await self.world.say(sender, text, group=group)
        return await self.answer(said.session_id, *replies)

    async def answer(self, session_id: SessionId, *replies: Reply) -> list[dict[str, object]]:
        """Run one turn of a session, for what waits there."""
        with openai_server(*replies) as script:
            settings = Settings(home=self.home, model="scripted", model_base_url=script.base_url)
            turns = turns_of(self.world.db, Models(settings).answer)
            caller = ToolCaller(self.sessions, self.checks)
            servers = partial(open_server_tools, self.access, caller)
            back = partial(revoking, self.access)
            await run_turn(replace(turns, servers=servers, revoking=back), session_id)
        return script.requests


@asynccontextmanager
async def tool_world(
    world: World,
    database: Database,
    home: Path,
    limits: SessionLimits = SessionLimits(),  # noqa: B008 - it is frozen
) -> AsyncIterator[ToolWorld]:
    """Yield a world with servers; end their sessions with the block."""
    db: ScopedDatabase = world.db
    protected = protected_by(home, database.conninfo("discreet_contact"))
    key, folders = database.sealing_key, home / "tools"
    access = ToolAccess(db, world.owner_id, key, protected, folders)
    sessions = ServerSessions(protected, folders, limits, partial(note_offered, access))
    try:
        yield ToolWorld(world, access, sessions, home)
    finally:
        await sessions.close_all()


def offered(requests: list[dict[str, object]]) -> set[str]:
    """Return the names of the tools that the model was offered in its first request."""
    tools = requests[0].get("tools") or []
    return {tool["function"]["name"] for tool in tools}  # type: ignore[attr-defined]


def results(requests: list[dict[str, object]]) -> list[str]:
    """Return the results of tools in the last request."""
    messages = requests[-1]["messages"]
    return [one["content"] for one in messages if one["role"] == "tool"]  # type: ignore[attr-defined]


@dataclass
class Seen:
    """What a server over HTTP got: its URL, and the headers of each request."""

    url: str
    headers: list[dict[str, str]]


@asynccontextmanager
async def http_server(server: MCPServer) -> AsyncIterator[Seen]:
    """Serve an MCP server on loopback, in this loop."""
    app = server.streamable_http_app()
    seen = Seen("", [])

    async def recording(scope: object, receive: object, send: object) -> None:
        if scope["type"] == "http":  # type: ignore[index]
            seen.headers.append(dict(Request(scope).headers))  # type: ignore[arg-type]
        await app(scope, receive, send)  # type: ignore[arg-type]

    config = uvicorn.Config(recording, port=0, log_level="error", lifespan="on")
    running = uvicorn.Server(config)
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.get_running_loop().create_task(running.serve())
    try:
        await until(lambda: running.started, "the server listens")
        port = running.servers[0].sockets[0].getsockname()[1]
        seen.url = f"http://127.0.0.1:{port}/mcp"
        yield seen
    finally:
        running.should_exit = True
        await task
