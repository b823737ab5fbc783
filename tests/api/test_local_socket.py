"""Commands beside a running server: it does their work, for its own user only."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from socket import AF_UNIX, SHUT_WR, socket
from typing import Any
from uuid import uuid4

import pytest
import typer
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from discreet.cli.command_group import CommandGroup
from discreet.cli.main import app as program
from discreet.cli.served_chat import say_served
from discreet.cli.served_mcp import ALIVE, _lines, _served
from discreet.domain import local_socket
from discreet.intake.terminal_message import typed_message
from discreet.local_server import serving_local
from discreet.services.messages import send_message
from tests.api.conftest import ALICE, Harness
from tests.support.fork_server import forked, run_sb
from tests.support.waiting import patience, until


@asynccontextmanager
async def listening(harness: Harness) -> AsyncIterator[Path]:
    """Serve commands in the home of an installation, which holds nothing else."""
    home = harness.app.settings.home
    opened = local_socket.listen_in(home)
    assert opened is not None
    try:
        async with serving_local(harness.app, opened):
            yield home
    finally:
        local_socket.remove(home)
        opened.close()


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DISCREET_HOME": str(home), "LANG": "C.UTF-8"}


@asynccontextmanager
async def mcp(home: Path, *words: str) -> AsyncIterator[Client]:
    """Yield the SDK's own client, with ``sb mcp`` as its child process."""
    command, *arguments = forked("mcp", *words)
    child = StdioServerParameters(command=command, args=arguments, env=environment(home))
    async with Client(stdio_client(child)) as connected:
        yield connected


async def sb(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        lambda: run_sb(*words, stdin=b"", environment=environment(home), timeout=180)
    )


async def test_a_command_opens_nothing_and_says_what_it_says_without_a_server(
    harness: Harness,
) -> None:
    async with listening(harness) as home:
        said = await sb(home, "chat", "--sender", ALICE, "-m", "Remember that my dog is Rex.")
        assert (said.returncode, said.stderr) == (0, "")
        assert "Rex" in said.stdout
        asked = await sb(home, "chat", "--sender", ALICE, "-m", "Who is my dog?", "--json")
        assert json.loads(asked.stdout)["state"] == "answered"
        assert "Rex" in json.loads(asked.stdout)["answer"]
        for words, why in (
            (("--sender", "ada", "-m", "hi"), "'ada' is not an address."),
            (("--agent", "Nobody", "-m", "hi"), "There is no agent named 'Nobody'."),
            (("-m", " "), "The message is empty."),
        ):
            refused = await sb(home, "chat", *words)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr.startswith(f"sb: {why}")
        assert [file.name for file in home.iterdir()] == ["serving.sock"]
        assert (home / "serving.sock").stat().st_mode & 0o777 == 0o600


async def told(home: Path, asked: bytes) -> bytes:
    """Return what the server tells a connection that says this."""

    def exchange() -> bytes:
        with local_socket._reachable(home) as path, socket(AF_UNIX) as connection:
            connection.settimeout(180)
            connection.connect(path)
            connection.sendall(asked)
            connection.shutdown(SHUT_WR)
            return connection.recv(100)

    return await asyncio.to_thread(exchange)


async def test_a_home_with_a_long_path_has_a_socket_all_the_same(
    harness: Harness, tmp_path: Path
) -> None:
    home = tmp_path / ("long" * 30)
    home.mkdir()
    opened = local_socket.listen_in(home)
    assert opened is not None
    with opened:
        async with serving_local(harness.app, opened):
            assert await told(home, b"hello\n") == b""


async def test_neither_end_talks_to_another_user(
    idle: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = dict.fromkeys(("token", "sender", "contact_id", "agent"))
    asked = {"version": local_socket.VERSION, "for": "mcp", "who": owner}
    async with listening(idle) as home:
        first = (await told(home, local_socket.line_of(asked))).splitlines()[0]
        assert json.loads(first) == {"what": "ready"}
        monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
        assert await asyncio.to_thread(local_socket.connect, home) is None
        try:
            told_other = await told(home, local_socket.line_of(asked))
        except ConnectionError:  # it hung up before all was sent, or without reading it
            told_other = b""
        assert told_other == b""


async def test_what_is_no_command_is_hung_up_on(idle: Harness) -> None:
    said = (b"hello\n", b"[]\n", b"{}\n", b'{"version": 0, "for": "chat"}\n', b"\xff\n", b"")
    async with listening(idle) as home:
        for asked in said:
            assert await told(home, asked) == b"", asked


async def test_a_message_of_a_server_that_went_away_is_sent_again_and_stored_once(
    idle: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"text": "hi", "sender": ALICE, "message_id": str(uuid4())}
    app = idle.app

    async def stored() -> list[Any]:
        async with app.db.begin(app.scope) as tx:
            return await tx.fetch("SELECT id FROM discreet.messages")

    async with listening(idle) as home:
        monkeypatch.setenv("DISCREET_HOME", str(home))
        saying = asyncio.create_task(asyncio.to_thread(say_served, typed, as_json=False))
        await until(stored)
    assert await saying is None
    again = await send_message(app.db, app.owner_id, typed_message(**typed))
    assert [row["id"] for row in await stored()] == [again.message_id]


async def test_another_spelling_of_the_variable_leaves_the_home_to_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("discreet_home", "/elsewhere")
    assert local_socket.home_of_environment() is None


async def test_mcp_goes_through_the_server_as_one_sender(harness: Harness) -> None:
    async with listening(harness) as home:
        async with mcp(home, "--sender", ALICE) as alice:
            begun = (await alice.call_tool("start_session", {})).structured_content
            kept = await alice.call_tool("remember", {"content": "my dog is called Rex"})
            assert kept.structured_content["contact_id"] == begun["contact_id"] is not None
        async with mcp(home, "--sender", "telegram:1002") as bob:
            found = await bob.call_tool("recall", {"query": "dog Rex"})
            assert found.structured_content["items"] == []
        refused = await sb(home, "mcp", "--sender", "ada")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("sb: 'ada' is not an address.")
        assert [file.name for file in home.iterdir()] == ["serving.sock"]


async def test_mcp_goes_on_with_the_next_server_and_in_the_same_session(harness: Harness) -> None:
    home, person = harness.app.settings.home, (await harness.world.say(ALICE, "hi")).contact_id
    first = local_socket.listen_in(home)
    assert first is not None
    async with AsyncExitStack() as stack:
        before = await stack.enter_async_context(AsyncExitStack())
        after = await stack.enter_async_context(AsyncExitStack())
        await before.enter_async_context(serving_local(harness.app, first))
        owner = await stack.enter_async_context(mcp(home))
        arguments = {"contact_id": str(person), "thread_key": "trip"}
        begun = (await owner.call_tool("start_session", arguments)).structured_content
        second = local_socket.listen_in(home)  # takes the place of the first
        assert second is not None
        after.callback(second.close)
        await before.aclose()
        first.close()
        await after.enter_async_context(serving_local(harness.app, second))
        try:
            now = await owner.call_tool("get_session", {})
        except MCPError:  # the request was on its way when the first ended
            now = await owner.call_tool("get_session", {})
        assert now.structured_content["id"] == begun["id"]
    assert [file.name for file in home.iterdir()] == ["serving.sock"]


async def test_a_connection_of_mcp_hears_that_its_server_lives_and_leaves_one_that_is_frozen(
    idle: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = dict.fromkeys(("token", "sender", "contact_id", "agent"))
    monkeypatch.setattr(local_socket, "ALIVE_SECONDS", 0.01)

    def heard(home: Path) -> bytes:
        connection = local_socket.connect(home)
        assert connection is not None
        with connection, connection.makefile("rwb") as lines:
            asked = {"version": local_socket.VERSION, "for": "mcp", "who": owner}
            lines.write(local_socket.line_of(asked))
            lines.flush()
            assert json.loads(lines.readline()) == {"what": "ready"}
            return lines.readline()

    async with listening(idle) as home:
        assert await asyncio.to_thread(heard, home) == ALIVE

    def left(home: Path) -> list[bytes]:
        peer = _served(owner)
        assert peer is not None
        try:
            return list(_lines(peer))
        finally:
            peer.hang_up()

    monkeypatch.setenv("DISCREET_HOME", str(home))
    monkeypatch.setattr(local_socket, "SILENT_SECONDS", 1.0)
    opened = local_socket.listen_in(home)
    assert opened is not None
    frozen: list[asyncio.StreamWriter] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frozen.append(writer)  # and then it says nothing more
        writer.write(local_socket.line_of({"what": "ready"}))

    server = await asyncio.start_unix_server(connected, sock=opened)
    try:
        async with patience():
            assert await asyncio.to_thread(left, home) == []
    finally:
        for writer in frozen:
            writer.close()
        server.close()
        local_socket.remove(home)


def test_the_line_of_a_command_in_a_list_is_the_line_of_its_own_help() -> None:
    group = typer.main.get_command(program)
    assert isinstance(group, CommandGroup)
    context = typer.Context(group)
    for name, command in group.commands.items():
        listed = group.get_command(context, name)
        assert listed.get_short_help_str(200) == command.get_short_help_str(200), name


def test_lists_and_completion_import_no_command() -> None:
    code = "import sys; from discreet.main import run\ntry: run()\nfinally: print(*sys.modules)"
    loaded = []
    for environment in (
        {},
        {"_SB_COMPLETE": "complete_bash", "COMP_WORDS": "sb ", "COMP_CWORD": "1"},
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, "--help"],
            env=environment | {"LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        loaded += done.stdout.splitlines()[-1].split()
    assert "discreet.cli.command_group" in loaded
    assert {"discreet.cli.chat", "pydantic", "asyncio", "psycopg", "rich"} & set(loaded) == set()
