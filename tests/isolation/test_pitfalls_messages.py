"""Ways of losing, duplicating or misdirecting messages, and of writing isolation tests in vain.

pNN is the number in the list of pitfalls; test_pitfalls_scope.py describes the whole list.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import Accepted, accept
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.queue.worker import Slots, work
from discreet.scope import ContactScope, OwnerScope, SharedScope, WorkScope
from discreet.scope.scopes import role_of
from discreet.turn.context import TurnContext
from discreet.turn.draft import Draft
from discreet.turn.lease import Lease, LeaseLost, acquire
from discreet.turn.run import run_turn
from discreet.turn.think import Tools
from tests.isolation.conftest import ALICE, BOB
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, do_all, turns_of, work_of
from tests.support.waiting import patience
from tests.support.world import World, make_world, open_scoped

Admin = psycopg.Connection[Any]


async def echo(context: TurnContext, _: Tools) -> str:
    return " + ".join(f"re: {line.text}" for line in context.waiting)


def answers(admin: Admin) -> list[str]:
    found = admin.execute(
        "SELECT text FROM discreet.messages WHERE direction = 'out' ORDER BY created_at"
    )
    return [text for (text,) in found]


def drop_jobs(admin: Admin) -> None:
    """Drop jobs, as the sweep does with those of a dead worker."""
    admin.execute("SET search_path = queue; DELETE FROM procrastinate_jobs; RESET search_path")


async def test_p23_what_was_accepted_is_stored_with_the_job_that_answers_it(
    world: World, admin: Admin
) -> None:
    accepted = await world.say(ALICE, "hi")
    stored = admin.execute("SELECT id, state FROM discreet.messages").fetchall()
    assert stored == [(accepted.message_id, "waiting")]
    jobs = admin.execute("SELECT args FROM queue.procrastinate_jobs").fetchall()
    assert jobs == [({"session_id": str(accepted.session_id)},)]


async def test_p23_a_repeated_delivery_is_stored_and_answered_once(
    world: World, database: Database, admin: Admin
) -> None:
    first = await world.say(ALICE, "hi", message_id="77")
    again = await asyncio.gather(*(world.say(ALICE, "hi", message_id="77") for _ in range(4)))
    responder = Responder(echo)
    await do_all(database, world.db, responder)
    late = await world.say(ALICE, "hi", message_id="77")
    await do_all(database, world.db, responder)
    assert {one.message_id for one in (*again, late)} == {first.message_id}
    assert [one.new for one in (first, *again, late)] == [True] + [False] * 5
    assert answers(admin) == ["re: hi"]


async def test_p23_the_same_number_in_another_chat_or_channel_is_another_message(
    world: World, database: Database, admin: Admin
) -> None:
    telegram = await world.add_channel("telegram", "bot")
    stored = [
        await world.say(ALICE, "one", message_id="1", chat="a"),
        await world.say(BOB, "two", message_id="1", chat="b"),
        await world.say(ALICE, "three", message_id="1", chat="a", channel_id=telegram),
        await world.say(ALICE, "four", message_id="2", chat="a"),
    ]
    assert [one.new for one in stored] == [True] * 4
    assert len({one.message_id for one in stored}) == 4


async def test_p23_a_message_that_could_not_be_stored_is_new_when_it_is_delivered_again(
    world: World, database: Database, admin: Admin
) -> None:
    admin.execute(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$;"
        "CREATE TRIGGER fail BEFORE INSERT ON queue.procrastinate_jobs FOR EACH ROW"
        " EXECUTE FUNCTION public.fail()"
    )
    with pytest.raises(psycopg.Error):
        await world.say(ALICE, "hi", message_id="77")
    nothing = admin.execute(
        "SELECT (SELECT count(*) FROM discreet.messages), (SELECT count(*) FROM discreet.contacts)"
    ).fetchone()
    assert nothing == (0, 0)
    admin.execute("DROP TRIGGER fail ON queue.procrastinate_jobs")
    assert (await world.say(ALICE, "hi", message_id="77")).new
    await do_all(database, world.db, Responder(echo))
    assert answers(admin) == ["re: hi"]


async def test_p23_and_p25_a_turn_that_was_taken_for_dead_changes_nothing_any_more(
    world: World, database: Database, admin: Admin
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    lost = []

    async def slow(context: TurnContext, tools: Tools) -> str:
        began.set()
        await go_on.wait()
        for tool, arguments in (
            ("remember", {"content": "planted"}),
            ("recall", {}),
            ("search_conversation", {"query": "hi"}),
        ):
            try:
                await tools.call(tool, arguments)
            except LeaseLost:
                lost.append(tool)
        return "from the dead"

    accepted = await world.say(ALICE, "hi")
    dead = asyncio.create_task(run_turn(turns_of(world.db, Responder(slow)), accepted.session_id))
    await began.wait()
    await run_turn(turns_of(world.db, Responder(echo)), accepted.session_id)
    go_on.set()
    await dead
    assert lost == ["remember", "recall", "search_conversation"]
    assert answers(admin) == ["re: hi"]
    states = admin.execute("SELECT state FROM discreet.turns ORDER BY started_at").fetchall()
    assert states == [("lost",), ("answered",)]
    async with world.db.begin(world.contact(accepted.contact_id)) as tx:
        assert await list_memories(tx) == []


async def test_p23_what_a_turn_writes_while_it_thinks_is_not_shown_once_it_is_lost(
    world: World, admin: Admin
) -> None:
    accepted = await world.say(ALICE, "hi")
    scope = world.contact(accepted.contact_id)
    async with world.db.begin(scope) as tx:
        first = await acquire(tx, accepted.session_id)
    assert isinstance(first, Lease)
    draft = Draft(world.db, scope, first)
    draft._written_at -= 10
    await draft.write("so far")
    assert admin.execute("SELECT text FROM discreet.drafts").fetchall() == [("so far",)]
    async with world.db.begin(scope) as tx:
        await acquire(tx, accepted.session_id)
    draft._written_at -= 10
    with pytest.raises(LeaseLost):
        await draft.write("from the dead")
    assert admin.execute("SELECT text FROM discreet.drafts").fetchall() == []


async def test_p25_two_workers_never_answer_in_one_session_at_the_same_moment(
    database: Database, admin: Admin
) -> None:
    begun: list[str] = []
    overlapped: list[str] = []
    first_began, bobs_answered = asyncio.Event(), asyncio.Event()
    done = asyncio.Event()

    async def watch(context: TurnContext, _: Tools) -> str:
        text = context.waiting[0].text
        begun.append(text)
        if text == "alice 1":
            first_began.set()
            await bobs_answered.wait()
            overlapped.extend(one for one in begun if one.startswith("alice") and one != text)
        elif text == "bob":
            bobs_answered.set()
        else:
            done.set()
        return f"re: {text}"

    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(open_scoped(database))
        world = await make_world(db)
        doing = work_of(db, turns_of(db, Responder(watch)), {"terminal": TerminalChannel()})
        for _ in range(2):
            conninfo = database.conninfo("discreet_worker")
            await stack.enter_async_context(work(conninfo, db, doing, Slots(turns=2)))
        await world.say(ALICE, "alice 1")
        async with patience():
            await first_began.wait()
        await world.say(ALICE, "alice 2")
        await world.say(BOB, "bob")
        async with patience():
            await done.wait()
    assert overlapped == []
    assert sorted(answers(admin)) == ["re: alice 1", "re: alice 2", "re: bob"]


async def test_p25_each_answer_is_to_the_message_before_it_and_never_one_behind(
    world: World, database: Database, admin: Admin
) -> None:
    responder = Responder(echo)
    for text in ("one", "two", "three"):
        await world.say(ALICE, text)
        await world.say(BOB, f"bob {text}")
        await do_all(database, world.db, responder)
    order = admin.execute(
        "SELECT session_id, array_agg(text ORDER BY position) FROM discreet.messages"
        " GROUP BY session_id ORDER BY 2"
    ).fetchall()
    assert [texts for _, texts in order] == [
        ["bob one", "re: bob one", "bob two", "re: bob two", "bob three", "re: bob three"],
        ["one", "re: one", "two", "re: two", "three", "re: three"],
    ]


async def test_p26_an_old_message_that_comes_again_with_another_text_changes_and_runs_nothing(
    world: World, database: Database, admin: Admin
) -> None:
    responder = Responder(echo)
    first = await world.say(ALICE, "hi", message_id="77", chat="a")
    await do_all(database, world.db, responder)
    edited = await world.say(ALICE, "hi!", message_id="77", chat="a")
    other = await world.say(BOB, "mine", message_id="77", chat="a")
    await do_all(database, world.db, responder)
    assert (edited.message_id, edited.new, other.new) == (first.message_id, False, False)
    assert answers(admin) == ["re: hi"]


@pytest.mark.parametrize("what_happens", ["an error", "cancelled"])
async def test_p28_a_turn_that_breaks_off_leaves_its_session_usable(
    world: World, database: Database, admin: Admin, what_happens: str
) -> None:
    began = asyncio.Event()

    async def break_off(_: TurnContext, __: Tools) -> str:
        began.set()
        if what_happens == "an error":
            raise RuntimeError
        await asyncio.Event().wait()
        raise AssertionError

    accepted = await world.say(ALICE, "hi")
    turn = asyncio.create_task(
        run_turn(turns_of(world.db, Responder(break_off)), accepted.session_id)
    )
    await began.wait()
    if what_happens == "cancelled":
        turn.cancel()
    await asyncio.wait([turn])
    drop_jobs(admin)  # its worker is dead
    async with world.db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_stranded()") == 1
    await world.say(BOB, "bob")
    await do_all(database, world.db, Responder(echo))
    assert sorted(answers(admin)) == ["re: bob", "re: hi"]
    await world.say(ALICE, "and now?")
    await do_all(database, world.db, Responder(echo))
    assert answers(admin)[-1] == "re: and now?"


async def test_p28_an_answer_whose_delivery_broke_off_is_delivered(
    world: World, admin: Admin
) -> None:
    accepted = await world.say(ALICE, "hi")
    await run_turn(turns_of(world.db, Responder(echo)), accepted.session_id)
    drop_jobs(admin)
    admin.execute(
        "UPDATE discreet.outbox SET state = 'sending', attempts = 1,"
        " uncertain_since = now() - interval '1 minute'"
    )
    async with world.db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_stranded()") == 1
    (job,) = admin.execute("SELECT task_name, args FROM queue.procrastinate_jobs").fetchall()
    route = admin.execute("SELECT route_id FROM discreet.outbox").fetchone()
    assert route is not None
    assert job == ("deliver", {"route_id": str(route[0])})
    wire = Recording("terminal")
    await deliver(world.db, by_platform({"terminal": wire}), route[0])
    assert [one.text for one in wire.sent] == ["re: hi"]


def message(channel: Any, chat: str, thread: str, text: str) -> Inbound:
    return Inbound(
        channel_id=channel,
        chat_id=chat,
        platform_thread=thread,
        message_id=text,
        sender=AddressSender(Address.parse(ALICE), "Alice"),
        text=text,
        sent_at=datetime.now(UTC),
    )


async def test_p29_each_answer_goes_to_the_channel_chat_and_thread_of_its_message(
    world: World, database: Database
) -> None:
    ways = [
        (platform, account, chat, thread)
        for platform, account in (("telegram", "bot"), ("telegram", "bot2"), ("discord", "bot"))
        for chat in ("a", "b")
        for thread in ("", "7")
    ]
    channels = {
        (platform, account): await world.add_channel(platform, account)
        for platform, account in {way[:2] for way in ways}
    }
    async with world.db.begin(world.owner) as tx:
        await tx.execute("INSERT INTO discreet.limits (messages_a_minute) VALUES (1000)")
    wires = {"telegram": Recording("telegram"), "discord": Recording("discord")}
    responder = Responder(echo)
    stored: list[Accepted] = []
    for round in range(2):
        for way in ways:
            text = f"{round} " + "/".join(way)
            given = message(channels[way[:2]], way[2], way[3], text)
            stored.append(await accept(world.db, world.owner_id, given))
        await do_all(database, world.db, responder, wires)
    # One session, many routes.
    assert len({one.session_id for one in stored}) == 1
    assert all(len(context.waiting) == 1 for context in responder.contexts)
    sent = [(wire.platform, one) for wire in wires.values() for one in wire.sent]
    assert len(sent) == 2 * len(ways)
    for platform, one in sent:
        way = "/".join((platform, one.account, one.chat_id, one.platform_thread))
        assert one.text in (f"re: 0 {way}", f"re: 1 {way}")
        assert one.reply_to == one.text.removeprefix("re: ")


async def test_p29_nothing_of_one_sender_leaves_on_anothers_way(
    world: World, database: Database
) -> None:
    telegram = await world.add_channel("telegram", "bot")
    wire = Recording("telegram")
    responder = Responder(echo)
    for text in ("one", "two"):
        for sender in (ALICE, BOB):
            await world.say(sender, f"{sender} {text}", channel_id=telegram)
    await do_all(database, world.db, responder, {"telegram": wire})
    assert sorted((one.chat_id, one.text) for one in wire.sent) == [
        (sender, f"re: {sender} one + re: {sender} two") for sender in (ALICE, BOB)
    ]


async def test_p30_a_senders_backlog_is_one_turn_and_keeps_nobody_waiting(
    world: World, database: Database
) -> None:
    responder = Responder(echo)
    for number in range(30):
        await world.say(ALICE, f"alice {number}")
    await world.say(BOB, "bob")
    await do_all(database, world.db, responder)
    assert [len(context.waiting) for context in responder.contexts] == [30, 1]


def test_p36_no_test_of_isolation_is_skipped_or_looks_at_a_mock() -> None:
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *(here.parent / "support").glob("*.py")])
    forbidden = re.compile(
        r"\bpytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b|unittest\.mock|\bmonkeypatch\b"
    )
    assert len(files) > 8
    for file in files:
        own = file.read_text(encoding="utf-8").replace(forbidden.pattern, "")
        assert not forbidden.search(own), file.name


async def test_p37_no_test_of_isolation_runs_past_row_level_security(world: World) -> None:
    some = (world.owner_id, world.agent_id)
    scopes: list[Any] = [ContactScope(*some, world.owner_id), SharedScope(*some),  # type: ignore[arg-type]
                         OwnerScope(*some), WorkScope()]  # fmt: skip
    for scope in scopes:
        async with world.db.begin(scope) as tx:
            who = await tx.fetch_one(
                "SELECT session_user::text AS name, r.rolsuper OR r.rolbypassrls AS beyond,"
                " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns,"
                " EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid) AS acts_for_others,"
                " row_security_active('discreet.memories') AS secured"
                " FROM pg_roles r WHERE r.rolname = session_user"
            )
        assert who == {
            "name": role_of(scope), "beyond": False, "owns": False, "acts_for_others": False,
            "secured": True,
        }  # fmt: skip
