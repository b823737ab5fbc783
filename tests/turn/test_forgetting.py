"""``/forget`` forgets only the intended memories, and ``/undo`` restores them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.postgres.server import Database
from discreet.turn.forgetting import NONE_LIKE_THAT, NOTHING_TO_UNDO, WHICH
from tests.turn.conversation import Talk, talk

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def chat(database: Database) -> AsyncIterator[Talk]:
    async with talk(database) as made:
        yield made


async def kept(chat: Talk, sender: str) -> set[str]:
    lines = (await chat.say(sender, "/memories")).split("\n")
    return {line.removeprefix("- ") for line in lines if line.startswith("- ")}


async def test_forget_matches_whole_words_in_any_form(chat: Talk) -> None:
    cat, fair, trip = (
        "my cats are Minka and Mo",
        "the education fair is in May",
        "vacation on Friday",
    )
    for told in (cat, fair, trip):
        await chat.say(ALICE, f"remember {told}")
    assert "Minka" in await chat.say(ALICE, "/forget cat")
    assert await kept(chat, ALICE) == {fair, trip}
    assert await chat.say(ALICE, "/forget cat") == NONE_LIKE_THAT


@pytest.mark.parametrize(("choice", "left"), [("2", 1), ("all", 0)])
async def test_forget_asks_which_of_several(chat: Talk, choice: str, left: int) -> None:
    for told in ("my cat is Minka", "the cat of my aunt is Mo", "I like tea"):
        await chat.say(ALICE, f"remember {told}")
    asked = await chat.say(ALICE, "/forget cat")
    assert asked.split("\n") == [WHICH, "1. the cat of my aunt is Mo", "2. my cat is Minka"]
    assert len(await kept(chat, ALICE)) == 3
    await chat.say(ALICE, "/forget cat")
    assert "Minka" in await chat.say(ALICE, f"/forget {choice}")
    assert (
        await kept(chat, ALICE) == {"the cat of my aunt is Mo", "I like tea"}
        if left
        else {"I like tea"}
    )


async def test_a_number_without_a_list_before_it_is_a_word(chat: Talk) -> None:
    for told in ("my cat is Minka", "room 2 is mine"):
        await chat.say(ALICE, f"remember {told}")
    assert "room 2" in await chat.say(ALICE, "/forget 2")
    assert await kept(chat, ALICE) == {"my cat is Minka"}


async def test_undo_restores_a_forgotten_memory_and_then_removes_a_new_one(chat: Talk) -> None:
    for told in ("my cat is *Minka*", "I like tea"):
        await chat.say(ALICE, f"remember {told}")
    await chat.say(ALICE, "/forget tea")
    await chat.say(ALICE, "/forget minka")
    assert "my cat is *Minka*" in await chat.say(ALICE, "/undo")
    assert await kept(chat, ALICE) == {"my cat is *Minka*"}
    assert "I like tea" in await chat.say(ALICE, "/undo")
    assert "no longer" in await chat.say(ALICE, "/undo")
    assert await kept(chat, ALICE) == {"my cat is *Minka*"}
    assert "no longer" in await chat.say(ALICE, "/undo")
    assert await chat.say(ALICE, "/undo") == NOTHING_TO_UNDO


async def test_undo_of_all_brings_all_back(chat: Talk) -> None:
    told = {"my cat is Minka", "I like tea", "room 2 is mine"}
    for one in sorted(told):
        await chat.say(ALICE, f"remember {one}")
    await chat.say(ALICE, "/forget all")
    assert await kept(chat, ALICE) == set()
    await chat.say(ALICE, "/undo")
    assert await kept(chat, ALICE) == told


async def test_a_change_older_than_a_day_is_not_undone(
    chat: Talk, admin: psycopg.Connection[Any]
) -> None:
    await chat.say(ALICE, "remember I like tea")
    await chat.say(ALICE, "/forget tea")
    admin.execute(
        "UPDATE discreet.turns SET started_at = started_at - interval '25 hours',"
        " finished_at = finished_at - interval '25 hours'"
    )
    assert await chat.say(ALICE, "/undo") == NOTHING_TO_UNDO


async def test_undo_of_one_sender_does_not_affect_another(chat: Talk) -> None:
    for sender in (ALICE, BOB):
        await chat.say(sender, "remember I like tea")
        await chat.say(sender, "remember I like rum")
    await chat.say(ALICE, "/forget tea")
    await chat.say(BOB, "/forget rum")
    assert await chat.say("telegram:1003", "/undo") == NOTHING_TO_UNDO
    assert "tea" in await chat.say(ALICE, "/undo")
    assert await kept(chat, ALICE) == {"I like tea", "I like rum"}
    assert await kept(chat, BOB) == {"I like tea"}
    shared = await chat.say(BOB, "/undo", group="telegram:-100")
    assert "shares this memory" in shared
    assert await kept(chat, BOB) == {"I like tea"}
