from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from discreet.client import Client
from discreet.domain.errors import (
    BadInput,
    Forbidden,
    NotFound,
    Outdated,
    Unauthorized,
    Unavailable,
)
from discreet.schemas.agents import AgentPatch, NewAgent
from discreet.schemas.contacts import ContactPatch
from discreet.schemas.memories import MemoryPatch, Recall, Remember, SearchMessages
from discreet.schemas.messages import NewMessage
from tests.api.conftest import ALICE, BOB, Harness
from tests.support.fork_server import run_sb

EXAMPLE = Path(__file__).parents[2] / "examples" / "existing_bot.py"


async def _run(command: list[str], said: str = "", **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    out, err = await process.communicate(said.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _sb(words: list[str], said: str = "", **environment: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        run_sb, *words, stdin=said.encode(), environment=os.environ | environment, timeout=180
    )
    return done.returncode, done.stdout, done.stderr


async def test_every_method_speaks_to_the_server(harness: Harness) -> None:
    async with Client(harness.url, await harness.token()) as owner:
        reply = await owner.say("Remember that my dog is called Rex", sender=ALICE)
        assert (reply.state, "Rex" in (reply.answer or "")) == ("answered", True)
        assert await owner.reply(reply.message_id) == reply
        resolved = await owner.resolve_contact("telegram", "1001", auto_create=False)
        contact = await owner.contact(resolved.id)
        renamed = await owner.update_contact(
            resolved.id, ContactPatch(name="Alice"), if_match=contact.etag
        )
        assert renamed.item.name == "Alice"
        assert [one.name async for one in owner.contacts()] == ["Alice"]
        found = (await owner.resolve_name("alice")).found
        assert found is not None
        assert found.id == resolved.id
        made = await owner.create_agent(NewAgent(name="Eve"))
        changed = await owner.update_agent(made.item.id, AgentPatch(role="clerk"))
        assert (await owner.agent(made.item.id)).item == changed.item
        assert {one.name async for one in owner.agents()} == {"Ada", "Eve"}
        hers = {"contact_id": resolved.id}
        sessions = [one async for one in owner.sessions(contact_id=resolved.id)]
        assert await owner.session(sessions[0].id, **hers) == sessions[0]
        whose = (await owner.session(sessions[0].id)).whose
        assert whose is not None
        assert whose.name == "Alice"
        said = [line.direction async for line in owner.transcript(sessions[0].id)]
        assert said == ["in", "out"]
        kept = await owner.remember(Remember(content="Alice likes tea"), **hers)
        new = await owner.update_memory(
            kept.item.id, MemoryPatch(content="Alice likes mate"), if_match=kept.etag
        )
        with pytest.raises(Outdated):
            await owner.forget(kept.item.id, if_match=kept.etag)
        await owner.forget(kept.item.id, if_match=new.etag)
        assert [one.content for one in await owner.history(kept.item.id)] == [
            "Alice likes mate",
            "Alice likes tea",
        ]
        back = await owner.restore(kept.item.id, 1)
        assert (await owner.memory(kept.item.id)).item == back.item
        hits = await owner.recall(Recall(query="tea"), **hers)
        assert hits.items[0].content == "Alice likes tea"
        said = await owner.search_messages(SearchMessages(query="Rex"), session_id=sessions[0].id)
        assert "Rex" in said.items[0].content
        assert len([one async for one in owner.memories(**hers)]) == 2
        assert (await owner.status()).counts.memories == 2
        assert (await owner.end_session(sessions[0].id)).ended_at is not None
        assert (await owner.me()).kind == "owner"


async def test_what_contradicts_a_memory_is_offered_to_take_its_place(harness: Harness) -> None:
    async with Client(harness.url, await harness.token()) as owner:
        older = await owner.remember(Remember(content="The office is in Graz."))
        newer = Remember(content="The office moved from Graz to Oslo.")
        offered = (await owner.remember(newer)).item.may_replace
        assert [one.id for one in offered] == [older.item.id]
        newer = newer.model_copy(update={"replaces": older.item.id})
        assert (await owner.remember(newer)).item.content == newer.content
        kept = [one.content async for one in owner.memories()]
        assert kept == ["The office moved from Graz to Oslo."]


async def test_drafts_come_before_the_answer(harness: Harness) -> None:
    async with Client(harness.url, await harness.token(contact=None, agent="Ada")) as agent:
        drafts: list[str] = []

        async def on_draft(text: str) -> None:
            drafts.append(text)

        reply = await agent.say("Tell me something", sender=ALICE, on_draft=on_draft)
        assert reply.state == "answered"
        assert all(reply.answer and reply.answer.startswith(draft[:5]) for draft in drafts)


async def test_what_the_server_refuses_is_raised_as_what_it_is(harness: Harness) -> None:
    await harness.of(ALICE)
    async with (
        Client(harness.url, "sb_nothing") as nobody,
        Client(harness.url, await harness.token(contact=ALICE)) as alice,
    ):
        with pytest.raises(Unauthorized):
            await nobody.me()
        with pytest.raises(Forbidden):
            await alice.say("hi", sender=BOB)
        with pytest.raises(NotFound):
            await alice.memory(uuid4())
        with pytest.raises(BadInput, match="content"):
            await alice._post(Recall, "/api/memories", {"content": ""})
    for url, token in (
        ("http://127.0.0.1:9", ""),
        ("http://127.0.0.1:9", "sb_x\n"),
        ("a:1", "sb_x"),
    ):
        with pytest.raises(BadInput):
            Client(url, token)
    async with Client("http://127.0.0.1:9", "sb_nothing") as unreachable:
        with pytest.raises(Unavailable, match="sb serve"):
            await unreachable.me()


async def test_a_message_is_stored_once_although_the_first_call_broke_off(harness: Harness) -> None:
    async with Client(harness.url, await harness.token()) as owner:
        said = NewMessage(text="Remember that my dog is called Rex", sender=ALICE)
        async with owner.sending(said) as first:
            answered = await first.answer()
        assert answered.message_id == first.message_id


async def test_the_example_keeps_its_senders_apart(harness: Harness) -> None:
    code, out, err = await _run(
        [sys.executable, str(EXAMPLE)],
        "ann: Remember that my dog is called Rex\n"
        "ben: What is my dog called?\n"
        "ann: What is my dog called?\n",
        DISCREET_SERVER=harness.url,
        DISCREET_TOKEN=await harness.token(agent="Ada"),
    )
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["to ann", "to ben", "to ann"]
    assert ["Rex" in line for line in lines] == [True, False, True]


class TestChat:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        return tmp_path / "no installation"

    async def test_it_talks_to_a_server_without_an_installation_here(
        self, harness: Harness, home: Path
    ) -> None:
        elsewhere = {"DISCREET_HOME": str(home), "DISCREET_TOKEN": await harness.token()}
        chat = ["chat", "--server", harness.url]
        alice = [*chat, "--sender", ALICE, "--message"]
        assert (await _sb([*alice, "Remember that my dog is called Rex"], **elsewhere))[0] == 0
        code, out, _ = await _sb([*alice, "What is my dog called?"], **elsewhere)
        assert (code, "Rex" in out) == (0, True)
        code, out, _ = await _sb(
            [*chat, "--sender", BOB, "--message", "What is my dog called?"], **elsewhere
        )
        assert (code, "Rex" in out) == (0, False)
        code, out, _ = await _sb(
            [*chat, "--sender", ALICE], "What is my dog called?\nThank you\n", **elsewhere
        )
        assert (code, len(re.findall("Rex", out))) == (0, 1)
        assert not (home / "database").exists()

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--sender", "foo"], "platform:id"),
            (["--contact-id", "8f14e45f-0000-4000-8000-000000000000"], "no such contact"),
            (["--agent", "Nobody"], "no agent named"),
        ],
    )
    async def test_who_cannot_be_resolved_ends_it_with_one_line(
        self, harness: Harness, home: Path, arguments: list[str], told: str
    ) -> None:
        code, out, err = await _sb(
            ["chat", "--server", harness.url, *arguments, "--message", "hi"],
            DISCREET_HOME=str(home),
            DISCREET_TOKEN=await harness.token(),
        )
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert told in err

    async def test_a_contacts_token_is_that_contact_and_nobody_else(
        self, harness: Harness, home: Path, tmp_path: Path
    ) -> None:
        await harness.of(ALICE)
        file = tmp_path / "token"
        file.write_text(await harness.token(contact=ALICE) + "\n")
        chat = ["chat", "--server", harness.url, "--token-file", str(file), "--message", "hi"]
        file.chmod(0o644)
        code, _, err = await _sb(chat, DISCREET_HOME=str(home))
        assert (code, "chmod 600" in err) == (2, True)
        file.chmod(0o600)
        assert (await _sb(chat, DISCREET_HOME=str(home)))[0] == 0
        code, _, err = await _sb([*chat, "--sender", BOB], DISCREET_HOME=str(home))
        assert (code, "A contact's token" in err) == (1, True)

    async def test_with_an_agents_token_somebody_has_to_be_named_before_anything_is_typed(
        self, harness: Harness, home: Path
    ) -> None:
        code, out, err = await _sb(
            ["chat", "--server", harness.url],
            DISCREET_HOME=str(home),
            DISCREET_TOKEN=await harness.token(agent="Ada"),
        )
        assert (code, out, "--sender" in err) == (2, "", True)

    async def test_without_a_token_it_says_where_one_comes_from(
        self, harness: Harness, home: Path
    ) -> None:
        code, _, err = await _sb(
            ["chat", "--server", harness.url, "--message", "hi"],
            DISCREET_HOME=str(home),
            DISCREET_TOKEN="",
        )
        assert (code, "sb tokens create" in err) == (2, True)
