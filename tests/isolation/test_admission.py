"""Admission, limits, commands, takeover and files apply only to their own subject.

A decision about one sender, channel, agent or owner affects no other.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, DiscreetError, NotFound, ScopeError
from discreet.domain.inbound import Attachment
from discreet.scope import IntakeScope
from discreet.services.admission import (
    allow_address,
    decide_pairing,
    list_owner_addresses,
    make_owner_link,
    set_admission,
)
from discreet.services.contacts import block_contact
from discreet.services.limits import ContactLimits, set_limits
from discreet.services.takeover import hand_back, speak, take_over
from discreet.turn.commands import run_command
from discreet.turn.files import files_of_turn
from discreet.turn.lease import Lease, LeaseLost
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.run import run_turn
from discreet.turn.save import save_answer
from tests.support.platform import Platform
from tests.support.responders import Responder
from tests.support.turns import turns_of
from tests.support.world import World, make_world, other_owner

Admin = psycopg.Connection[Any]

ALICE, BOB, EVE, GROUP = "telegram:1001", "telegram:1002", "telegram:1003", "telegram:-100500"
CODE = re.compile(r"\b([A-HJKMNP-Z2-9]{4})-([A-HJKMNP-Z2-9]{4})\b")
WRONG = "ABCDEFGH"


async def channel(
    world: World, account: str = "bot", *, admission: str = "open", platform: str = "telegram"
) -> Platform:
    return Platform(world, await world.add_channel(platform, account, admission))


async def ottos(world: World, admin: Admin, *, admission: str = "open") -> Platform:
    """Return another owner's channel on the same platform."""
    return await channel(await other_owner(world, admin), "ottos", admission=admission)


async def code_of(platform: Platform, chat: str) -> str:
    found = CODE.search((await platform.sent(chat))[-1])
    assert found is not None
    return "".join(found.groups())


async def decide(world: World, who: str, *, let_in: bool = True) -> None:
    await decide_pairing(world.db, world.owner_id, who, let_in=let_in)


async def begun(platform: Platform, who: str, text: str, **more: Any) -> Lease:
    """Begin a turn and leave it running."""
    lease = await platform.acquire(await platform.accepted(who, text, **more))
    assert isinstance(lease, Lease)
    return lease


async def meant_by(world: World, code: str) -> Any:
    """Return the stranger to whom a code of this owner belongs."""
    async with world.db.begin(world.owner) as tx:
        return await tx.value("SELECT pairing FROM gate.pairing_of_code(%s)", (code,))


def state(admin: Admin, lease: Lease) -> tuple[Any, ...] | None:
    """Return a turn's state, whether it still has its session, and its messages' states."""
    return admin.execute(
        "SELECT t.state, s.current_turn = t.id, (SELECT array_agg(m.state)"
        "  FROM discreet.messages m WHERE m.turn_id = t.id),"
        " (SELECT count(*) FROM discreet.drafts d WHERE d.turn_id = t.id)"
        " FROM discreet.turns t JOIN discreet.sessions s ON s.id = t.session_id WHERE t.id = %s",
        (lease.turn_id,),
    ).fetchone()


RUNNING = ("running", True, ["taken"], 1)


async def write_draft(platform: Platform, lease: Lease, contact: Any) -> None:
    async with platform.world.db.begin(platform.world.contact(contact)) as tx:
        await tx.execute(
            "INSERT INTO discreet.drafts (turn_id, text) VALUES (%s, 'so far')", (lease.turn_id,)
        )


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
                "SELECT gate.admit(%s, 'telegram', '1001', 'external')", (other.channel_id,)
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


async def test_stop_stops_ones_own_turn(world: World, admin: Admin) -> None:
    mine = await channel(world)
    bobs = await begun(mine, BOB, "think hard")
    await write_draft(mine, bobs, (await mine.accepted(BOB, "and this")).contact_id)
    await begun(mine, ALICE, "think")
    await mine.accepted(ALICE, "/stop")
    assert state(admin, bobs) == RUNNING
    waiting = admin.execute(
        "SELECT count(*) FROM discreet.messages WHERE text = 'and this' AND state = 'waiting'"
    )
    assert waiting.fetchone() == (1,)


async def test_what_the_owner_says_in_person_ends_one_contacts_turn(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    bobs = await begun(mine, BOB, "think hard")
    await write_draft(mine, bobs, (await mine.accepted(BOB, "and this")).contact_id)
    await mine.accepted(ALICE, "hello")
    alice = await take_over(world.db, world.owner_id, ALICE)
    await speak(world.db, world.owner_id, alice.id, "It is me.")
    assert state(admin, bobs) == RUNNING
    waiting = admin.execute(
        "SELECT count(*) FROM discreet.messages WHERE text = 'and this' AND state = 'waiting'"
    )
    assert waiting.fetchone() == (1,)
    assert await mine.sent(BOB) == []


async def test_another_owners_contact_can_not_be_spoken_to(world: World, admin: Admin) -> None:
    other = await ottos(world, admin)
    await other.accepted(ALICE, "hello")
    alice = await take_over(other.world.db, other.world.owner_id, ALICE)
    with pytest.raises(BadInput, match="is not taken over"):
        await speak(world.db, world.owner_id, alice.id, "It is me.")
    assert await other.sent(ALICE) == []


async def test_whether_another_has_to_wait_can_not_be_asked(world: World) -> None:
    mine = await channel(world)
    alice, bob = [await mine.accepted(who, "hello") for who in (ALICE, BOB)]
    await block_contact(world.db, world.owner_id, BOB)
    for session, message in ((bob.session_id, "no such session"), (uuid4(), "no such session")):
        with pytest.raises(NotFound, match=message):
            async with world.db.begin(world.contact(alice.contact_id)) as tx:
                await tx.value("SELECT gate.is_withheld(%s, NULL)", (session,))


async def test_who_is_handed_back_is_handed_back_alone(world: World) -> None:
    mine = await channel(world)
    for who in (ALICE, BOB):
        await mine.accepted(who, "hello")
        await take_over(world.db, world.owner_id, who)
    await hand_back(world.db, world.owner_id, ALICE)
    assert isinstance(await mine.acquire(await mine.accepted(ALICE, "hello")), Lease)
    assert await mine.acquire(await mine.accepted(BOB, "hello")) is None


async def test_a_file_of_another_chat_or_bot_is_another_file(world: World) -> None:
    mine, second = await channel(world), await channel(world, "bot2")
    photo = (Attachment("photo", "file-1"),)
    for platform, who in ((mine, ALICE), (mine, BOB), (second, ALICE)):
        said = await platform.accepted(who, "look", message_id="5", attachments=photo)
        assert said.new


async def test_a_file_is_shown_and_fetched_for_the_message_that_it_came_with(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    fetched: list[str] = []

    async def fetch(_: object, __: str, ___: str, name: str, ____: int) -> bytes:
        fetched.append(name)
        return name.encode()

    def photo(name: str) -> tuple[Attachment, ...]:
        return (Attachment("photo", name, media_type="image/png"),)

    said = await mine.accepted(ALICE, "one", attachments=photo("first"))
    first = await mine.acquire(said)
    assert isinstance(first, Lease)
    await mine.accepted(ALICE, "two", attachments=photo("second"))
    scope = world.contact(said.contact_id)
    files = await files_of_turn(world.db, scope, first, fetch)
    assert [file.content for file in files] == [b"first"]
    assert fetched == ["first"]
    kept = admin.execute("SELECT platform_file, state FROM discreet.attachments ORDER BY 1")
    assert kept.fetchall() == [("first", "kept"), ("second", "remote")]
    async with world.db.begin(scope) as tx:
        await save_answer(tx, first, Prompt("", ()), TurnResult("seen", "model"))
    second = await mine.acquire(said)
    assert isinstance(second, Lease)
    files = await files_of_turn(world.db, scope, second, fetch)
    assert [file.content for file in files] == [b"second"]


async def test_a_group_that_moves_moves_with_its_owner_only(world: World, admin: Admin) -> None:
    other = await ottos(world, admin)
    await other.accepted(ALICE, "hello", group="telegram:-1")
    moved = await world.db.call(
        IntakeScope(world.owner_id),
        "SELECT gate.move_group(%(ticket)s, 'telegram', '-1', '-2') AS moved",
        {},
    )
    assert moved == {"moved": False}
    there = admin.execute("SELECT count(*) FROM discreet.addresses WHERE platform_id = '-2'")
    assert there.fetchone() == (0,)


@pytest.mark.parametrize("first", ["mine", "theirs"])
async def test_a_group_that_was_heard_of_twice_becomes_one_and_touches_nobody_else(
    world: World, admin: Admin, first: str
) -> None:
    other = await ottos(world, admin)

    async def theirs() -> None:
        await other.accepted(ALICE, "hello", group="telegram:-2")
        await block_contact(other.world.db, other.world.owner_id, "telegram:-2")

    if first == "theirs":
        await theirs()
    mine = await channel(world)
    closed = await channel(world, "closed", admission="allowlist")
    asking = await channel(world, "asking", admission="pairing")
    old, new = [
        await mine.accepted(ALICE, "hello", group=chat) for chat in ("telegram:-1", "telegram:-2")
    ]
    await allow_address(world.db, world.owner_id, "Ada", Address.parse(BOB), of_group=False)
    assert await asking.reason(EVE, "hello") == "aside"
    eves = admin.execute("SELECT id, code FROM discreet.pairings").fetchall()
    if first == "mine":
        await theirs()
    moved = await world.db.call(
        IntakeScope(world.owner_id),
        "SELECT gate.move_group(%(ticket)s, 'telegram', '-1', '-2') AS moved",
        {},
    )
    assert moved == {"moved": True}
    again = await mine.accepted(ALICE, "hello", group="telegram:-2")
    assert again.contact_id == old.contact_id != new.contact_id
    # It isn't blocked, because the blocked one was another owner's; nor admitted where only Bob
    # was.
    assert await closed.reason(ALICE, "hello", group="telegram:-2") == "stranger"
    assert admin.execute("SELECT id, code FROM discreet.pairings").fetchall() == eves
    assert await other.reason(ALICE, "hello", group="telegram:-2") == "blocked"


async def test_overheard_lines_make_room_in_their_own_group(world: World, admin: Admin) -> None:
    mine = await channel(world)
    other = "telegram:-100600"
    await mine.accepted(ALICE, "heard in the other", group=other, addressed=False)
    for number in range(102):
        await mine.accepted(ALICE, f"line {number}", group=GROUP, addressed=False)
    left = admin.execute(
        "SELECT count(*) FILTER (WHERE text = 'heard in the other'), count(*)"
        " FROM discreet.messages WHERE state = 'context'"
    )
    assert left.fetchone() == (1, 101)


async def test_a_command_of_a_turn_that_lost_its_session_changes_nothing(
    world: World, admin: Admin
) -> None:
    mine = await channel(world)
    lease = await begun(mine, ALICE, "/forget all")
    contact = (await mine.accepted(ALICE, "hello")).contact_id
    async with world.db.begin(world.contact(contact)) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('tea')")
    admin.execute("UPDATE discreet.sessions SET current_turn = NULL")
    with pytest.raises(LeaseLost):
        await run_command(world.db, world.contact(contact), lease, "forget")
    assert admin.execute("SELECT count(*) FROM discreet.memories").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM gate.open_channels()",
        "SELECT gate.command_of('/approve', true)",
        "SELECT gate.links_owner(gen_random_uuid(), NULL, NULL)",
        "SELECT gate.turned_away(gen_random_uuid(), NULL, false, NULL)",
    ],
)
async def test_no_scope_of_a_session_calls_what_only_the_gate_may(
    world: World, statement: str
) -> None:
    mine = await channel(world)
    said = await mine.accepted(ALICE, "hello")
    for scope in (world.contact(said.contact_id), world.owner):
        with pytest.raises((ScopeError, psycopg.Error)):
            async with world.db.begin(scope) as tx:
                await tx.execute(statement)


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
