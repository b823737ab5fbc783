"""Branches: two agents are two scopes, and each owner's branches are separate."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import Conflict, NotFound
from discreet.intake.groups import move_group
from discreet.scope import ContactScope
from discreet.services.branches import add_branch, list_branches, remove_branch
from discreet.turn.run import run_turn
from tests.isolation.conftest import ALICE
from tests.support.platform import Platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import turns_of
from tests.support.world import World, make_world, other_owner

Admin = psycopg.Connection[Any]

GROUP = "telegram:-100500"


async def bot(world: World, account: str) -> Platform:
    return Platform(world, await world.add_channel("telegram", account))


async def lines(world: World, agent: World, contact_id: Any) -> set[str]:
    scope = ContactScope(world.owner_id, agent.agent_id, contact_id)
    async with world.db.begin(scope) as tx:
        found = await tx.fetch_tuples("SELECT text FROM discreet.messages")
    return {text for (text,) in found}


async def test_one_person_with_two_bots_is_in_two_scopes(world: World) -> None:
    eve = await make_world(world.db, agent="Eve")
    adas, eves = await bot(world, "adas"), await bot(eve, "eves")
    responder = Responder(do_as_told)
    for platform, text in ((adas, "the heron"), (eves, "the lighthouse")):
        said = await platform.accepted(ALICE, calling("remember", content=text))
        await run_turn(turns_of(world.db, responder), said.session_id)
    for platform, seen, unseen in (
        (adas, "heron", "lighthouse"), (eves, "lighthouse", "heron")
    ):  # fmt: skip
        said = await platform.accepted(ALICE, calling("recall", query="the"))
        await run_turn(turns_of(world.db, responder), said.session_id)
        told = (await platform.sent(ALICE))[-1]
        assert seen in told
        assert unseen not in told
        assert unseen not in str(responder.prompts[-1])


async def test_a_branch_shows_neither_agent_what_was_said_to_the_other(world: World) -> None:
    eve = await make_world(world.db, agent="Eve")
    platform = await bot(world, "bot")
    before = await platform.accepted(ALICE, "to Ada", group=GROUP)
    await add_branch(world.db, world.owner_id, "bot", GROUP, "Eve")
    await platform.accepted(ALICE, "to Eve", group=GROUP)
    await platform.accepted(ALICE, "to Ada alone")
    assert await lines(world, world, before.contact_id) == {"to Ada"}
    assert await lines(world, eve, before.contact_id) == {"to Eve"}


async def test_branches_of_one_owner_are_nothing_to_another(world: World, admin: Admin) -> None:
    otto = await other_owner(world, admin)
    eve = await make_world(world.db, agent="Eve")
    mine, theirs = await bot(world, "bot"), await bot(otto, "bot")
    await add_branch(world.db, world.owner_id, "bot", GROUP, "Eve")
    assert await list_branches(world.db, otto.owner_id) == []
    with pytest.raises(NotFound):
        await remove_branch(world.db, otto.owner_id, "bot", GROUP)
    with pytest.raises(NotFound):
        await add_branch(world.db, otto.owner_id, "bot", GROUP, "Eve")
    with pytest.raises((NotFound, Conflict)):
        await add_branch(world.db, otto.owner_id, str(mine.channel_id), GROUP, "Ada")
    said = await theirs.accepted(ALICE, "hello Otto", group=GROUP)
    assert await lines(otto, otto, said.contact_id) == {"hello Otto"}
    # Otto's group moves; Olga's branch for a chat with the same id stays.
    assert await move_group(
        world.db, otto.owner_id, Address.parse(GROUP), Address.parse("telegram:-9")
    )
    assert [found.chat for found in await list_branches(world.db, world.owner_id)] == ["-100500"]
    assert eve.agent_id != world.agent_id
