"""MCP over standard input and output: one process, one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio import AsyncFile
from mcp.server.stdio import stdio_server

from discreet.auth.mcp_sessions import InMemoryBinding
from discreet.auth.tokens import Bearer
from discreet.mcp.server import Context, make_server
from discreet.mcp.tools import ToolCall
from discreet.memory.embedding import Embedder
from discreet.scope import ScopedDatabase


async def serve_stdio(
    db: ScopedDatabase,
    embedder: Embedder,
    who: Callable[[], Awaitable[Bearer]],
    lines: AsyncFile[str] | None = None,
    answers: AsyncFile[str] | None = None,
) -> None:
    """Serve until the input ends, on ``lines`` and ``answers`` instead if they are given.

    ``who`` is called for each call, so that a revoked token stops working.
    """
    binding = InMemoryBinding()

    async def find_call(_: Context) -> ToolCall:
        return ToolCall(db, embedder, binding.connection(await who()))

    server = make_server(find_call)
    async with stdio_server(lines, answers) as (read, write):
        await server.run(read, write, server.create_initialization_options())
