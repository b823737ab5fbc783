"""Workers: unfinished work is swept up, and they survive failures."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.domain.ids import RouteId, SessionId
from discreet.postgres.server import Database
from discreet.queue import worker
from discreet.queue.job_scope import DueRoute
from discreet.queue.worker import Slots, work
from discreet.scope import WorkScope
from discreet.scope.scopes import SessionScope
from discreet.turn.run import run_turn
from tests.support.jobs import answered, jobs, running
from tests.support.responders import Held
from tests.support.turns import Recording, answers_of, rows_of, turns_of, work_of, working
from tests.support.waiting import PATIENCE_SECONDS, patience, until
from tests.support.world import World, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


def silence_workers(queue: Admin) -> None:
    """Make workers look killed: their jobs remain, and their heartbeats are old."""
    queue.execute(
        "CREATE FUNCTION silent() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.last_heartbeat = now() - interval '1 hour'; RETURN NEW; END $$"
    )
    [ids] = queue.execute("SELECT string_agg(id::text, ',') FROM procrastinate_workers").fetchall()
    queue.execute(
        "CREATE TRIGGER silent BEFORE UPDATE ON procrastinate_workers FOR EACH ROW"
        f" WHEN (OLD.id IN ({ids[0]})) EXECUTE FUNCTION silent()"
    )
    queue.execute("UPDATE procrastinate_workers SET last_heartbeat = now()")


async def test_finished_work_leaves_no_job_behind(
    database: Database, world: World, queue: Admin
) -> None:
    async with working(database, world.db, turns_of(world.db)):
        said = await world.say(ALICE, "hello")
        await until(lambda: answered(world, said.session_id))

        async def nothing_left() -> bool:
            return await jobs(queue) == []

        await until(nothing_left)
    assert queue.execute("SELECT count(*) FROM procrastinate_workers").fetchone() == (0,)


async def test_jobs_carry_ids_only(world: World, queue: Admin) -> None:
    said = await world.say(ALICE, "a secret", name="Alice")
    rows = queue.execute("SELECT args, lock, queueing_lock FROM procrastinate_jobs").fetchall()
    assert rows == [
        ({"session_id": str(said.session_id)}, f"turn:{said.session_id}", f"turn:{said.session_id}")
    ]


async def test_a_hundred_messages_of_one_session_are_one_job_in_the_queue(
    world: World, queue: Admin
) -> None:
    for number in range(100):
        await world.say(ALICE, f"{number}")
    assert await jobs(queue) == [("run_turn", "todo")]


async def test_the_work_of_a_dead_worker_is_done_by_another_once(
    database: Database, world: World, queue: Admin
) -> None:
    dead, alive = Held(), Held()
    alive.free.set()
    async with (
        open_scoped(database) as other,
        working(database, world.db, turns_of(world.db, dead)),
    ):
        said = await world.say(ALICE, "hello")
        await until(dead.has_begun)
        await world.say(ALICE, "are you there?")
        # It runs forever, and its heartbeat has stopped.
        await asyncio.to_thread(silence_workers, queue)
        async with working(database, other, turns_of(other, alive)):
            answer = await until(lambda: answered(world, said.session_id))
        assert answer == ["re: hello | are you there?"]
        dead.free.set()
    assert await answers_of(world, said.session_id) == ["re: hello | are you there?"]
    turns = await rows_of(world, "SELECT state FROM discreet.turns ORDER BY started_at")
    assert turns[0] == {"state": "lost"}
    assert turns[-1] == {"state": "answered"}


async def test_a_sweep_has_webhooks_called_if_one_could_be(
    database: Database, world: World, queue: Admin
) -> None:
    called = asyncio.Event()

    async def call() -> None:
        called.set()

    what = replace(work_of(world.db, turns_of(world.db)), call_webhooks=call)
    has_webhooks = "SELECT gate.has_webhooks()"
    assert queue.execute(has_webhooks).fetchone() == (False,)
    queue.execute(
        "INSERT INTO discreet.webhooks (id, owner_id, url, sealed)"
        " VALUES (gen_random_uuid(), %s, 'https://example.org', '')",
        (world.owner_id,),
    )
    async with work(database.conninfo("discreet_worker"), world.db, what, Slots()), patience():
        await called.wait()
    for held_up in ("claimed_until", "next_try_at", "disabled_at"):
        queue.execute(f"UPDATE discreet.webhooks SET {held_up} = clock_timestamp() + '1 hour'")
        assert queue.execute(has_webhooks).fetchone() == (False,)
        queue.execute(
            "UPDATE discreet.webhooks SET claimed_until = '-infinity', next_try_at = '-infinity'"
        )


async def test_a_worker_considered_dead_keeps_working(
    database: Database, world: World, queue: Admin
) -> None:
    async with working(database, world.db, turns_of(world.db)):
        first = await world.say(ALICE, "hello")
        await until(lambda: answered(world, first.session_id))
        # Another worker does this at its start with workers that were silent for too long. In a
        # thread: the worker, in this one, may be holding a lock on them.
        await asyncio.to_thread(queue.execute, "DELETE FROM procrastinate_workers")
        second = await world.say(BOB, "hello")
        await until(lambda: answered(world, second.session_id))


async def test_what_waits_without_a_job_is_found(
    database: Database, world: World, queue: Admin
) -> None:
    said = await world.say(ALICE, "hello")
    queue.execute("DELETE FROM procrastinate_jobs")
    async with working(database, world.db, turns_of(world.db)):
        await until(lambda: answered(world, said.session_id))
    await world.say(ALICE, "again")
    queue.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    async with working(database, world.db, turns_of(world.db)):

        async def both() -> bool:
            return await answered(world, said.session_id) == ["re: hello", "re: again"]

        await until(both)


async def test_a_session_that_is_locked_holds_up_no_other_that_waits_without_a_job(
    database: Database, world: World, queue: Admin
) -> None:
    said = [await world.say(who, "hello") for who in (ALICE, BOB)]
    queue.execute("DELETE FROM procrastinate_jobs")
    for held, other in (said, reversed(said)):
        with queue.transaction():
            queue.execute(
                "SELECT FROM discreet.sessions WHERE id = %s FOR UPDATE", (held.session_id,)
            )
            async with world.db.begin(WorkScope()) as tx:
                await tx.execute("SET LOCAL lock_timeout = '1s'")
                assert await tx.value("SELECT gate.wake_stranded()") == 1
            assert waking(queue) == [other.session_id]
        queue.execute("DELETE FROM procrastinate_jobs")


def waking(queue: Admin) -> list[SessionId]:
    """Return the sessions that a job is to look at."""
    found = queue.execute("SELECT args ->> 'session_id' FROM procrastinate_jobs")
    return [SessionId(UUID(row[0])) for row in found]


async def test_an_answer_without_a_delivery_is_found(
    database: Database, world: World, queue: Admin
) -> None:
    work = work_of(world.db, turns_of(world.db))

    async def lost(_: RouteId, __: DueRoute) -> None: ...

    said = await world.say(ALICE, "hello")
    async with running(database, world, replace(work, deliver=lost)):
        await until(lambda: answers_of(world, said.session_id))

        async def delivery_is_gone() -> bool:
            return await jobs(queue) == []

        await until(delivery_is_gone)
    channel = Recording()
    async with working(database, world.db, turns_of(world.db), channel):
        await until(lambda: answered(world, said.session_id))
    assert len(channel.tried) == 1


async def test_a_job_that_breaks_breaks_no_worker_and_its_words_reach_no_log(
    database: Database,
    world: World,
    queue: Admin,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = work_of(world.db, turns_of(world.db))
    broken: list[SessionId] = []

    async def breaks_once(session_id: SessionId, scope: SessionScope) -> None:
        if not broken:
            broken.append(session_id)
            raise ValueError("a secret of Alice's")
        await work.run_turn(session_id, scope)

    async with running(database, world, replace(work, run_turn=breaks_once)):
        said = await world.say(ALICE, "hello")
        await until(lambda: answered(world, said.session_id))
    assert broken == [said.session_id]
    written = caplog.text + "".join(capsys.readouterr())
    assert "ValueError" in written
    assert "secret" not in written


LOSE_AN_END = """
CREATE SEQUENCE public.ends;
CREATE FUNCTION public.lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF nextval('public.ends') = 1 THEN RAISE 'lost'; END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER lose BEFORE DELETE ON procrastinate_jobs
  FOR EACH ROW EXECUTE FUNCTION public.lose();
"""


async def test_a_job_whose_end_was_lost_holds_up_nothing_although_its_worker_lives(
    database: Database, world: World, queue: Admin
) -> None:
    queue.execute(LOSE_AN_END)
    async with working(database, world.db, turns_of(world.db)):
        said = await world.say(ALICE, "hello")
        await until(lambda: answered(world, said.session_id))
        await world.say(ALICE, "and now?")

        async def both() -> bool:
            return await answered(world, said.session_id) == ["re: hello", "re: and now?"]

        await until(both)


async def test_a_job_that_a_worker_took_without_learning_of_it_is_done(
    database: Database, world: World, queue: Admin
) -> None:
    """Test a job whose assignment was committed but whose response was lost with the connection."""
    async with working(database, world.db, turns_of(world.db)):
        first = await world.say(ALICE, "hello")
        await until(lambda: answered(world, first.session_id))
        (worker_id,) = queue.execute("SELECT min(id) FROM procrastinate_workers").fetchone() or (
            None,
        )
        queue.execute("CREATE SEQUENCE public.takes")
        queue.execute(
            "CREATE FUNCTION public.take() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
            " BEGIN IF nextval('public.takes') = 1 THEN NEW.status = 'doing'; NEW.worker_id ="
            f" {worker_id}; END IF; RETURN NEW; END $$"
        )
        queue.execute(
            "CREATE TRIGGER take BEFORE INSERT ON procrastinate_jobs FOR EACH ROW"
            " EXECUTE FUNCTION public.take()"
        )
        second = await world.say(BOB, "hello")
        await until(lambda: answered(world, second.session_id))


async def test_what_ends_a_turn_or_a_delivery_ends_its_job_in_the_same_commit(
    database: Database, world: World, queue: Admin
) -> None:
    """So nobody asks the queue once more; and an agent that may run one turn goes on to the next.

    ``gone_wrong`` counts commits in which the work was done and its job remained.
    """
    queue.execute(
        "CREATE TABLE public.gone_wrong (lock text);"
        "CREATE FUNCTION public.see_job() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
        " BEGIN INSERT INTO public.gone_wrong SELECT j.lock FROM queue.procrastinate_jobs j"
        "  WHERE j.status = 'doing'"
        "    AND j.lock IN ('turn:' || NEW.session_id, 'deliver:' || NEW.route_id);"
        " RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER see_job AFTER UPDATE OF state ON discreet.messages"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'answered')"
        " EXECUTE FUNCTION public.see_job();"
        "CREATE CONSTRAINT TRIGGER see_job AFTER UPDATE OF state ON discreet.outbox"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'sent')"
        " EXECUTE FUNCTION public.see_job();"
    )
    asked = [await world.say(who, "hi") for who in (ALICE, BOB, None)]
    what = work_of(world.db, turns_of(world.db))
    async with work(database.conninfo("discreet_worker"), world.db, what, Slots(turns_of_agent=1)):
        for one in asked:

            async def is_answered(session_id: SessionId = one.session_id) -> bool:
                return await answered(world, session_id) == ["re: hi"]

            await until(is_answered, "an answer")
    assert queue.execute("SELECT lock FROM public.gone_wrong").fetchall() == []
    assert await jobs(queue) == []


async def test_a_turn_wakes_the_workers_of_turns_and_a_delivery_does_not(
    database: Database, world: World
) -> None:
    with psycopg.connect(database.conninfo("discreet_worker"), autocommit=True) as listening:
        listening.execute("LISTEN discreet_turns")
        said = await world.say(ALICE, "hi")
        await run_turn(turns_of(world.db), said.session_id)
        assert await rows_of(world, "SELECT 1 FROM discreet.outbox WHERE state = 'pending'")
        listening.execute("NOTIFY discreet_turns, 'all'")
        heard = []
        for one in listening.notifies(timeout=PATIENCE_SECONDS):
            heard.append(one.payload)
            if one.payload == "all":
                break
    assert heard == ["", "all"]  # they come in the order of their commits


async def test_the_worker_sees_ids_and_nothing_that_anybody_said(world: World) -> None:
    said = await world.say(ALICE, "a secret")
    async with world.db.begin(WorkScope()) as tx:
        scope = await tx.fetch_one("SELECT * FROM gate.session_scope(%s)", (said.session_id,))
        assert scope
        assert "secret" not in repr(scope)
        assert scope["contact_id"] == said.contact_id


def test_a_silent_worker_is_waited_for_longer_than_its_heart_may_skip() -> None:
    assert worker.STALLED_SECONDS >= 4 * worker.HEARTBEAT_SECONDS
