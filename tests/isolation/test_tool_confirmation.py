"""A call that needs a yes: shown exactly, answered once, by the person it was shown to, in time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from mcp.server.mcpserver import MCPServer

from discreet.postgres.server import Database
from tests.support.openai_server import Call, Say
from tests.support.tool_servers.served import ToolWorld, http_server, results, tool_world
from tests.support.turns import rows_of
from tests.support.world import make_world, open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"
REFUND = Call((("shop__refund", {"order": "7`*", "euros": 10}), ("shop__refund", {"order": "8"})))


@pytest.fixture
async def tools(database: Database, tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with (
        open_scoped(database) as db,
        tool_world(await make_world(db), database, tmp_path) as made,
    ):
        yield made


@asynccontextmanager
async def shop(tools: ToolWorld) -> AsyncIterator[list[str]]:
    """Yield the refunds that a server with a tool that changes things has made."""
    server, made = MCPServer("shop"), list[str]()

    @server.tool()
    def refund(order: str, euros: int = 1) -> str:
        made.append(f"{order}: {euros}")
        return "refunded"

    async with http_server(server) as seen:
        added = await tools.add("shop", url=seen.url)
        assert [tool.confirm for tool in added.tools] == ["contact"]
        await tools.allow("shop", allowed="everybody", in_groups=True)
        yield made


async def last_answer(tools: ToolWorld) -> str:
    [row] = await rows_of(
        tools.world,
        "SELECT text FROM discreet.messages WHERE direction = 'out'"
        " ORDER BY created_at DESC, position DESC LIMIT 1",
    )
    return str(row["text"])


async def test_the_exact_call_is_shown_and_a_yes_makes_it_once_without_the_model(
    tools: ToolWorld,
) -> None:
    async with shop(tools) as made:
        asked = await tools.turn(ALICE, "Refund 7", REFUND, Say("It is done!"))
        assert len(asked) == 1  # the turn ended with the question
        question = await last_answer(tools)
        assert "`shop__refund` with:" in question
        assert "`10`" in question
        assert "8" not in question  # the second call wasn't asked
        assert made == []

        others = await tools.turn(BOB, "yes", Say("What?"))
        assert len(others) == 1
        assert await last_answer(tools) == "What?"
        assert made == []

        said_yes = await tools.turn(ALICE, "Yes!", Say("The model was asked."))
        assert said_yes == []
        assert made == ["7`*: 10"]
        assert await last_answer(tools) == "Done: `shop__refund`\n\nrefunded"

        again = await tools.turn(ALICE, "yes", Say("What?"))
        assert len(again) == 1
        assert made == ["7`*: 10"]


async def test_in_a_group_only_the_person_who_was_asked_can_answer(tools: ToolWorld) -> None:
    async with shop(tools) as made:
        await tools.turn(ALICE, "Refund 7", REFUND, Say("x"), group=GROUP)
        assert len(await tools.turn(BOB, "yes", Say("Not yours."), group=GROUP)) == 1
        assert len(await tools.turn(ALICE, "yes", Say("Not here."))) == 1
        assert made == []
        assert await tools.turn(ALICE, "ja", Say("x"), group=GROUP) == []
        assert made == ["7`*: 10"]


async def test_a_no_a_late_yes_and_a_right_that_is_gone_do_nothing(
    tools: ToolWorld, admin: psycopg.Connection[object]
) -> None:
    async with shop(tools) as made:
        await tools.turn(ALICE, "Refund 7", REFUND, Say("x"))
        assert await tools.turn(ALICE, "no", Say("x")) == []
        assert await last_answer(tools) == "All right, I haven't done it."
        assert len(await tools.turn(ALICE, "yes", Say("What?"))) == 1

        await tools.turn(ALICE, "Refund 7", REFUND, Say("x"))
        admin.execute(
            "UPDATE discreet.tool_calls SET expires_at = clock_timestamp() WHERE state = 'waiting'"
        )
        assert len(await tools.turn(ALICE, "yes", Say("Too late."))) == 1

        await tools.turn(ALICE, "Refund 7", REFUND, Say("x"))
        await tools.allow("shop", allowed="owner")
        await tools.turn(ALICE, "yes", Say("What?"))
        assert made == []


async def test_a_tool_that_is_set_to_need_no_yes_is_called_at_once(tools: ToolWorld) -> None:
    async with shop(tools) as made:
        await tools.allow("shop", confirm="never")
        one = Call((("shop__refund", {"order": "7"}),))
        assert "refunded" in results(await tools.turn(ALICE, "Refund 7", one, Say("Done.")))[0]
        assert made == ["7: 1"]
