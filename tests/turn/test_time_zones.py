"""A contact's time zone: as it told the agent, else from the owner's setting."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from discreet.domain.errors import BadInput
from discreet.domain.time_zones import checked_zone
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.settings import Settings
from discreet.turn.run import run_turn
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import answers_of, rows_of, turns_of
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


async def zone_of(world: World, sender: str | None, text: str) -> str:
    responder = Responder(do_as_told)
    said = await world.say(sender, text)
    turns = replace(turns_of(world.db, responder), zone=ZoneInfo("Europe/Vienna"))
    await run_turn(turns, said.session_id)
    return str(responder.contexts[0].zone) if responder.contexts else ""


async def test_what_a_contact_told_counts_for_it_alone_and_the_setting_for_the_others(
    world: World,
) -> None:
    assert await zone_of(world, ALICE, "hi") == "Europe/Vienna"
    told = calling("set_time_zone", zone="asia/tokyo")
    assert await zone_of(world, ALICE, told) == "Europe/Vienna"
    assert await zone_of(world, ALICE, "and now?") == "Asia/Tokyo"
    assert await zone_of(world, BOB, "hi") == "Europe/Vienna"
    assert await zone_of(world, None, told) == "Europe/Vienna"
    rows = await rows_of(world, "SELECT time_zone FROM discreet.contacts ORDER BY time_zone")
    assert [row["time_zone"] for row in rows] == ["", "Asia/Tokyo"]


async def test_without_a_model_a_contact_says_it_with_a_command(world: World) -> None:
    await zone_of(world, ALICE, "/timezone America/Lima")
    said = await world.say(ALICE, "/timezone the moon")
    await run_turn(turns_of(world.db), said.session_id)
    answers = await answers_of(world, said.session_id)
    assert answers[0] == "Your time zone is now America/Lima."
    assert "There is no time zone 'the moon'" in answers[1]
    assert await zone_of(world, ALICE, "hi") == "America/Lima"


@pytest.mark.parametrize("name", ["../etc/passwd", "", "Europe/Atlantis", "\x00", "posixrules/.."])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        checked_zone(name)
    with pytest.raises(ValueError, match="timezone"):
        Settings(timezone=name)


def test_a_zone_is_known_in_any_case() -> None:
    assert Settings(timezone="europe/berlin").timezone == "Europe/Berlin"
    assert json.dumps(checked_zone("America/New York")) == '"America/New_York"'
