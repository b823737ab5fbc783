"""A memory comes back unchanged, as each platform would show it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from discreet.postgres.server import Database
from tests.channels.test_words_as_they_are import PIECES, SEEN, SPECIAL
from tests.turn.conversation import Talk, talk

ALICE = "telegram:1001"


@pytest.fixture
async def chat(database: Database) -> AsyncIterator[Talk]:
    async with talk(database) as made:
        yield made


def _bare(text: str) -> str:
    return "".join(text.replace("• ", "- ").split())


@pytest.mark.parametrize("seed", range(6))
async def test_words_come_back_through_every_way_and_renderer(chat: Talk, seed: int) -> None:
    chance = random.Random(seed)
    words = ["zebra " + "".join(chance.choices([*SPECIAL, *PIECES, *"\n \n這éü😀"], k=14)).strip()]
    words.append("lion " + "".join(chance.choices([*SPECIAL, *PIECES], k=8)).strip())
    told = [await chat.say(ALICE, f"remember: {one}") for one in words]
    ways = {
        "told": told[0],
        "list": await chat.say(ALICE, "/memories"),
        "recall": await chat.say(ALICE, "What do you know about zebra?"),
        "export": await chat.say(ALICE, "/export"),
    }
    for way, answer in ways.items():
        assert _bare(words[0]) in _bare(answer), way
        for platform, seen in SEEN.items():
            assert _bare(words[0]) in _bare(seen(answer, True)), (way, platform)
