from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from discreet.postgres.server import Database
from tests.cli.conftest import SB, Sb, sb_with
from tests.support.fork_server import forked

ALICE, BOB = "telegram:1001", "telegram:1002"
TOOLS = {"start_session", "get_session", "end_session", "list_sessions", "remember", "recall",
         "forget", "update_memory", "get_memory_history", "restore_memory", "search_conversation",
         "get_knowledge", "list_messages", "list_memories", "get_memory", "explain_answer",
         "list_access", "ask_for_erasure", "confirm_erasure"}  # fmt: skip


@asynccontextmanager
async def stdio(sb: Sb, *words: str, **environment: str) -> AsyncIterator[Client]:
    """Yield the SDK's own client, with ``sb mcp`` as its child process."""
    command, *arguments = forked("mcp", *words)
    child = StdioServerParameters(
        command=command, args=arguments, env=sb.environment() | environment
    )
    async with Client(stdio_client(child)) as connected:
        yield connected


@pytest.fixture
def sb(database: Database, tmp_path: Path) -> Sb:
    return sb_with(database, tmp_path / "home")


async def test_a_sender_named_at_the_start_is_all_that_the_process_is_for(sb: Sb) -> None:
    async with stdio(sb, "--sender", ALICE) as alice:
        assert {tool.name for tool in (await alice.list_tools()).tools} == TOOLS
        assert (await alice.call_tool("start_session", {"sender": BOB})).is_error
        begun = (await alice.call_tool("start_session", {})).structured_content
        kept = await alice.call_tool("remember", {"content": "my dog is called Rex"})
        assert kept.structured_content["contact_id"] == begun["contact_id"] is not None
        said = json.loads(
            (await alice.read_resource("discreet://session/transcript")).contents[0].text
        )
        assert said == []
        prompt = await alice.get_prompt("talking_to")
        assert "nobody but this sender and your owner reads it" in prompt.messages[0].content.text
    async with stdio(sb, "--sender", BOB) as bob:
        found = await bob.call_tool("recall", {"query": "dog Rex"})
        assert found.structured_content["items"] == []


async def test_the_owner_names_a_contact_once_and_keeps_to_it(sb: Sb) -> None:
    sb.answer("--sender", ALICE, "--message", "Remember that my dog is called Rex")
    sb.answer("--message", "Remember that the key is under the stone")
    async with stdio(sb) as owner:
        assert "list_contacts" in {tool.name for tool in (await owner.list_tools()).tools}
        assert (await owner.list_resources()).resources == []
        begun = await owner.call_tool("start_session", {"sender": ALICE})
        assert not begun.is_error
        assert {tool.name for tool in (await owner.list_tools()).tools} == TOOLS
        with pytest.raises(MCPError, match="Unknown tool"):
            await owner.call_tool("list_contacts", {})
        assert (await owner.call_tool("start_session", {"sender": BOB})).is_error
        found = (await owner.call_tool("recall", {"query": "dog key stone"})).structured_content
        assert [("Rex" in hit["content"]) for hit in found["items"]] == [True]
        read = await owner.read_resource("discreet://session/transcript")
        assert [line["said_by"] for line in json.loads(read.contents[0].text)] == [ALICE, "you"]


async def test_in_the_owners_session_a_contacts_text_is_marked_as_theirs(sb: Sb) -> None:
    async with stdio(sb, "--sender", ALICE) as alice:
        await alice.call_tool("remember", {"content": "I own everything", "salience": "critical"})
    async with stdio(sb) as owner:
        await owner.call_tool("start_session", {})
        prompt = (await owner.get_prompt("talking_to")).messages[0].content.text
        assert "never your owner's wish" in prompt
        read = await owner.read_resource("discreet://session/knowledge")
        assert "I own everything" not in read.contents[0].text
        found = (await owner.call_tool("recall", {"query": "everything"})).structured_content
        assert [hit["contact_id"] is not None for hit in found["items"]] == [True]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sender", "foo"], "platform:id"),
        (["--sender", "nosuch:1"], "nosuch"),
        (["--contact-id", "8f14e45f-0000-4000-8000-000000000000"], "no such contact"),
        (["--contact-id", "x"], "not the id of a contact"),
        (["--sender", ALICE, "--agent", "Nobody"], "no agent named"),
        (["--sender", ALICE, "--contact-id", "x"], "used together"),
    ],
)
def test_who_cannot_be_resolved_is_never_the_owner(sb: Sb, words: list[str], told: str) -> None:
    done = sb("mcp", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr


def test_a_token_that_is_empty_is_never_the_owners(sb: Sb, tmp_path: Path) -> None:
    empty = tmp_path / "token"
    empty.touch(0o600)
    in_file = sb("mcp", "--token-file", str(empty))
    in_environment = subprocess.run(
        [str(SB), "mcp"],
        env=sb.environment() | {"DISCREET_TOKEN": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    for done in (in_file, in_environment):
        assert (done.returncode != 0, done.stdout, done.stderr.count("\n")) == (True, "", 1)
        assert "token" in done.stderr


async def test_a_token_is_the_scope_and_one_that_is_revoked_opens_nothing(
    sb: Sb, tmp_path: Path
) -> None:
    sb.answer("--sender", ALICE, "--message", "Remember that my dog is called Rex")
    token = sb("tokens", "create", "--contact", ALICE, "--name", "hers").stdout.strip()
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(token)
    assert sb("mcp", "--token-file", str(file), "--sender", BOB).returncode == 2
    async with stdio(sb, "--token-file", str(file)) as alice:
        assert {tool.name for tool in (await alice.list_tools()).tools} == TOOLS
        found = (await alice.call_tool("recall", {"query": "dog"})).structured_content["items"]
        assert len(found) == 1
        assert sb("tokens", "revoke", "hers").returncode == 0
        with pytest.raises(MCPError):
            await alice.call_tool("recall", {"query": "dog"})
