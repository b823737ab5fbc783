"""An MCP server over HTTP that remembers each of its sessions, in the test's loop.

It speaks the protocol by itself, because that costs a tenth of a library's time.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.support.waiting import until

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}


@dataclass
class Noting:
    """``askers``: who asked in each session, by the identities that came with the calls."""

    url: str = ""
    notes: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    askers: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    numbers: Any = field(default_factory=lambda: count(1))

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.method != "POST":
            return Response(status_code=405 if request.method == "GET" else 200)
        message = await request.json()
        session = request.headers.get("mcp-session-id") or f"session {next(self.numbers)}"
        if "id" not in message:
            return Response(status_code=202)
        head = {"jsonrpc": "2.0", "id": message["id"]}
        match message["method"]:
            case "initialize":
                found: dict[str, Any] = {
                    "protocolVersion": message["params"]["protocolVersion"],
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "noting", "version": "1"},
                }
            case "tools/list":
                found = {"tools": []}
            case "tools/call":
                text = self._call(session, message["params"], request)
                found = {"content": [{"type": "text", "text": text}]}
            case _:
                error = {"code": -32601, "message": "no such method"}
                return JSONResponse({**head, "error": error})
        return JSONResponse({**head, "result": found}, headers={"Mcp-Session-Id": session})

    def _call(self, session: str, params: dict[str, Any], request: Request) -> str:
        claims = request.headers["discreet-identity"].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        self.askers[session].add(said["sub"])
        self.notes[session].append(f"{params['name']} {params['arguments'].get('text', '')}")
        return f"{request.headers.get('authorization')} noted {self.notes[session]}"


@asynccontextmanager
async def noting_server() -> AsyncIterator[Noting]:
    """Serve it on loopback."""
    noting = Noting()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (await noting.answer(Request(scope, receive)))(scope, receive, send)

    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.get_running_loop().create_task(running.serve())
    try:
        await until(lambda: running.started, "the server listens")
        noting.url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        yield noting
    finally:
        running.should_exit = True
        await task
