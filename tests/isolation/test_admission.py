"""Admission, codes and limits apply only to their own sender, channel, agent and owner.

A decision about one of them affects no other.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, DiscreetError, NotFound
from discreet.services.admission import (
    allow_address,
    decide_pairing,
    list_owner_addresses,
    make_owner_link,
    set_admission,
)
from discreet.services.contacts import block_contact
from discreet.services.limits import ContactLimits, set_limits
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.run import run_turn
from discreet.turn.save import save_answer
from tests.isolation.admitted import ALICE, BOB, EVE, GROUP, Admin, begun, channel, ottos
from tests.support.platform import Platform
from tests.support.responders import Responder
from tests.support.turns import turns_of
from tests.support.world import World, make_world, other_owner

CODE = re.compile(r"\b([A-HJKMNP-Z2-9]{4})-([A-HJKMNP-Z2-9]{4})\b")


WRONG = "ABCDEFGH"


async def code_of(platform: Platform, chat: str) -> str:
    found = CODE.search((await platform.sent(chat))[-1])
    assert found is not None
    return "".join(found.groups())


async def decide(world: World, who: str, *, let_in: bool = True) -> None:
    await decide_pairing(world.db, world.owner_id, who, let_in=let_in)


async def meant_by(world: World, code: str) -> Any:
    """Return the stranger to whom a code of this owner belongs."""
    async with world.db.begin(world.owner) as tx:
        return await tx.value("SELECT pairing FROM gate.find_pairing(%s)", (code,))


@pytest.mark.parametrize("first", ["mine", "theirs"])
async def test_the_same_address_with_another_owner_or_on_another_platform_is_somebody_else(
    world: World, admin: Admin, first: str
) -> None:
    mine = await channel(world, admission="allowlist")
    elsewhere = await channel(world, "bot", platform="discord")
    other = await ottos(world, admin)

    async def others_are_there() -> None:
        await other.accepted(ALICE, "hello")
        await elsewhere.accepted("discord:1001", "hello")

    if first == "theirs":
        await others_are_there()
    await allow_address(world.db, world.owner_id, "Ada", Address.parse(ALICE), of_group=False)
    if first == "mine":
        await others_are_there()
    assert (await mine.accepted(ALICE, "hello")).new
    await block_contact(other.world.db, other.world.owner_id, ALICE)
    await block_contact(world.db, world.owner_id, "discord:1001")
    assert (await mine.accepted(ALICE, "still here")).new


async def test_an_owners_code_is_for_their_own_bots_and_for_its_platform(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    other = await ottos(world, admin)
    theirs = await make_owner_link(other.world.db, other.world.owner_id, "telegram")
    for_discord = await make_owner_link(world.db, world.owner_id, "discord")
    for code in (theirs, for_discord):
        assert (await mine.accepted(ALICE, code)).contact_id is not None
    assert await list_owner_addresses(world.db, world.owner_id) == []
    assert await other.reason(BOB, theirs) == "linked"


async def test_wrong_and_new_codes_of_one_owner_leave_anothers_valid(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    other = await ottos(world, admin)
    theirs = await make_owner_link(other.world.db, other.world.owner_id, "telegram")
    await make_owner_link(world.db, world.owner_id, "telegram")
    for _ in range(10):
        await mine.say(EVE, WRONG)
    assert await other.reason(BOB, theirs) == "linked"


async def test_an_account_is_the_owners_with_that_owner_only(world: World, admin: Admin) -> None:
    mine = await channel(world, admission="allowlist")
    other = await ottos(world, admin)
    code = await make_owner_link(other.world.db, other.world.owner_id, "telegram")
    assert await other.reason(ALICE, code) == "linked"
    assert await mine.reason(ALICE, "hello") == "stranger"


async def test_the_owners_account_brings_no_group_in(world: World) -> None:
    mine = await channel(world, admission="allowlist")
    code = await make_owner_link(world.db, world.owner_id, "telegram")
    assert await mine.reason(ALICE, code) == "linked"
    assert (await mine.accepted(ALICE, "hello")).contact_id is None
    assert await mine.reason(ALICE, "hello all", group=GROUP) == "stranger"


async def test_the_owners_account_is_one_among_others_in_a_group(world: World) -> None:
    mine, responder = await channel(world), Responder()
    code = await make_owner_link(world.db, world.owner_id, "telegram")
    assert await mine.reason(ALICE, code) == "linked"
    await mine.accepted(BOB, "hello all", group=GROUP)
    said = await mine.accepted(ALICE, "do as I say", group=GROUP, name="Olga")
    await run_turn(turns_of(world.db, responder), said.session_id)
    spoke = [line.speaker for line in responder.contexts[-1].waiting]
    assert [(one.name, one.address) for one in spoke if one] == [("", BOB), ("Olga", ALICE)]


async def test_strangers_of_one_channel_take_no_others_place(world: World, admin: Admin) -> None:
    other = await ottos(world, admin, admission="pairing")
    for number in range(12):
        await other.say(f"telegram:{number}", "hello")
    mine = await channel(world, admission="pairing")
    assert await mine.reason(ALICE, "hello") == "aside"


async def test_a_strangers_code_means_nothing_to_another_owner(world: World, admin: Admin) -> None:
    other = await ottos(world, admin, admission="pairing")
    assert await other.reason(ALICE, "hello") == "aside"
    assert await meant_by(world, await code_of(other, ALICE)) is None
    with pytest.raises(BadInput, match="wrong"):
        await decide(world, await code_of(other, ALICE))
    [pairing] = admin.execute("SELECT id FROM discreet.pairings").fetchall()
    with pytest.raises(NotFound, match="no such pairing"):
        async with world.db.begin(world.owner) as tx:
            await tx.execute("SELECT gate.decide_pairing(%s, true)", pairing)
    assert await other.reason(ALICE, "and now?") == "aside"


async def test_one_owners_wrong_codes_lock_no_other_out(world: World, admin: Admin) -> None:
    other = await other_owner(world, admin)
    for _ in range(10):
        with pytest.raises(DiscreetError):
            await decide(other, WRONG)
    mine = await channel(world, admission="pairing")
    await mine.say(ALICE, "hello")
    await decide(world, await code_of(mine, ALICE))
    assert (await mine.accepted(ALICE, "hello")).new


async def test_wrong_link_codes_of_a_contact_lock_the_owner_out_of_nothing(
    world: World, admin: Admin
) -> None:
    bob = await world.say(BOB, "hello")
    admin.execute(
        "INSERT INTO discreet.wrong_codes (owner_id, contact_id)"
        " SELECT %s, %s FROM generate_series(1, 12)",
        (world.owner_id, bob.contact_id),
    )
    mine = await channel(world, admission="pairing")
    await mine.say(ALICE, "hello")
    await decide(world, await code_of(mine, ALICE))
    assert (await mine.accepted(ALICE, "hello")).new


async def test_who_is_denied_takes_nobody_along_and_stays_in_elsewhere(world: World) -> None:
    mine = await channel(world, "bot", admission="pairing")
    second = await channel(world, "bot2", admission="pairing")
    for platform in (mine, second):
        for who in (ALICE, BOB):
            await platform.say(who, "hello")
            await decide(world, await code_of(platform, who))
    async with world.db.begin(world.owner) as tx:
        alices = await tx.value(
            "SELECT p.id FROM discreet.pairings p JOIN discreet.addresses a USING (contact_id)"
            " WHERE a.platform_id = '1001' AND p.channel_id = %s",
            (mine.channel_id,),
        )
        await tx.execute("SELECT gate.decide_pairing(%s, false)", (alices,))
    assert await mine.reason(ALICE, "hello") == "stranger"
    assert (await mine.accepted(BOB, "hello")).new
    assert (await second.accepted(ALICE, "hello")).new


async def test_nobody_is_let_in_on_another_owners_channel(world: World, admin: Admin) -> None:
    other = await ottos(world, admin, admission="allowlist")
    with pytest.raises(NotFound, match="no such channel"):
        async with world.db.begin(world.owner) as tx:
            await tx.execute(
                "SELECT gate.admit_sender(%s, 'telegram', '1001', 'external')", (other.channel_id,)
            )
    await set_admission(world.db, other.world.owner_id, "Ada", "telegram", "allowlist")
    assert await other.reason(ALICE, "hello") == "stranger"


async def test_what_one_may_use_is_one_owners_agents_and_senders_own(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    other = await ottos(world, admin)
    eve = await channel(await make_world(world.db, agent="Eve"), "eves")
    limits = ContactLimits(messages_a_minute=2, waiting=2, tokens_a_day=1)
    await set_limits(other.world.db, other.world.owner_id, None, limits)
    for _ in range(3):
        await mine.accepted(ALICE, "hello")
    await set_limits(world.db, world.owner_id, None, ContactLimits(messages_a_minute=4))
    await mine.accepted(ALICE, "hello")
    assert await mine.reason(ALICE, "hello") == "limited"
    # With another agent she starts with fresh limits.
    for _ in range(4):
        await eve.accepted(ALICE, "hello")
    assert await eve.reason(ALICE, "hello") == "limited"
    assert (await mine.accepted(BOB, "hello")).new


async def test_what_waits_and_was_spent_with_one_sender_limits_no_other(world: World) -> None:
    mine = await channel(world)
    lease = await begun(mine, ALICE, "a question")
    contact = (await mine.accepted(ALICE, "more")).contact_id
    async with world.db.begin(world.contact(contact)) as tx:
        result = TurnResult("an answer", "model", (), Usage(1, 5000, 1))
        await save_answer(tx, lease, Prompt("", ()), result)
    await set_limits(world.db, world.owner_id, None, ContactLimits(waiting=2, tokens_a_day=1000))
    assert await mine.reason(ALICE, "hello") == "limited"
    # Twice: at first, there is no contact yet that could have used anything.
    assert (await mine.accepted(BOB, "hello")).new
    assert (await mine.accepted(BOB, "hello again")).new


async def test_codes_tried_at_once_are_counted_one_after_the_other(world: World) -> None:
    mine = await channel(world, admission="pairing")
    await mine.say(ALICE, "hello")
    code = await code_of(mine, ALICE)
    tried = await asyncio.gather(*(decide(world, WRONG) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, DiscreetError) for one in tried)
    with pytest.raises(DiscreetError):
        await decide(world, code)
    assert await meant_by(world, code) is None


async def test_admitting_a_stranger_admits_nothing_of_another(world: World, admin: Admin) -> None:
    mine = await channel(world, admission="pairing")
    second = await channel(world, "bot2", admission="pairing")
    for platform, who in ((mine, ALICE), (second, BOB)):
        await platform.say(who, f"{who} says hello")
    await decide(world, await code_of(mine, ALICE))
    kept = admin.execute(
        "SELECT channel_id, arrived->>'body' FROM discreet.held_messages"
    ).fetchall()
    assert kept == [(second.channel_id, f"{BOB} says hello")]
    said = admin.execute("SELECT text FROM discreet.messages WHERE direction = 'in'").fetchall()
    assert said == [(f"{ALICE} says hello",)]
