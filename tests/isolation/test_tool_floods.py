"""A server that sends or uses too much: it ends, the call has an outcome, and memory stays."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uvicorn

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.scope import ContactScope
from discreet.tools import bounds, sandbox
from discreet.tools.client import ServerSession
from discreet.tools.outgoing_calls import CallOutcome, OutgoingCall, call_tool
from discreet.tools.sandbox import Protected
from discreet.tools.servers import McpServer
from discreet.tools.sessions import ServerSessions, SessionLimits
from tests.support.limits import limits
from tests.support.tool_servers.served import command
from tests.support.waiting import until

MIBI = 1024**2
SCOPE = ContactScope(OwnerId(uuid4()), AgentId(uuid4()), ContactId(uuid4()))


def a_program(*more: str) -> McpServer:
    ids = uuid4(), SCOPE.owner_id, SCOPE.agent_id
    return McpServer(*ids, "flooding", command=(*command("flooding"), *more))


@pytest.fixture
async def sessions(tmp_path: Path) -> AsyncIterator[ServerSessions]:
    made = ServerSessions(Protected((tmp_path,)), tmp_path / "tools", SessionLimits(call=20.0))
    yield made
    await made.close_all()


async def call(sessions: ServerSessions, server: McpServer, tool: str) -> CallOutcome:
    return await call_tool(sessions, OutgoingCall(server, SCOPE, tool, {}), lambda: None)


def most_memory() -> int:
    """Return the most bytes that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_a_program_that_sends_without_end_is_ended_and_the_next_call_starts_another(
    sessions: ServerSessions,
) -> None:
    server = a_program()
    assert (await call(sessions, server, "answer")).result is not None
    before = most_memory()
    for tool in ("endless_line", "endless_progress"):
        outcome = await call(sessions, server, tool)
        assert outcome.result is None, tool
        assert outcome.may_have_acted
        assert "lost" in outcome.why
        told = (await call(sessions, server, "answer")).result
        assert told is not None, tool
        assert told.text == "done"
    assert most_memory() - before < 128 * MIBI


async def test_what_is_only_much_or_deep_does_no_harm(sessions: ServerSessions) -> None:
    server = a_program()
    for tool in ("many_errors", "many_changes"):
        told = (await call(sessions, server, tool)).result
        assert told is not None, tool
        assert told.text == "done"
    told = (await call(sessions, server, "deep_text")).result
    assert told is not None
    assert "characters left out" in told.text
    sessions.limits = SessionLimits(call=1.0)
    assert "did not answer" in (await call(sessions, server, "deep_message")).why


async def test_a_program_that_uses_too_much_is_ended(
    sessions: ServerSessions,
) -> None:
    small = {"processes": 20, "memory": 48 * MIBI, "folder": 32 * MIBI}
    servers = {t: a_program() for t in ("many_processes", "much_memory", "full_folder")}
    with limits(sandbox, MOST={**sandbox.MOST, **small}):
        outcomes = await asyncio.gather(*(call(sessions, s, t) for t, s in servers.items()))
    for tool, outcome in zip(servers, outcomes, strict=True):
        assert "lost" in outcome.why, tool


@pytest.mark.parametrize(
    ("how", "why"), [("pages", "pages"), ("tools", "128 tools"), ("name", "a name of more")]
)
async def test_a_list_of_tools_without_end_is_refused(tmp_path: Path, how: str, why: str) -> None:
    session = ServerSession(a_program(how))
    await session.open(Protected((tmp_path,)), tmp_path / "tools")
    try:
        with pytest.raises(BadInput, match=why):
            await session.tools()
    finally:
        await session.close()


@asynccontextmanager
async def sending(kind: str, parts: Any, **headers: str) -> AsyncIterator[McpServer]:
    """Serve an MCP server on loopback that answers each call with these parts."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (got := await receive())["type"] == "http.request":
            body += got["body"]
            if not got.get("more_body"):
                break
        message = _parsed(body)
        given = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        method = message.get("method")
        if method == "tools/call":
            start = {"type": "http.response.start", "status": 200}
            await send({**start, "headers": [(b"content-type", kind.encode()), *given]})
            for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        answer = _answer(message)
        status = 200 if answer else 202 if scope["method"] == "POST" else 405
        typed = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": typed})
        await send({"type": "http.response.body", "body": answer})

    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    running.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.get_running_loop().create_task(running.serve())
    try:
        await until(lambda: running.started, "the server listens")
        port = running.servers[0].sockets[0].getsockname()[1]
        ids = uuid4(), SCOPE.owner_id, SCOPE.agent_id
        yield McpServer(*ids, "flooding", url=f"http://127.0.0.1:{port}/mcp")
    finally:
        running.should_exit = True
        await task


def _parsed(body: bytes) -> dict[str, Any]:
    return json.loads(body) if body else {}


def _answer(message: dict[str, Any]) -> bytes:
    if "id" not in message:
        return b""
    result: dict[str, Any] = {"tools": []}
    if message["method"] == "initialize":
        version = message["params"]["protocolVersion"]
        result = {
            "protocolVersion": version,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "flooding", "version": "1"},
        }
    elif message["method"] != "tools/list":
        error = {"code": -32601, "message": "no such method"}
        return json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode()
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


def _long(part: bytes) -> list[bytes]:
    return [part] * 128  # the limit of the test is a seventh of that


NOTICE = (
    b'event: message\ndata: {"jsonrpc": "2.0", "method": "notifications/progress",'
    b' "params": {"progressToken": 1, "progress": 1}}\n\n'
)


async def test_a_response_without_end_is_an_outcome(
    sessions: ServerSessions,
) -> None:
    json_type, events = "application/json", "text/event-stream"
    bomb = gzip.compress(b"x" * 64 * MIBI)
    before = most_memory()
    cases = (
        (json_type, _long(b"x" * 65_536), {}),
        (events, _long(b"data: " + b"x" * 65_536), {}),
        (events, _long(NOTICE * 64), {}),
        (events, _long(b": still here\n\n" * 4_096), {}),
        (json_type, [bomb], {"content_encoding": "gzip"}),
    )
    with limits(bounds, MAX_RESPONSE=MIBI):
        for kind, parts, headers in cases:
            async with sending(kind, parts, **headers) as server:
                outcome = await call(sessions, server, "any")
                assert outcome.result is None or outcome.result.is_error, kind
                await sessions.close_all()
    assert most_memory() - before < 64 * MIBI
