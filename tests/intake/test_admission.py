"""Admission: strangers get a code, and nothing of theirs runs before the owner admits them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from discreet.contacts.pairing import TooManyTries
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.intake.accept import TurnedAway, accept_or_quarantine
from discreet.intake.groups import move_group
from discreet.postgres.server import Database
from discreet.queue.job_scope import scope_of_session
from discreet.schemas.agents import AgentChange
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase
from discreet.services import admission
from discreet.services.agents import change_agent
from discreet.services.contacts import block_contact
from discreet.services.status import get_status
from discreet.turn.lease import Lease
from tests.support.platform import Platform, make_platform
from tests.support.world import open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"
CODE = re.compile(r"\b([A-HJKMNP-Z2-9]{4})-([A-HJKMNP-Z2-9]{4})\b")


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db)


async def code_of(platform: Platform, chat: str) -> str:
    found = CODE.search((await platform.sent(chat))[-1])
    assert found is not None
    return "".join(found.groups())


async def decide(platform: Platform, who: str, *, let_in: bool = True) -> int:
    world = platform.world
    return (await admission.decide_pairing(world.db, world.owner_id, who, let_in=let_in)).messages


def count(admin: psycopg.Connection[Any], table: str) -> int:
    row = admin.execute(f"SELECT count(*) FROM discreet.{table}").fetchone()
    assert row is not None
    return int(row[0])


async def test_a_stranger_gets_one_code_and_no_turn(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    for text in ("hello", "are you there?"):
        assert await platform.reason(ALICE, text, name="Alice") == "aside"
    [told] = await platform.sent(ALICE)
    assert CODE.search(told)
    jobs = admin.execute("SELECT DISTINCT task_name FROM queue.procrastinate_jobs").fetchall()
    assert jobs == [("deliver",)]
    [waiting] = await admission.list_pairings(platform.world.db, platform.world.owner_id)
    assert (waiting.name, waiting.address, waiting.held, waiting.said) == (
        "Alice", ALICE, 2, "hello",
    )  # fmt: skip
    assert (await get_status(platform.world.db, platform.world.owner_id)).pairings == (waiting,)


async def test_what_a_stranger_said_is_answered_once_they_are_let_in(platform: Platform) -> None:
    first = platform.inbound(ALICE, "what are your prices?")
    db, owner = platform.world.db, platform.world.owner_id
    for inbound in (first, first, replace(first, message_id="2", text="and your hours?")):
        assert await accept_or_quarantine(db, owner, inbound) == TurnedAway("aside")
    assert await decide(platform, (await code_of(platform, ALICE)).lower()) == 2
    again = await accept_or_quarantine(db, owner, first)
    assert not isinstance(again, TurnedAway)
    said = await platform.accepted(ALICE, "hello?")
    lease = await platform.acquire(said)
    assert isinstance(lease, Lease)
    async with db.begin(platform.world.contact(said.contact_id)) as tx:
        texts = await tx.fetch(
            "SELECT text FROM discreet.messages WHERE turn_id = %s ORDER BY position",
            (lease.turn_id,),
        )
    assert [row["text"] for row in texts] == ["what are your prices?", "and your hours?", "hello?"]


async def test_a_code_works_once_and_for_its_own_stranger_only(platform: Platform) -> None:
    await platform.say(ALICE, "hello")
    await platform.say(BOB, "hello")
    code = await code_of(platform, ALICE)
    await decide(platform, code)
    assert (await platform.accepted(ALICE, "thanks")).new
    assert await platform.reason(BOB, "and me?") == "aside"
    with pytest.raises(BadInput):
        await decide(platform, code)


async def test_a_strangers_code_does_not_work_if_the_stranger_sends_it(platform: Platform) -> None:
    await platform.say(ALICE, "hello")
    assert await platform.reason(ALICE, await code_of(platform, ALICE)) == "aside"


async def test_an_expired_code_is_invalid_and_the_next_message_brings_a_new_one(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await platform.say(ALICE, "hello")
    code = await code_of(platform, ALICE)
    admin.execute(
        "UPDATE discreet.pairings SET expires_at = now(), issued_at = now() - '2h'::interval"
    )
    with pytest.raises(BadInput):
        await decide(platform, code)
    await platform.say(ALICE, "hello again")
    assert await code_of(platform, ALICE) != code
    assert await decide(platform, await code_of(platform, ALICE)) == 2


async def test_after_too_many_wrong_codes_none_is_looked_at_but_an_address_still_is(
    platform: Platform,
) -> None:
    await platform.say(ALICE, "hello")
    code = await code_of(platform, ALICE)
    for _ in range(10):
        with pytest.raises(BadInput):
            await decide(platform, "ABCDEFGH")
    with pytest.raises(TooManyTries):
        await decide(platform, code)
    assert await decide(platform, ALICE) == 1


async def test_a_denied_stranger_gets_no_answer_until_the_owner_admits_them(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await platform.say(ALICE, "hello")
    assert await decide(platform, ALICE, let_in=False) == 1
    admin.execute("UPDATE discreet.pairings SET expires_at = now()")
    assert await platform.reason(ALICE, "please") == "stranger"
    assert (len(await platform.sent(ALICE)), count(admin, "held_messages")) == (1, 0)
    await decide(platform, ALICE)
    assert (await platform.accepted(ALICE, "thank you")).new


async def test_a_denied_stranger_stays_out_when_the_channel_is_opened(platform: Platform) -> None:
    db, owner = platform.world.db, platform.world.owner_id
    assert await platform.reason(ALICE, "hello", name="Alice") == "aside"
    await decide(platform, ALICE, let_in=False)
    await admission.set_admission(db, owner, "Ada", "telegram", "open")
    assert await platform.reason(ALICE, "let me in") == "stranger"
    assert (await platform.accepted(BOB, "hello")).new
    await decide(platform, ALICE)
    assert (await platform.accepted(ALICE, "thank you")).new


async def test_opening_a_channel_answers_those_who_wait_there(platform: Platform) -> None:
    db, owner = platform.world.db, platform.world.owner_id
    for sender in (ALICE, BOB):
        assert await platform.reason(sender, "what are your prices?") == "aside"
    let_in = (await admission.set_admission(db, owner, "Ada", "telegram", "open")).let_in
    assert let_in == 2
    assert await admission.list_pairings(db, owner) == []
    async with db.begin(OwnerScope(owner)) as tx:
        waiting = await tx.fetch("SELECT text FROM discreet.messages WHERE state = 'waiting'")
    assert [row["text"] for row in waiting] == ["what are your prices?"] * 2


async def test_a_limited_number_of_strangers_waits_and_the_rest_leave_no_trace(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    said = await asyncio.gather(*(platform.reason(f"telegram:{n}", "hi") for n in range(1, 16)))
    assert (said.count("aside"), said.count("stranger")) == (10, 5)
    assert (count(admin, "contacts"), count(admin, "addresses")) == (10, 10)
    admin.execute("UPDATE discreet.pairings SET expires_at = now()")
    more = [await platform.reason(f"telegram:{n}", "hi") for n in range(21, 61)]
    assert more.count("aside") <= 20, "thirty codes an hour"


async def test_only_so_much_of_a_stranger_is_kept(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    said = [await platform.reason(ALICE, f"line {n}") for n in range(25)]
    assert said == ["aside"] * 20 + ["stranger"] * 5
    assert len(await platform.sent(ALICE)) == 1


async def test_a_group_of_strangers_is_asked_once_and_only_when_it_speaks_to_the_agent(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    assert await platform.reason(ALICE, "chatter", group=GROUP, addressed=False) == "stranger"
    assert count(admin, "contacts") == 0
    assert await platform.reason(ALICE, "@ada hello", group=GROUP) == "aside"
    await decide(platform, await code_of(platform, GROUP))
    assert (await platform.accepted(BOB, "@ada hello", group=GROUP)).new
    assert await platform.reason(ALICE, "hello") == "aside", "her direct chat is another matter"


async def test_a_group_let_in_that_moved_unheard_is_answered_in_its_new_chat(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    world, old, new = platform.world, "telegram:-500", "telegram:-100700"
    await platform.reason(ALICE, "hello", group=old)
    await decide(platform, await code_of(platform, old))
    before = await platform.accepted(ALICE, "hello", group=old)
    assert await platform.reason(ALICE, "are you there?", group=new) == "aside"
    assert await move_group(world.db, world.owner_id, Address.parse(old), Address.parse(new))
    after = await platform.accepted(ALICE, "hello again", group=new)
    assert after.contact_id == before.contact_id
    said = "SELECT text FROM discreet.messages WHERE session_id = %s ORDER BY position"
    texts = [text for (text,) in admin.execute(said, (before.session_id,))]
    assert texts == ["hello", "hello", "are you there?", "hello again"]
    assert count(admin, "pairings") == 1


async def test_a_group_of_strangers_that_moved_unheard_still_waits(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    world, old, new = platform.world, "telegram:-500", "telegram:-100700"
    for group in (old, new):
        assert await platform.reason(ALICE, "hello", group=group) == "aside"
    code = await code_of(platform, old)
    assert await move_group(world.db, world.owner_id, Address.parse(old), Address.parse(new))
    assert await platform.reason(ALICE, "hello?", group=new) == "aside"
    assert (count(admin, "pairings"), count(admin, "held_messages")) == (1, 3)
    assert await decide(platform, code) == 3


async def test_being_let_in_with_one_bot_says_nothing_about_another(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await platform.say(ALICE, "hello")
    await decide(platform, ALICE)
    other = admin.execute(
        "INSERT INTO discreet.channels (owner_id, agent_id, platform, account)"
        " SELECT owner_id, agent_id, platform, 'other bot' FROM discreet.channels"
        " WHERE platform = 'telegram' RETURNING id"
    ).fetchone()
    assert other is not None
    assert await platform.reason(ALICE, "hello", channel_id=other[0]) == "aside"


async def test_an_allowlist_admits_only_people_named_by_the_owner(
    db: ScopedDatabase, admin: psycopg.Connection[Any]
) -> None:
    platform = await make_platform(db, admission="allowlist")
    assert await platform.reason(ALICE, "hello") == "stranger"
    assert (await platform.sent(ALICE), count(admin, "contacts")) == ([], 0)
    owner = platform.world.owner_id
    contact = await admission.allow_address(db, owner, "Ada", Address.parse(ALICE), of_group=False)
    assert (await platform.accepted(ALICE, "hello")).contact_id == contact
    with pytest.raises(NotFound):
        await admission.allow_address(db, owner, "Ada", Address("discord", "1"), of_group=False)


async def test_an_open_channel_admits_everyone_who_is_not_blocked(db: ScopedDatabase) -> None:
    platform = await make_platform(db, admission="open")
    assert (await platform.accepted(ALICE, "hello")).new
    await block_contact(db, platform.world.owner_id, ALICE)
    assert await platform.reason(ALICE, "hello") == "blocked"


async def test_a_shared_agent_is_never_open(db: ScopedDatabase, platform: Platform) -> None:
    owner = platform.world.owner_id
    await admission.set_admission(db, owner, "Ada", "telegram", "open")
    with pytest.raises(Conflict):
        await change_agent(db, owner, "Ada", AgentChange(memory_model="shared"))
    with pytest.raises(psycopg.errors.CheckViolation):
        async with db.begin(OwnerScope(owner)) as tx:
            await tx.execute("UPDATE discreet.agents SET memory_model = 'shared'")
    await admission.set_admission(db, owner, "Ada", "telegram", "pairing")
    await change_agent(db, owner, "Ada", AgentChange(memory_model="shared"))
    with pytest.raises(Conflict):
        await admission.set_admission(db, owner, "Ada", "telegram", "open")
    with pytest.raises(psycopg.errors.CheckViolation):
        async with db.begin(OwnerScope(owner)) as tx:
            await tx.execute("UPDATE discreet.channels SET admission = 'open'")


async def test_a_stranger_to_a_shared_agent_leaves_nothing_in_the_shared_conversation(
    db: ScopedDatabase,
) -> None:
    platform = await make_platform(db, memory_model="shared")
    await platform.say(ALICE, "hello, it is me")
    async with db.begin(OwnerScope(platform.world.owner_id)) as tx:
        sessions = await tx.fetch("SELECT id, contact_id FROM discreet.sessions")
    assert [row["contact_id"] is None for row in sessions] == [False]
    assert isinstance(await scope_of_session(db, sessions[0]["id"]), ContactScope)
    assert await decide(platform, await code_of(platform, ALICE)) == 1
    assert (await platform.accepted(ALICE, "hello")).contact_id is None


async def link(platform: Platform) -> str:
    return await admission.make_owner_link(platform.world.db, platform.world.owner_id, "telegram")


async def test_the_account_that_sends_the_owners_code_is_the_owner(platform: Platform) -> None:
    code = await link(platform)
    sent = platform.inbound(ALICE, f" {code[:4].lower()}-{code[4:]} ")
    db, owner = platform.world.db, platform.world.owner_id
    assert await accept_or_quarantine(db, owner, sent) == TurnedAway("linked")
    assert "my owner" in (await platform.sent(ALICE))[0]
    again = await accept_or_quarantine(db, owner, sent)
    assert not getattr(again, "new", True), "delivered again, it changes nothing"
    assert (await platform.accepted(ALICE, "hello")).contact_id is None
    assert await admission.list_owner_addresses(db, owner) == [ALICE]


async def test_the_owners_code_works_once_in_time_and_in_a_direct_chat_only(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    code = await link(platform)
    assert await platform.reason(BOB, code, group=GROUP) == "aside"
    assert await platform.reason(ALICE, code) == "linked"
    assert await platform.reason(BOB, code) == "aside"
    late = await link(platform)
    admin.execute("UPDATE discreet.owner_links SET expires_at = now()")
    assert await platform.reason(BOB, late) == "aside"
    replaced, code = await link(platform), await link(platform)
    assert await platform.reason(BOB, replaced) == "aside"
    assert await platform.reason(BOB, code) == "linked"


async def test_wrong_guesses_at_the_owners_code_use_up_only_the_guessers_tries(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    code = await link(platform)
    for guesser in (BOB, "telegram:3001", "telegram:3002"):
        for _ in range(12):
            await platform.say(guesser, "ABCDEFGH")
        assert await platform.reason(guesser, code) in ("aside", "stranger"), "also the right one"
    assert count(admin, "wrong_codes") == 30, "no more are kept than count"
    assert await platform.reason(ALICE, code) == "linked"
    assert await platform.reason(BOB, await link(platform)) == "linked", "another code, other tries"


async def test_guesses_at_the_owners_code_lock_no_stranger_out_and_go_with_who_made_them(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await link(platform)
    for _ in range(12):
        await platform.say(BOB, "ABCDEFGH")
    assert await decide(platform, await code_of(platform, BOB)) > 0
    world = platform.world
    contact = admin.execute("SELECT contact_id FROM discreet.addresses").fetchone()
    assert contact is not None
    async with world.db.begin(world.owner) as tx:
        await tx.value("SELECT gate.erase_contact(%(id)s)", {"id": contact[0]})
    assert count(admin, "wrong_codes") == 0


async def test_the_owner_in_a_group_is_a_speaker_like_others(platform: Platform) -> None:
    await platform.say(ALICE, await link(platform))
    await platform.say(BOB, "@ada hi", group=GROUP)
    await decide(platform, await code_of(platform, GROUP))
    said = await platform.accepted(ALICE, "@ada hello", group=GROUP)
    scope = await scope_of_session(platform.world.db, said.session_id)
    assert isinstance(scope, ContactScope)
    assert scope.contact_id == said.contact_id


async def test_what_an_account_said_before_it_was_the_owners_stays_a_contacts(
    db: ScopedDatabase, admin: psycopg.Connection[Any]
) -> None:
    platform = await make_platform(db, admission="open")
    before = await platform.accepted(ALICE, "hello")
    await platform.say(ALICE, await link(platform))
    after = await platform.accepted(ALICE, "hello")
    assert after.contact_id is None
    assert after.session_id != before.session_id
    assert admin.execute(
        "SELECT contact_id FROM discreet.sessions WHERE id = %s", (before.session_id,)
    ).fetchone() == (before.contact_id,)
