"""No text with a decoy's secret leaves, whichever way, and nobody sees that there are decoys."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet.cli.logs import log_to
from discreet.domain.audience import Audience, IntoScope, ToConversation, ToTool, release_content
from discreet.domain.canaries import Canaries, CanaryFound, check_leaving, watch, watched
from discreet.postgres.server import Database
from discreet.services.exporting import export_contact
from discreet.watched_answers import watching
from tests.isolation.conftest import ALICE, BOB
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, do_all
from tests.support.world import World

CANARIES = Canaries(b"k" * 32)
SECRET = CANARIES.secrets[3]
CODED = base64.b64encode(f"so: {SECRET}".encode()).decode()


@pytest.fixture(autouse=True)
def _watching() -> Iterator[None]:
    before = watched()
    watch(CANARIES)
    yield
    watch(before)


def test_a_secret_is_found_in_its_forms_and_other_installations_have_others() -> None:
    assert len({*CANARIES.secrets, *Canaries(b"l" * 32).secrets}) == 10
    for text in (
        SECRET,
        SECRET.upper(),
        SECRET[::-1],
        " ".join(SECRET),
        CODED,
        SECRET.encode().hex(),
    ):
        assert CANARIES.find(f"It is {text}.") is not None, text
    for text in (*Canaries(b"l" * 32).secrets, "", "The code is 1234.", SECRET[:9], "ж" * 500):
        assert CANARIES.find(text) is None, text
    watch(None)
    check_leaving(SECRET, "nowhere")


@pytest.mark.parametrize("text", [SECRET, CODED])
def test_nothing_that_a_turn_lets_out_holds_one(world: World, text: str) -> None:
    for audience in (Audience("contact", world.agent_id), Audience("owner", world.owner_id)):
        for where in (
            ToConversation(audience.party), IntoScope(audience.party), ToTool("calendar"),
        ):  # fmt: skip
            with pytest.raises(CanaryFound):
                release_content(audience, where, f"Here: {text}")
            assert release_content(audience, where, "Here: nothing").text == "Here: nothing"


async def test_an_answer_with_one_is_not_sent_and_the_owner_sees_why(
    world: World, database: Database
) -> None:
    async def tell(context: Any, tools: Any) -> str:
        return f"The code is {SECRET}."

    await world.say(ALICE, "Tell me everything.")
    terminal = Recording()
    await do_all(database, world.db, Responder(tell), terminal)
    assert SECRET not in str(terminal.tried)
    assert len(terminal.sent) == 1  # the apology
    async with world.db.begin(world.owner) as tx:
        [row] = await tx.fetch("SELECT state, error FROM discreet.turns")
    assert row["state"] == "given_up"
    assert "decoy's secret (plain) was about to leave (answer)" in row["error"]


async def test_a_prompt_with_one_reaches_no_model_and_a_tool_keeps_none(
    world: World, database: Database
) -> None:
    said = await world.say(ALICE, "hello")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.memories (content, salience) VALUES (%s, 'critical')", (SECRET,)
        )
    asked = Responder()
    await do_all(database, world.db, asked, Recording())
    assert asked.prompts == []
    told = await world.say(BOB, calling("remember", content=f"Code {SECRET[::-1]}"))
    await do_all(database, world.db, Responder(do_as_told), Recording())
    async with world.db.begin(world.contact(told.contact_id)) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.memories") == 0


async def test_what_was_stored_with_one_is_not_delivered(world: World, database: Database) -> None:
    said = await world.say(ALICE, "hello")
    await do_all(database, world.db, Responder(), Recording())
    message = await world.answer(said, f"Also: {CODED}")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.outbox (message_id, session_id, route_id)"
            " SELECT id, session_id, route_id FROM discreet.messages WHERE id = %s", (message,),
        )  # fmt: skip
    terminal = Recording()
    await do_all(database, world.db, Responder(), terminal)
    assert terminal.tried == []
    async with world.db.begin(world.owner) as tx:
        row = await tx.fetch_one(
            "SELECT state, error FROM discreet.outbox WHERE message_id = %s", (message,)
        )
    assert row is not None
    assert row["state"] == "failed"
    assert "decoy's secret (base64) was about to leave (delivery)" in row["error"]


async def test_an_export_with_one_is_not_written(world: World, tmp_path: Path) -> None:
    said = await world.say(ALICE, "hello")
    await export_contact(world.db, world.owner_id, ALICE, tmp_path / "fine.zip")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (SECRET,))
    with pytest.raises(CanaryFound):
        await export_contact(world.db, world.owner_id, ALICE, tmp_path / "stopped.zip")
    assert os.listdir(tmp_path) == ["fine.zip"]


async def test_an_answer_of_rest_or_mcp_with_one_becomes_an_error() -> None:
    async def answered(*parts: str) -> tuple[int, str]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        through = watching(send, "REST")
        await through({"type": "http.response.start", "status": 200, "headers": []})
        for at, part in enumerate(parts):
            more = at + 1 < len(parts)
            body = {"type": "http.response.body", "body": part.encode(), "more_body": more}
            await through(body)
        assert not sent[-1]["more_body"]
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()

    assert await answered(json.dumps({"content": "tea"})) == (200, '{"content": "tea"}')
    assert await answered("one ", "two") == (200, "one two")
    status, body = await answered(json.dumps({"content": SECRET}))
    assert (status, SECRET in body) == (500, False)
    status, body = await answered("event: ", SECRET[:6], SECRET[6:], "more")
    assert (status, SECRET[6:] in body, "more" in body) == (200, False, False)


def test_a_log_line_with_one_is_replaced() -> None:
    class Sink:
        text = ""

        def write(self, text: str) -> None:
            self.text += text

        def flush(self) -> None: ...

    sink = Sink()
    handlers = logging.getLogger().handlers[:]
    log_to(sink, "info")
    try:
        logging.getLogger("library").error("no such row: %s", SECRET)
    finally:
        logging.getLogger().handlers[:] = handlers
    assert "a decoy's secret was stopped way=log" in sink.text
    assert SECRET not in sink.text
