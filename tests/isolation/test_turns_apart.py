"""Commands, takeover, files and groups apply only to their own contact, agent and owner."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, ScopeError
from discreet.domain.inbound import Attachment
from discreet.scope import IntakeScope
from discreet.services.admission import (
    allow_address,
)
from discreet.services.attention import Concerns
from discreet.services.contacts import block_contact
from discreet.services.takeover import hand_back, speak, take_over
from discreet.turn.commands import run_command
from discreet.turn.files import files_of_turn
from discreet.turn.lease import Lease, LeaseLost
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult
from discreet.turn.save import save_answer
from tests.isolation.admitted import ALICE, BOB, EVE, GROUP, Admin, begun, channel, ottos
from tests.support.platform import Platform
from tests.support.world import World


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
    asked = (
        "SELECT gate.begin_turn(%(session)s, 50)::text",
        "SELECT gate.verify_turn_lease(%(session)s, %(turn)s)",
        "SELECT gate.end_turn(%(session)s, %(turn)s, false, NULL)::text",
    )
    answers = []
    for session in (bob.session_id, uuid4()):
        async with world.db.begin(world.contact(alice.contact_id)) as tx:
            given = {"session": session, "turn": uuid4()}
            answers.append([await tx.value(one, given) for one in asked])
    assert answers[0] == answers[1]
    assert isinstance(await mine.acquire(bob), Lease)


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


async def nothing_to_see() -> Concerns:
    raise AssertionError("only the owner looks")


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
        await run_command(world.db, world.contact(contact), lease, "forget", nothing_to_see)
    assert admin.execute("SELECT count(*) FROM discreet.memories").fetchone() == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM gate.open_channels()",
        "SELECT gate.parse_command('/approve', true)",
        "SELECT gate.redeem_owner_code(gen_random_uuid(), NULL, NULL)",
        "SELECT gate.message_refusal(gen_random_uuid(), NULL, false, NULL)",
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
