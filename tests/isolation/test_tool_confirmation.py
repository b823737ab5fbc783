"""A call that needs a yes: shown exactly, answered once, by the person it was shown to, in time."""

from __future__ import annotations

import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from mcp.server.mcpserver import MCPServer

from discreet.domain.errors import NotFound
from discreet.domain.ids import SessionId
from discreet.postgres.server import Database
from discreet.schemas.tools import PendingCall
from discreet.scope import OwnerScope
from discreet.services import owner_news
from discreet.services.erasing import erase_contact
from discreet.services.exporting import export_contact
from discreet.services.tool_calls import approve_call, deny_call, pending_calls
from tests.support.openai_server import Call, Say
from tests.support.tool_servers.served import ToolWorld, http_server, results, tool_world
from tests.support.turns import rows_of
from tests.support.world import make_world, open_scoped, other_owner

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"
SECRET = "the key of the installation at the shop"
REFUND = Call((("shop__refund", {"order": "7`*", "euros": 10}), ("shop__refund", {"order": "8"})))


@pytest.fixture
async def tools(database: Database, tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with (
        open_scoped(database) as db,
        tool_world(await make_world(db), database, tmp_path) as made,
    ):
        yield made


@asynccontextmanager
async def shop(tools: ToolWorld, confirm: str = "contact") -> AsyncIterator[list[str]]:
    """Yield the refunds that a server with a tool that changes things has made."""
    server, made = MCPServer("shop"), list[str]()

    @server.tool()
    def refund(order: str, euros: int = 1) -> str:
        made.append(f"{order}: {euros}")
        return "refunded"

    async with http_server(server) as seen:
        added = await tools.add("shop", url=seen.url, headers={"X-Shop-Key": SECRET})
        assert [tool.confirm for tool in added.tools] == ["contact"]
        await tools.allow("shop", allowed="everybody", in_groups=True, confirm=confirm)
        yield made


async def exported(tools: ToolWorld, who: str) -> tuple[str, dict[str, list[Any]]]:
    """Return all text of a contact's export, and its records by kind."""
    file = tools.home / f"{uuid4()}.zip"
    await export_contact(tools.world.db, tools.world.owner_id, who, file)
    with zipfile.ZipFile(file) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    records = {
        name.removeprefix("data/").removesuffix(".jsonl"): [
            json.loads(line) for line in text.splitlines()
        ]
        for name, text in texts.items()
        if name.startswith("data/")
    }
    return "".join(texts.values()), records


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

        everything, data = await exported(tools, ALICE)
        [call] = data["tool_calls"]
        assert (call["called"], call["arguments"], call["state"], call["shown_to"]) == (
            "shop__refund",
            {"order": "7`*", "euros": 10},
            "done",
            ALICE,
        )
        assert "shop__refund" in json.dumps(data["turns"][0]["steps"])
        for secret in (SECRET, "eyJ", "X-Shop-Key", "sealed"):
            assert secret not in everything, secret
        _, of_bob = await exported(tools, BOB)
        assert of_bob["tool_calls"] == []


async def test_in_a_group_only_the_person_who_was_asked_can_answer(tools: ToolWorld) -> None:
    async with shop(tools) as made:
        await tools.turn(ALICE, "Refund 7", REFUND, Say("x"), group=GROUP)
        assert len(await tools.turn(BOB, "yes", Say("Not yours."), group=GROUP)) == 1
        assert len(await tools.turn(ALICE, "yes", Say("Not here."))) == 1
        assert made == []
        assert await tools.turn(ALICE, "ja", Say("x"), group=GROUP) == []
        assert made == ["7`*: 10"]
        # It is hers, and goes with her; the group's own is not Bob's.
        calls = {who: (await exported(tools, who))[1]["tool_calls"] for who in (ALICE, BOB, GROUP)}
        assert [len(calls[who]) for who in (ALICE, BOB, GROUP)] == [1, 0, 1]
        await tools.turn(BOB, "Refund 8", REFUND, Say("x"), group=GROUP)
        await erase_contact(tools.world.db, tools.world.owner_id, ALICE, tools.home)
        left = await rows_of(tools.world, "SELECT shown_to FROM discreet.tool_calls")
        assert [row["shown_to"] for row in left] == [BOB]


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


async def asked_for_refund(tools: ToolWorld, sender: str) -> tuple[SessionId, PendingCall]:
    """Let a contact ask for a refund; return its session, and the call that waits for the owner."""
    said = await tools.world.say(sender, "Refund 7")
    await tools.answer(said.session_id, REFUND, Say("x"))
    [call] = await pending_calls(tools.world.db, tools.world.owner_id)
    return said.session_id, call


async def test_the_owners_yes_makes_exactly_the_stored_call_once_where_it_was_asked(
    tools: ToolWorld,
) -> None:
    db, owner_id = tools.world.db, tools.world.owner_id
    async with shop(tools, confirm="owner") as made:
        session_id, call = await asked_for_refund(tools, ALICE)
        asked = await last_answer(tools)
        assert "my owner" in asked
        assert "shop__refund" in asked
        assert (call.called, call.arguments) == ("shop__refund", {"order": "7`*", "euros": 10})
        # Nobody but the owner can say yes: not the contact, not another one, not by a command.
        for text in ("yes", "/approve", f"/approve_{call.id.hex[:6]}", "decided", "/decided"):
            await tools.turn(ALICE, text, Say("What?"))
            await tools.turn(BOB, text, Say("What?"))
        assert made == []
        await approve_call(db, owner_id, call.id.hex[:6])
        with pytest.raises(NotFound):
            await approve_call(db, owner_id, str(call.id))
        assert made == []
        assert await tools.answer(session_id, Say("not asked")) == []  # without the model
        assert made == ["7`*: 10"]
        assert "refunded" in await last_answer(tools)
        await tools.turn(ALICE, "yes", Say("What?"))
        assert made == ["7`*: 10"]


async def test_the_owners_no_a_late_yes_and_a_call_that_was_interrupted_make_none(
    tools: ToolWorld, admin: psycopg.Connection[object]
) -> None:
    db, owner_id = tools.world.db, tools.world.owner_id
    async with shop(tools, confirm="owner") as made:
        session_id, call = await asked_for_refund(tools, ALICE)
        await deny_call(db, owner_id, str(call.id))
        assert await tools.answer(session_id, Say("x")) == []
        assert "said no" in await last_answer(tools)

        _, call = await asked_for_refund(tools, ALICE)
        admin.execute(
            "UPDATE discreet.tool_calls SET expires_at = clock_timestamp() WHERE state = 'waiting'"
        )
        with pytest.raises(NotFound):
            await approve_call(db, owner_id, str(call.id))

        session_id, call = await asked_for_refund(tools, ALICE)
        await approve_call(db, owner_id, str(call.id))
        # As if a process was killed while it made the call.
        admin.execute("UPDATE discreet.tool_calls SET state = 'begun' WHERE state = 'approved'")
        assert await tools.answer(session_id, Say("x")) == []
        assert "I don't know whether it was done" in await last_answer(tools)

        session_id, call = await asked_for_refund(tools, ALICE)
        await approve_call(db, owner_id, str(call.id))
        await tools.allow("shop", allowed="owner")
        assert await tools.answer(session_id, Say("x")) == []
        assert "isn't possible any more" in await last_answer(tools)
        assert made == []


async def test_another_owner_neither_sees_nor_answers_a_call(
    tools: ToolWorld, admin: psycopg.Connection[Any]
) -> None:
    async with shop(tools, confirm="owner"):
        _, call = await asked_for_refund(tools, ALICE)
        other = await other_owner(tools.world, admin)
        assert await pending_calls(other.db, other.owner_id) == []
        async with other.db.begin(other.owner) as tx:
            assert not await tx.value("SELECT gate.decide_call_as_owner(%s, true)", (call.id,))
        assert len(await pending_calls(tools.world.db, tools.world.owner_id)) == 1


async def test_the_owner_is_told_and_answers_in_their_own_chat(tools: ToolWorld) -> None:
    db, owner_id = tools.world.db, tools.world.owner_id
    async with shop(tools, confirm="owner") as made:
        session_id, call = await asked_for_refund(tools, ALICE)
        async with db.begin(OwnerScope(owner_id)) as tx:
            [notice] = await owner_news._calls(tx)
        assert "shop__refund" in notice.text
        assert "`10`" in notice.text
        assert f"/approve_{call.id.hex[:6]}" in notice.text
        await tools.turn(None, f"/approve_{call.id.hex[:6]}", Say("x"))
        assert "will be made now" in await last_answer(tools)
        await tools.answer(session_id, Say("x"))
        assert made == ["7`*: 10"]
        # In their own chat the owner is the person who is asked.
        await tools.turn(None, "Refund 7", REFUND, Say("x"))
        assert "Shall I?" in await last_answer(tools)
        await tools.turn(None, "yes", Say("x"))
        assert len(made) == 2
