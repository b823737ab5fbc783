"""Reminders: what is understood, when they come, and where nothing may be sent."""

from __future__ import annotations

import asyncio
import zipfile
from datetime import datetime
from typing import Any

import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import NotFound
from discreet.intake.groups import move_group
from discreet.postgres.server import Database
from discreet.queue.job_scope import scope_of_reminder
from discreet.schemas.agents import AgentChange
from discreet.scope import ScopedDatabase, WorkScope
from discreet.services import (
    admission,
    agents,
    channels,
    contacts,
    erasing,
    linking,
    reminders,
    takeover,
)
from discreet.services.exporting import export_contact
from discreet.turn.offline import respond
from discreet.turn.offline.reminding import parse_reminder
from discreet.turn.run import run_turn
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import Recording, do_all, turns_of
from tests.turn.reminders.later_reminder_sentences import LATER_SENTENCES
from tests.turn.reminders.more_reminder_sentences import MORE_SENTENCES
from tests.turn.reminders.reminder_sentences import NO_REQUESTS, SENTENCES
from tests.turn.reminders.reminding import (
    ALSO_ANN,
    ANN,
    BOB,
    GROUP,
    LATER,
    Admin,
    fired,
    left,
    make_due,
    offline,
    remind,
    told,
)

NOW = datetime(2026, 11, 29, 14, 0)


@pytest.mark.parametrize("language", SENTENCES)
def test_requests_are_understood_in_eight_languages(language: str) -> None:
    wrong = []
    for sentence, at, rule, text in (
        *SENTENCES[language],
        *MORE_SENTENCES[language],
        *LATER_SENTENCES[language],
    ):
        found = parse_reminder(sentence, NOW)
        got = found and (f"{found.at:%Y-%m-%d %H:%M}" if found.at else None, found.rule, found.text)
        if got != (at, rule, text) or found is None or found.language != language:
            wrong.append((sentence, got))
    assert wrong == []


def test_what_asks_for_no_reminder_is_none() -> None:
    assert [one for one in NO_REQUESTS if parse_reminder(one, NOW) is not None] == []


@pytest.mark.parametrize(
    ("sentence", "now", "at"),
    [
        ("remind me at 9 to go", "2026-11-29 08:00", "2026-11-29 09:00"),
        ("remind me at 9 to go", "2026-11-29 10:00", "2026-11-29 21:00"),
        ("remind me at 9 to go", "2026-11-29 22:00", "2026-11-30 09:00"),
        ("remind me at 9 am to go", "2026-11-29 10:00", "2026-11-30 09:00"),
        ("remind me on Sunday at 15:00 to go", "2026-11-29 14:00", "2026-11-29 15:00"),
        ("remind me on Sunday at 13:00 to go", "2026-11-29 14:00", "2026-12-06 13:00"),
        ("remind me on 29 February at 8 to go", "2026-11-29 14:00", "None"),
        ("remind me on 3 March to go", "2026-11-29 14:00", "2027-03-03 09:00"),
        ("remind me to go", "2026-11-29 14:00", "None"),
        ("remind me at 25:00 to go", "2026-11-29 14:00", "None"),
        ("remind me today to go", "2026-11-29 14:00", "None"),
    ],
)
def test_the_time_is_the_next_one_or_is_asked_for(sentence: str, now: str, at: str) -> None:
    found = parse_reminder(sentence, datetime.fromisoformat(now))
    assert found is not None
    assert str(found.at and f"{found.at:%Y-%m-%d %H:%M}") == at


async def test_without_a_model_a_reminder_is_set_said_once_and_gone(
    platform: Platform, admin: Admin, database: Database
) -> None:
    answer = await told(platform, ANN, "Thanks! Remind me tomorrow at 9 to call the dentist.")
    assert answer.startswith("I'll remind you at ")
    assert answer.endswith("(UTC): call the dentist")
    [[reminder, due]] = admin.execute("SELECT id, due_at FROM discreet.reminders").fetchall()
    assert (due.hour, due.minute) == (9, 0)

    assert await fired(platform, reminder) == "past"  # it isn't due yet
    make_due(admin, reminder)
    outcomes = await asyncio.gather(*(fired(platform, reminder) for _ in range(6)))
    assert sorted(outcomes) == ["fired", *["past"] * 5]
    assert (await platform.sent(ANN))[1:] == ["⏰ call the dentist"]
    assert left(admin) == []
    wire = Recording("telegram")
    await do_all(database, platform.world.db, offline, {"telegram": wire, "terminal": Recording()})
    assert [one.text for one in wire.sent if one.text.startswith("⏰")] == ["⏰ call the dentist"]


async def test_a_recurring_reminder_is_said_once_for_each_of_its_times(
    platform: Platform, admin: Admin
) -> None:
    await told(platform, ANN, "Remind me every day at 9 to call the dentist.")
    [[reminder]] = admin.execute("SELECT id FROM discreet.reminders").fetchall()
    make_due(admin, reminder)
    [[seen]] = admin.execute("SELECT due_at FROM discreet.reminders").fetchall()
    scope = await scope_of_reminder(platform.world.db, reminder)
    assert scope is not None
    outcomes = []
    for _ in range(2):  # two servers saw the same time
        async with platform.world.db.begin(scope) as tx:
            outcomes.append(
                await tx.value(
                    "SELECT gate.fire_reminder(%(id)s, %(seen)s, %(seen)s + interval '1 day', 'x')",
                    {"id": reminder, "seen": seen},
                )
            )
    assert outcomes == ["fired", "past"]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Remind me to call the dentist", "When shall I remind you?"),
        ("Erinnere mich morgen um 9", "Woran soll ich dich erinnern?"),
        ("Recuérdame hoy a las 00:00 llamar", "Esa hora ya pasó."),
    ],
)
async def test_what_is_missing_is_asked_for(
    platform: Platform, admin: Admin, text: str, answer: str
) -> None:
    assert (await told(platform, ANN, text)).startswith(answer)
    assert left(admin) == []


async def test_a_reminder_is_on_the_clock_of_the_one_who_asks(
    platform: Platform, admin: Admin
) -> None:
    await told(platform, ANN, "/timezone Asia/Tokyo")
    assert "(Asia/Tokyo)" in await told(platform, ANN, "remind me every day at 9:00 to stretch")
    [[due, zone]] = admin.execute("SELECT due_at, zone FROM discreet.reminders").fetchall()
    assert (due.astimezone().astimezone(tz=None), zone)[1] == "Asia/Tokyo"
    assert due.utctimetuple().tm_hour == 0


async def test_one_that_recurs_makes_up_for_an_outage_once_and_says_that_it_is_late(
    platform: Platform, admin: Admin
) -> None:
    reminder = await remind(platform, admin, ANN, "take the pills", repeat="FREQ=DAILY")
    admin.execute("UPDATE discreet.reminders SET starts_at = starts_at - interval '400 days'")
    make_due(admin, reminder, "3 days")
    assert await fired(platform, reminder) == "fired"
    assert await fired(platform, reminder) == "past"
    [line] = [one for one in await platform.sent(ANN) if one.startswith("⏰")]
    assert line.startswith("⏰ take the pills\n\n(This comes late: it was due at ")
    [[ahead]] = admin.execute(
        "SELECT due_at BETWEEN now() AND now() + interval '1 day' FROM discreet.reminders"
    ).fetchall()
    assert ahead


async def test_where_the_agent_is_paused_it_waits_and_comes_late(
    platform: Platform, admin: Admin, database: Database
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    reminder = await remind(platform, admin, ANN, "look")
    await agents.pause_agent(db, owner_id, "Ada")
    make_due(admin, reminder, "10 minutes")
    assert await fired(platform, reminder) == "waits"
    admin.execute("SET search_path = queue, public")
    admin.execute("DELETE FROM queue.procrastinate_jobs WHERE task_name = 'remind'")
    async with db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_reminders()") == 0
    await agents.resume_agent(db, owner_id, "Ada")
    async with db.begin(WorkScope()) as tx:
        assert await tx.value("SELECT gate.wake_reminders()") == 1
    await do_all(database, db, offline, {"telegram": Recording("telegram")})
    assert (await platform.sent(ANN))[-1].startswith("⏰ look\n\n(This comes late")


async def test_who_is_blocked_gets_none_and_one_that_recurs_goes_on_later(
    platform: Platform, admin: Admin
) -> None:
    once = await remind(platform, admin, ANN, "once")
    daily = await remind(platform, admin, ANN, "daily", repeat="FREQ=DAILY")
    await contacts.block_contact(platform.world.db, platform.world.owner_id, ANN)
    make_due(admin, once)
    make_due(admin, daily)
    assert {await fired(platform, once), await fired(platform, daily)} == {"blocked"}
    assert left(admin) == ["daily"]
    assert not [one for one in await platform.sent(ANN) if one.startswith("⏰")]


async def test_who_was_denied_gets_none(db: ScopedDatabase, admin: Admin) -> None:
    platform = await make_platform(db)
    await platform.say(ANN, "hello")
    await admission.decide_pairing(db, platform.world.owner_id, ANN, let_in=True)
    reminder = await remind(platform, admin, ANN, "look")
    admin.execute("UPDATE discreet.pairings SET state = 'denied'")
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "denied"
    assert left(admin) == []


async def test_where_the_channel_is_gone_it_ends(platform: Platform, admin: Admin) -> None:
    reminder = await remind(platform, admin, ANN, "daily", repeat="FREQ=DAILY")
    await channels.remove_channel(platform.world.db, platform.world.owner_id, platform.channel_id)
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "gone"
    assert left(admin) == []


async def test_who_was_taken_over_still_gets_what_they_asked_for(
    platform: Platform, admin: Admin
) -> None:
    reminder = await remind(platform, admin, ANN, "look")
    await takeover.take_over(platform.world.db, platform.world.owner_id, ANN)
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "fired"
    assert (await platform.sent(ANN))[-1] == "⏰ look"


async def test_who_was_erased_leaves_no_reminder_and_no_job(
    platform: Platform, admin: Admin, tmp_path: Any
) -> None:
    await remind(platform, admin, ANN, "hers")
    await remind(platform, admin, ANN, "said in the group", group=GROUP)
    await remind(platform, admin, BOB, "the group's", group=GROUP)
    ids = platform.world.db, platform.world.owner_id
    await export_contact(*ids, ANN, tmp_path / "hers.zip")
    with zipfile.ZipFile(tmp_path / "hers.zip") as archive:
        exported = archive.read("data/reminders.jsonl").decode()
    assert "said in the group" in exported
    assert "the group's" not in exported
    await erasing.erase_contact(*ids, ANN, tmp_path)
    assert left(admin) == ["the group's"]
    [[jobs]] = admin.execute(
        "SELECT count(*) FROM queue.procrastinate_jobs j WHERE task_name = 'remind' AND NOT EXISTS"
        " (SELECT FROM discreet.reminders r WHERE r.id::text = j.args->>'reminder_id')"
    ).fetchall()
    assert jobs <= 1  # of the group: it finds nothing, and ends


async def test_a_link_takes_reminders_along_and_its_undo_gives_them_back(
    platform: Platform, admin: Admin
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await platform.accepted(ANN, "hello")
    first = await remind(platform, admin, ALSO_ANN, "first", repeat="FREQ=DAILY")
    made = await linking.link_contacts(db, owner_id, ANN, ALSO_ANN)
    make_due(admin, first)
    assert await fired(platform, first) == "fired"
    assert (await platform.sent(ALSO_ANN))[-1] == "⏰ first"  # where it was made
    assert [one.text for one in await reminders.list_reminders(db, owner_id, ANN)] == ["first"]
    await linking.undo_link(db, owner_id, str(made.id))
    assert await reminders.list_reminders(db, owner_id, ANN) == []
    assert [one.text for one in await reminders.list_reminders(db, owner_id, ALSO_ANN)] == ["first"]
    make_due(admin, first)
    assert await fired(platform, first) == "fired"


async def test_a_group_that_moved_is_reminded_at_its_new_id(
    platform: Platform, admin: Admin
) -> None:
    reminder = await remind(platform, admin, ANN, "pay the rent", group=GROUP)
    moved = Address.parse("telegram:-100999")
    await move_group(platform.world.db, platform.world.owner_id, Address.parse(GROUP), moved)
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "fired"
    assert await platform.sent("telegram:-100999") == ["⏰ pay the rent"]


async def test_on_whatsapp_it_waits_until_somebody_writes_within_24_hours(
    platform: Platform, admin: Admin
) -> None:
    reminder = await remind(platform, admin, ANN, "look")
    admin.execute("UPDATE discreet.channels SET platform = 'whatsapp' WHERE platform = 'telegram'")
    admin.execute("UPDATE discreet.messages SET sent_at = sent_at - interval '25 hours'")
    make_due(admin, reminder, "1 hour")
    assert await fired(platform, reminder) == "waits"
    assert left(admin) == ["look"]
    admin.execute("UPDATE discreet.messages SET sent_at = clock_timestamp()")
    assert await fired(platform, reminder) == "fired"
    assert (await platform.sent(ANN))[-1].startswith("⏰ look\n\n(This comes late")


async def test_after_a_new_conversation_it_is_said_in_that_one(
    platform: Platform, admin: Admin
) -> None:
    reminder = await remind(platform, admin, ANN, "look")
    said = await platform.accepted(ANN, "/new")
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "fired"
    [[session]] = admin.execute(
        "SELECT session_id FROM discreet.messages WHERE text = '⏰ look'"
    ).fetchall()
    assert session == said.session_id


@pytest.mark.parametrize("group", [None, GROUP])
async def test_where_the_owner_lets_reminders_start_turns_the_agent_answers(
    platform: Platform, admin: Admin, database: Database, group: str | None
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await agents.change_agent(db, owner_id, "Ada", AgentChange(runs_reminders=True))
    reminder = await remind(platform, admin, ANN, "look up the weather", group=group)
    make_due(admin, reminder)
    assert await fired(platform, reminder) == "fired"
    seen: list[str] = []

    async def think(context: Any, prompt: Any, tools: Any, on_text: Any) -> Any:
        seen.extend(line.text for line in context.waiting)
        return await respond(context, tools)

    wire = Recording("telegram")
    await do_all(database, db, think, {"telegram": wire, "terminal": Recording()})
    assert seen == ["⏰ look up the weather"]
    assert wire.sent[-1].text == "⏰ look up the weather"
    assert wire.sent[-1].chat_id == Address.parse(group or ANN).platform_id


async def test_there_is_a_limit_for_each_contact(platform: Platform, admin: Admin) -> None:
    admin.execute("UPDATE gate.policy SET reminders_per_contact = 2")
    for number in range(2):
        await remind(platform, admin, ANN, f"number {number}")
    answer = await told(platform, ANN, "remind me tomorrow at 9 to go")
    assert answer == "You have too many reminders. Cancel one first: /reminders"
    assert "I'll remind you" in await told(platform, BOB, "remind me tomorrow at 9 to go")


async def test_a_contact_lists_and_cancels_its_own_and_sees_nobody_elses(
    platform: Platform, admin: Admin
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    hers = await remind(platform, admin, ANN, "hers", repeat="FREQ=WEEKLY;BYDAY=MO")
    his = await remind(platform, admin, BOB, "his")
    await remind(platform, admin, ANN, "the group's", group=GROUP)
    listed = await told(platform, ANN, "/reminders")
    assert "every week on Mon): hers" in listed
    assert "his" not in listed
    assert "group" not in listed
    assert "the group's" in await told(platform, BOB, "/reminders", group=GROUP)
    unknown = await told(platform, ANN, "/reminders cancel 00000000")
    assert await told(platform, ANN, f"/reminders cancel {str(his)[:8]}") == unknown
    assert await told(platform, ANN, f"/reminders cancel {hers}") == "Cancelled: hers"
    with pytest.raises(NotFound):
        await reminders.cancel_reminder(db, owner_id, str(hers))
    assert (await reminders.cancel_reminder(db, owner_id, str(his)[:8])).text == "his"
    assert left(admin) == ["the group's"]


async def test_models_list_and_cancel_by_tools(platform: Platform, admin: Admin) -> None:
    hers = await remind(platform, admin, ANN, "hers")
    his = await remind(platform, admin, BOB, "his")

    async def model(who: str, text: str) -> str:
        said = await platform.accepted(who, text)
        await run_turn(turns_of(platform.world.db, Responder(do_as_told)), said.session_id)
        return (await platform.sent(who))[-1]

    listed = await model(ANN, calling("list_reminders"))
    assert str(hers)[:8] in listed
    assert "his" not in listed
    unknown = await model(ANN, calling("cancel_reminder", reminder_id="0" * 8))
    assert await model(ANN, calling("cancel_reminder", reminder_id=str(his))) == unknown
    assert "cancelled" in await model(ANN, calling("cancel_reminder", reminder_id=str(hers)))
    assert "at" in await model(ANN, calling("remind", text="x", at="tomorrow at nine"))
    assert "passed" in await model(ANN, calling("remind", text="x", at="2020-01-01T09:00"))
    assert "often" in await model(
        ANN, calling("remind", text="x", at=LATER[:2] + "27" + LATER[4:], repeat="FREQ=SECONDLY")
    ) or left(admin) == ["his"]
    assert left(admin) == ["his"]
