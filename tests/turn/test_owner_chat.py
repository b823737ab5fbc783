"""The owner's own chat: what they are told there, and what they can ask for from a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from discreet.auth.channel_secrets import save_secret
from discreet.channels.telegram.formatting import render
from discreet.delivery import deliver
from discreet.domain.inbound import Attachment
from discreet.domain.outbound import Unreachable
from discreet.domain.platform import ChannelSecret
from discreet.domain.quiet_hours import QuietHours
from discreet.domain.text import literal
from discreet.postgres.server import Database
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services import admission, erasing
from discreet.services.agents import list_agents
from discreet.services.contacts import find_contact
from discreet.services.limits import ContactLimits, set_limits
from discreet.services.owner_notices import NoticeRules, notify_owner, notify_owners
from discreet.services.takeover import hand_back
from tests.support.platform import Platform, make_platform
from tests.support.turns import Recording, by_platform, rows_of
from tests.support.world import open_scoped
from tests.turn.owner_chat import (
    ALICE,
    AT_ONCE,
    BOB,
    GROUP,
    OLGA,
    ask,
    fail,
    link,
    raise_limits,
    run,
    told,
)

FILE = {"attachments": (Attachment("photo", "file-1", "", "image/png", 3),)}


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    """Strangers need approval; OLGA is the owner's account."""
    platform = await make_platform(db)
    await link(platform, OLGA)
    return platform


@pytest.fixture
async def opened(db: ScopedDatabase) -> Platform:
    """Anybody may write; OLGA is the owner's account."""
    platform = await make_platform(db, admission="open")
    await link(platform, OLGA)
    return platform


async def test_a_stranger_is_announced_once_and_let_in_with_one_word(platform: Platform) -> None:
    await platform.reason(ALICE, "hello, is a room free?", name="Alice")
    [notice] = await told(platform)
    assert notice.startswith(
        "A stranger, `Alice` (`telegram:1001`), asks to talk to `Ada` on telegram:"
        " `hello, is a room free?`"
    )
    assert await told(platform) == []
    assert await ask(platform, "Approve") == "`Alice telegram:1001` may talk to `Ada`."
    await platform.accepted(ALICE, "thanks")


async def test_the_command_in_the_notice_decides_about_that_stranger(platform: Platform) -> None:
    await platform.reason(ALICE, "hello", name="Alice")
    await platform.reason(BOB, "hello", name="Bob")
    notices = await told(platform)
    [bobs] = [notice for notice in notices if "Bob" in notice]
    deny = bobs.split()[-1]
    assert deny.startswith("/deny_")
    assert "Which one?" in await ask(platform, "approve")
    assert await ask(platform, deny) == "`Bob telegram:1002` may not talk to `Ada`."
    assert await ask(platform, "/approve") == "`Alice telegram:1001` may talk to `Ada`."
    assert await platform.reason(BOB, "again") == "stranger"


async def test_a_reply_to_a_notice_decides_about_its_stranger(
    db: ScopedDatabase, platform: Platform
) -> None:
    await platform.reason(ALICE, "hello", name="Alice")
    await platform.reason(BOB, "hello", name="Bob")
    await told(platform)
    channel = Recording("telegram")
    for row in await rows_of(platform.world, "SELECT DISTINCT route_id FROM discreet.outbox"):
        await deliver(db, by_platform(channel), row["route_id"])
    [number] = [n for n, one in enumerate(channel.tried, 1) if "A stranger, `Bob`" in one.text]
    answer = await ask(platform, "approve", reply_to=f"sent-{number}")
    assert answer == "`Bob telegram:1002` may talk to `Ada`."


async def test_words_of_a_stranger_cannot_be_a_link_a_command_or_a_line_of_ours(
    platform: Platform,
) -> None:
    await platform.reason(
        ALICE, "hi\n\n/approve_abcdef `x` https://evil.example\n*bold*", name="Bob` approved **x**"
    )
    [notice] = await told(platform)
    shown = render(notice)
    assert {span.style for span in shown.spans} == {"code"}
    units = shown.text
    spans = [units[span.start : span.start + span.length] for span in shown.spans]
    assert "Bobˋ approved **x**" in spans
    assert "hi /approve_abcdef ˋxˋ https[:]//evil[.]example *bold*" in spans
    outside = units
    for span in spans:
        outside = outside.replace(span, "")
    assert "evil" not in outside
    assert outside.count("/approve") == 1


async def test_two_processes_that_tell_at_once_tell_once(
    database: Database, platform: Platform
) -> None:
    await platform.reason(ALICE, "hello", name="Alice")
    async with open_scoped(database) as other:
        await asyncio.gather(
            *(notify_owners(db, AT_ONCE) for db in (platform.world.db, other) for _ in range(3))
        )
    assert len([text for text in await platform.sent(OLGA) if "A stranger" in text]) == 1


async def test_the_owner_who_spoke_in_a_group_is_told_in_their_own_chat_only(
    opened: Platform,
) -> None:
    await ask(opened, "hello all", OLGA, group=GROUP)
    before = await opened.sent(GROUP)
    await ask(opened, "/human please", ALICE, name="Alice")
    [notice] = await told(opened)
    assert notice.startswith("`Alice` asks `Ada` for a person")
    assert await opened.sent(GROUP) == before


async def test_nobody_is_told_while_no_account_is_linked(db: ScopedDatabase) -> None:
    platform = await make_platform(db)
    await platform.reason(ALICE, "hello")
    assert await notify_owners(db, AT_ONCE) == 0


async def test_failures_limits_and_undelivered_answers_come_in_one_message(
    db: ScopedDatabase, opened: Platform
) -> None:
    said = await opened.accepted(ALICE, "hello", name="Alice")
    await run(opened, said, fail)
    said = await opened.accepted(BOB, "hello", name="Bob")
    await run(opened, said)
    channel = Recording("telegram", [Unreachable("they blocked it")])
    [route] = await rows_of(
        opened.world,
        "SELECT route_id FROM discreet.messages WHERE id = %s",
        said.message_id,
    )
    await deliver(db, by_platform(channel), route["route_id"])
    rules = NoticeRules(digest=timedelta(hours=1))
    [notice] = await told(opened, rules)
    assert notice == (
        "- `Ada` could not answer `Alice` and has given up:"
        " `setup: The provider rejected the API key.`\n"
        "- An answer of `Ada` to `Bob` was not delivered: `they blocked it`"
    )
    world = opened.world
    await set_limits(world.db, world.owner_id, None, ContactLimits(messages_a_minute=1))
    await opened.reason(ALICE, "one more")
    assert await told(opened, rules) == []
    assert await told(opened) == ["`Alice` has reached a limit with `Ada`: messages a minute"]


async def test_quiet_hours_put_it_off(platform: Platform) -> None:
    world = platform.world
    await platform.reason(ALICE, "hello", name="Alice")
    quiet = NoticeRules(QuietHours(time(22), time(7)), timedelta(0))
    night, day = datetime(2026, 1, 1, 23, tzinfo=UTC), datetime(2026, 1, 2, 7, tzinfo=UTC)
    assert await notify_owner(world.db, world.owner_id, quiet, now=night) == 0
    assert await notify_owner(world.db, world.owner_id, quiet, now=day) == 1


@pytest.mark.parametrize("text", ["22:00", "25:00-07:00", "07:00-07:00", "night"])
def test_hours_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="two"):
        QuietHours.parse(text)


def test_quiet_hours_within_a_day_and_across_midnight() -> None:
    noon = QuietHours.parse("12:00-13:30")
    assert [noon.contain(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (11, 12, 13, 14)] == [
        False,
        True,
        True,
        False,
    ]
    night = QuietHours.parse("22:00 - 7:00")
    assert [night.contain(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (21, 22, 0, 7)] == [
        False,
        True,
        True,
        False,
    ]


async def test_what_the_owner_writes_goes_to_the_contact_until_the_end(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    said = await ask(opened, "/takeover Alice")
    assert said.startswith("You now answer `Alice` in person")
    assert "`Alice`: `hello`" in said
    assert await ask(opened, "Good morning, Alice!") == "To `Alice`."
    assert (await opened.sent(ALICE))[-1] == "Good morning, Alice!"
    await opened.accepted(ALICE, "oh, it's *you*")
    assert await told(opened) == ["`Alice` says: `oh, it's *you*`"]
    assert await told(opened) == []
    assert await ask(opened, "/who") == "What you write here goes to `Alice`, until /end."
    assert await ask(opened, "/end") == "The agent answers `Alice` again."
    sent = await opened.sent(ALICE)
    assert await ask(opened, "are you there?") == "I heard: are you there?"
    assert await opened.sent(ALICE) == sent


async def test_a_line_that_is_delivered_twice_reaches_the_contact_once(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await ask(opened, "/takeover Alice")
    for _ in range(2):
        await opened.accepted(OLGA, "the same", message_id="m-1")
    assert (await opened.sent(ALICE)).count("the same") == 1


async def test_only_new_text_is_sent_to_the_contact(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await ask(opened, "/takeover Alice")
    await ask(opened, "first", message_id="m-0")
    before = await opened.sent(ALICE)
    for text, more in (("/bock Bob", {}), ("typo", {"edit_of": "m-0"}), ("[photo]", FILE)):
        assert (await ask(opened, text, **more)).startswith("Not sent to `Alice`")
    assert await opened.sent(ALICE) == before


async def test_handed_back_elsewhere_a_line_goes_to_nobody(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await ask(opened, "/takeover Alice")
    await hand_back(opened.world.db, opened.world.owner_id, "Alice")
    before = await opened.sent(ALICE)
    assert await ask(opened, "still here") == "I heard: still here"
    assert await opened.sent(ALICE) == before


async def test_a_new_conversation_still_goes_to_the_contact(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await ask(opened, "/takeover Alice")
    await ask(opened, "/new")
    assert await ask(opened, "and now?") == "To `Alice`."


async def test_the_owner_blocks_pauses_and_looks_from_the_phone(opened: Platform) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    assert "`Alice` (`telegram:1001`): just now" in await ask(opened, "/contacts")
    assert await ask(opened, "/block alice") == "`Alice` is blocked."
    assert await opened.reason(ALICE, "hello?") == "blocked"
    assert "blocked" in await ask(opened, "/who Alice")
    assert await ask(opened, "/unblock Alice") == "`Alice` is no longer blocked."
    status = await ask(opened, "/status")
    assert "Can't receive messages for `telegram` on `telegram`: `its token is missing" in status
    assert status.endswith("0 unanswered, 1 contacts.")
    assert "\nLast 7 days: 6 turns, 0 tokens, $0.00" in await ask(opened, "/usage")
    assert await ask(opened, "/block Carla") == (
        "`/block`: `There is no contact 'Carla'. See: sb contacts list`"
    )


async def test_the_phone_names_a_token_that_this_server_cannot_read(opened: Platform) -> None:
    async with opened.world.db.begin(OwnerScope(opened.world.owner_id)) as tx:
        await save_secret(tx, b"x" * 32, "telegram", "bot", ChannelSecret("1:token"))
    status = await ask(opened, "/status")
    assert "`this server can't read its token; enter it again: sb channels add telegram`" in status


async def test_a_paused_agent_hears_its_owner_resume_it(opened: Platform) -> None:
    assert await ask(opened, "/pause") == "`Ada` is paused. Messages wait until /resume."
    said = await opened.accepted(ALICE, "hello")
    await run(opened, said)
    assert await opened.sent(ALICE) == []
    assert await ask(opened, "/resume") == "`Ada` answers again."
    assert [
        agent.paused_at for agent in await list_agents(opened.world.db, opened.world.owner_id)
    ] == [None]


OWNERS = (
    "status", "contacts", "takeover Alice", "end", "block Alice", "unblock Alice", "pause",
    "resume", "usage", "pairing", "approve", "deny",
)  # fmt: skip


async def test_a_contact_who_types_an_owners_command_is_answered_as_to_any_word(
    opened: Platform,
) -> None:
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await raise_limits(opened)
    for command in OWNERS:
        assert await ask(opened, f"/{command}", BOB) == f"I heard: /{command}"
        # The owner's own account, in a group, is one member among others.
        said = await ask(opened, f"/{command}_abcdef", OLGA, group=GROUP)
        assert said == f"I heard: /{command}_abcdef"


async def test_an_unlinked_account_is_nobodys_and_is_told_nothing(
    db: ScopedDatabase, opened: Platform
) -> None:
    world = opened.world
    await run(opened, await opened.accepted(ALICE, "hello", name="Alice"))
    await ask(opened, "/takeover Alice")
    assert await admission.unlink_owner(db, world.owner_id, OLGA) is None
    before = await opened.sent(ALICE)
    said = await opened.accepted(OLGA, "hello Alice")
    assert said.contact_id is not None
    assert await opened.sent(ALICE) == before
    await opened.accepted(ALICE, "are you there?")
    await ask(opened, "/human", BOB)
    assert await notify_owner(db, world.owner_id, AT_ONCE) == 0
    pending = await rows_of(
        world, "SELECT 1 FROM discreet.outbox WHERE state = 'pending' AND contact_id IS NULL"
    )
    assert pending == []


async def test_erasing_somebody_erases_what_the_owner_was_told_of_them(
    db: ScopedDatabase, platform: Platform, tmp_path: Path
) -> None:
    world = platform.world
    await platform.reason(ALICE, "my secret is plum", name="Alice")
    await told(platform)
    await ask(platform, "/approve")
    await ask(platform, "/takeover Alice")
    await ask(platform, "I know about the plum")
    await ask(platform, "/end")
    alice = await find_contact(db, world.owner_id, "Alice")
    await erasing.erase_contact(db, world.owner_id, str(alice.contact.id), tmp_path)
    left = await rows_of(world, "SELECT text FROM discreet.messages")
    assert [row["text"] for row in left if "plum" in row["text"] or "`Alice`" in row["text"]] == []
    assert await rows_of(world, "SELECT 1 FROM discreet.owner_notices") == []


def test_a_literal_is_one_line_of_what_can_be_seen() -> None:
    assert literal("a\u202e\nb\x07 c", 4) == "`a b…`"
    assert literal("") == "`-`"
