"""Linking moves the rows of the two contacts, when requested by somebody entitled to.

Nobody else is shown anything.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.contacts.linking import create_link_code, redeem_link_code
from discreet.domain.errors import NotFound, ScopeError
from discreet.scope import ContactScope, OwnerScope, Transaction
from discreet.services.linking import link_contacts, list_links, undo_link
from tests.isolation.conftest import ALICE, BOB, BOBS_SECRET, Neighbours
from tests.support.world import World, make_world, other_owner

Admin = psycopg.Connection[Any]

CAROL = "telegram:1003"


async def all_it_sees(world: World, scope: ContactScope) -> str:
    """Return every row that a contact's scope can read, as one text."""
    tables = {
        "sessions": "id, contact_id, thread_key, summary_id",
        "messages": "id, contact_id, session_id, text, sender_address, sender_name, chat_id",
        "memories": "id, contact_id, content, summary, topic_key",
        "memory_history": "memory_id, contact_id, content, summary, topic_key",
        "addresses": "contact_id, platform, platform_id",
        "contacts": "id, name",
    }
    async with world.db.begin(scope) as tx:
        return "\n".join(
            [
                str(await tx.fetch(f"SELECT {columns} FROM discreet.{table}"))
                for table, columns in tables.items()
            ]
        )


async def code_of(world: World, scope: ContactScope) -> str:
    async with world.db.begin(scope) as tx:
        code = await create_link_code(tx)
    assert code is not None
    return code


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT gate.link_contacts(%(alice)s, %(bob)s)",
        "SELECT gate.merge_contacts(%(olga)s, %(alice)s, %(bob)s, 'owner')",
        "SELECT gate.move_linked_rows(%(alice)s, %(bob)s, %(alice)s)",
        "SELECT gate.undo_link(%(alice)s)",
        "SELECT gate.linked_row_ids(%(alice)s, 'session')",
        "SELECT gate.merge_blocker(%(olga)s, %(alice)s, %(bob)s)",
        "SELECT * FROM discreet.links",
        "SELECT * FROM discreet.linked_rows",
        "SELECT * FROM discreet.link_requests",
        "UPDATE discreet.contacts SET merged_into = %(bob)s",
        "SELECT merged_into FROM discreet.contacts",
        "UPDATE discreet.messages SET contact_id = %(alice)s",
        "UPDATE discreet.memories SET contact_id = %(bob)s",
    ],
)
async def test_a_sender_can_join_nobody_past_the_codes(
    neighbours: Neighbours, statement: str
) -> None:
    world, alice = neighbours.world, neighbours.world.contact(neighbours.alice.contact_id)
    async with world.db.begin(alice) as tx:
        with pytest.raises(ScopeError):
            await Transaction.execute(
                tx,
                statement,  # type: ignore[arg-type]
                {
                    "olga": world.owner_id,
                    "alice": neighbours.alice.contact_id,
                    "bob": neighbours.bob.contact_id,
                },
            )
    assert BOBS_SECRET not in await all_it_sees(world, alice)


async def test_half_of_the_proof_moves_nothing(neighbours: Neighbours) -> None:
    world = neighbours.world
    alice = world.contact(neighbours.alice.contact_id)
    bob = world.contact(neighbours.bob.contact_id)
    before = await all_it_sees(world, alice), await all_it_sees(world, bob)
    code = await code_of(world, alice)
    async with world.db.begin(bob) as tx:
        entered = await redeem_link_code(tx, code)
    assert (entered.outcome, entered.other) == ("answered", ALICE)
    assert entered.code is not None
    # Neither side alone can complete it: not Bob with both codes, nor Alice with her own.
    async with world.db.begin(bob) as tx:
        assert (await redeem_link_code(tx, entered.code)).outcome == "wrong"
        assert (await redeem_link_code(tx, code)).outcome == "wrong"
    async with world.db.begin(alice) as tx:
        assert (await redeem_link_code(tx, code)).outcome == "wrong"
    assert (await all_it_sees(world, alice), await all_it_sees(world, bob)) == before


async def test_a_code_tells_a_third_one_nothing_and_gives_them_nothing(
    neighbours: Neighbours,
) -> None:
    world = neighbours.world
    carol = world.contact((await world.say(CAROL, "hello")).contact_id)
    code = await code_of(world, world.contact(neighbours.alice.contact_id))
    async with world.db.begin(world.contact(neighbours.bob.contact_id)) as tx:
        back = await redeem_link_code(tx, code)
    async with world.db.begin(carol) as tx:
        for typed in (code, back.code, "ABCD-2345", "nonsense", ""):
            entered = await redeem_link_code(tx, typed or "")
            assert (entered.outcome, entered.code, entered.other) == ("wrong", None, None)
    async with world.db.begin(world.contact(neighbours.alice.contact_id)) as tx:
        assert (await redeem_link_code(tx, back.code or "")).outcome == "linked"
    seen = await all_it_sees(world, carol)
    assert BOBS_SECRET not in seen
    assert "tea" not in seen


async def test_a_code_of_another_owner_is_none(neighbours: Neighbours, admin: Admin) -> None:
    world = neighbours.world
    otto = await other_owner(world, admin)
    ottos = otto.contact((await otto.say(ALICE, "hello Otto")).contact_id)
    code = await code_of(world, world.contact(neighbours.alice.contact_id))
    async with world.db.begin(ottos) as tx:
        assert (await redeem_link_code(tx, code)).outcome == "wrong"
    ottos_code = await code_of(otto, ottos)
    async with world.db.begin(world.contact(neighbours.bob.contact_id)) as tx:
        assert (await redeem_link_code(tx, ottos_code)).outcome == "wrong"


async def test_an_owner_joins_and_parts_only_their_own_contacts(
    neighbours: Neighbours, admin: Admin
) -> None:
    world = neighbours.world
    otto = await other_owner(world, admin)
    ottos = await otto.say(CAROL, "hello Otto")
    made = await link_contacts(world.db, world.owner_id, ALICE, BOB)
    assert await list_links(world.db, otto.owner_id) == []
    for kept, joined in (
        (ottos.contact_id, neighbours.alice.contact_id),
        (neighbours.alice.contact_id, ottos.contact_id),
    ):
        with pytest.raises(NotFound):
            await link_contacts(world.db, otto.owner_id, str(kept), str(joined))
        with pytest.raises(NotFound, match="no such contact"):
            async with world.db.begin(OwnerScope(otto.owner_id)) as tx:
                await tx.value("SELECT gate.link_contacts(%s, %s)", (kept, joined))
    with pytest.raises(NotFound):
        async with world.db.begin(OwnerScope(otto.owner_id)) as tx:
            await tx.value("SELECT gate.undo_link(%s)", (made.id,))
    async with world.db.begin(OwnerScope(otto.owner_id)) as tx:
        assert await tx.fetch("SELECT * FROM discreet.linked_rows") == []
    with pytest.raises(NotFound):
        await undo_link(world.db, otto.owner_id, str(made.id))
    assert [found.undone_at for found in await list_links(world.db, world.owner_id)] == [None]


async def test_a_merged_contact_sees_nothing_and_after_the_undo_the_survivor_does_not_see_its_rows(
    neighbours: Neighbours,
) -> None:
    world = neighbours.world
    alice = world.contact(neighbours.alice.contact_id)
    bob = world.contact(neighbours.bob.contact_id)
    before = {scope: await all_it_sees(world, scope) for scope in (alice, bob)}
    made = await link_contacts(world.db, world.owner_id, ALICE, BOB)
    assert BOBS_SECRET in await all_it_sees(world, alice)
    seen = await all_it_sees(world, bob)
    assert BOBS_SECRET not in seen
    assert "tea" not in seen
    async with world.db.begin(bob) as tx:
        assert await create_link_code(tx) is None
        assert (await redeem_link_code(tx, "ABCD-2345")).outcome == "nobody"
    await undo_link(world.db, world.owner_id, str(made.id))
    assert {scope: await all_it_sees(world, scope) for scope in (alice, bob)} == before


async def test_with_each_agent_one_is_still_somebody_of_its_own(neighbours: Neighbours) -> None:
    world = neighbours.world
    eve = await make_world(world.db, agent="Eve")
    with_eve = await eve.say(BOB, "eve alone knows of the lighthouse")
    made = await link_contacts(world.db, world.owner_id, ALICE, BOB)
    assert "lighthouse" not in await all_it_sees(world, world.contact(neighbours.alice.contact_id))
    assert "lighthouse" in await all_it_sees(eve, eve.contact(neighbours.alice.contact_id))
    await undo_link(world.db, world.owner_id, str(made.id))
    assert "lighthouse" not in await all_it_sees(eve, eve.contact(neighbours.alice.contact_id))
    assert "lighthouse" in await all_it_sees(eve, eve.contact(with_eve.contact_id))
