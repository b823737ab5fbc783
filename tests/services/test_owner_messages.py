"""What the owner says first, and contacts that want none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound, ScopeError
from discreet.domain.opt_out import START, STOP
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase, Transaction
from discreet.services import channels, contacts, linking, owner_messages
from discreet.turn.run import run_turn
from tests.support.platform import Platform, make_platform
from tests.support.responders import echo
from tests.support.turns import turns_of
from tests.support.world import open_scoped, other_owner

Admin = psycopg.Connection[Any]

ANN, ALSO_ANN, BOB, GROUP = "telegram:1001", "telegram:2001", "telegram:1002", "telegram:-100500"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def answered(platform: Platform, who: str, text: str, **more: Any) -> str:
    said = await platform.accepted(who, text, **more)
    await run_turn(turns_of(platform.world.db, echo), said.session_id)
    return (await platform.sent(more.get("group") or who))[-1]


async def tell(platform: Platform, who: str, text: str) -> None:
    await owner_messages.tell(platform.world.db, platform.world.owner_id, who, text)


async def stopped(platform: Platform, who: str) -> bool:
    found = await contacts.find_contact(platform.world.db, platform.world.owner_id, who)
    return found.shown.stopped_at is not None


async def test_it_goes_where_the_contact_wrote_last_in_the_owners_name(
    platform: Platform, admin: Admin
) -> None:
    await platform.accepted(ANN, "hello")
    await platform.accepted(ANN, "in a group", group=GROUP)
    await tell(platform, ANN, "Your order is *ready*.")
    assert await platform.sent(ANN) == ["Your order is *ready*."]
    assert await platform.sent(GROUP) == []
    [[in_person, waiting]] = admin.execute(
        "SELECT m.in_person, (SELECT count(*) FROM discreet.messages w WHERE w.state = 'waiting')"
        " FROM discreet.messages m WHERE m.direction = 'out'"
    ).fetchall()
    assert (in_person, waiting) == (True, 2)


@pytest.mark.parametrize(
    ("stop", "start", "word"),
    [
        ("STOP", "START", "START"),
        (" stop!! ", "Start.", "START"),
        ("Stopp.", "starten", "STARTEN"),
        ("BAJA", "¡Alta!", "ALTA"),
        ("Arrêt !", "reprendre", "REPRENDRE"),
        ("pare", "VOLTAR", "VOLTAR"),
        ("Стоп", "СТАРТ", "СТАРТ"),
        ("\u200fتوقف\u200f.", "\u202bابدأ\u202c", "ابدأ"),
        ("停止。", "开始！", "开始"),
    ],
)
async def test_stop_alone_stops_what_the_owner_starts_until_start(
    platform: Platform, stop: str, start: str, word: str
) -> None:
    assert await answered(platform, ANN, "hello") == "re: hello"
    assert word in await answered(platform, ANN, stop)
    with pytest.raises(Conflict, match="STOP"):
        await tell(platform, ANN, "News!")
    # Answers still work, and so does /start, which isn't START.
    assert await answered(platform, ANN, "are you there?") == "re: are you there?"
    assert "Hello, I am Ada" in await answered(platform, ANN, "/start")
    assert await stopped(platform, ANN)
    await answered(platform, ANN, start)
    assert not await stopped(platform, ANN)
    await tell(platform, ANN, "News!")
    assert (await platform.sent(ANN))[-1] == "News!"


async def test_the_database_knows_every_word_and_no_other(platform: Platform, admin: Admin) -> None:
    said = await platform.accepted(ANN, "hello")
    for words, outcome in ((STOP, "opt_out"), (START, "opt_in")):
        for word in (word for known in words.values() for word in known):
            admin.execute("UPDATE discreet.contacts SET stopped_at = now()")
            found = admin.execute("SELECT gate.note_opt_out(%s, %s)", (said.contact_id, word))
            assert found.fetchone() == (outcome,), word
    admin.execute("UPDATE discreet.contacts SET stopped_at = NULL")
    for text in (
        "don't stop",
        "stop it",
        "start",
        "Stop the music!",
        "nonstop",
        "停下来",
        "",
    ):
        found = admin.execute("SELECT gate.note_opt_out(%s, %s)", (said.contact_id, text))
        assert found.fetchone() == (None,), text


async def test_stop_in_a_group_is_a_word_like_others(platform: Platform) -> None:
    assert await answered(platform, ANN, "STOP", group=GROUP) == "re: STOP"
    assert not await stopped(platform, ANN)
    assert not await stopped(platform, GROUP)


async def test_stop_from_one_account_holds_for_the_person(platform: Platform) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await answered(platform, ANN, "hello")
    await answered(platform, ALSO_ANN, "STOP")
    made = await linking.link_contacts(db, owner_id, ANN, ALSO_ANN)
    with pytest.raises(Conflict):
        await tell(platform, ANN, "News!")
    await linking.undo_link(db, owner_id, str(made.id))
    await tell(platform, ANN, "News!")
    with pytest.raises(Conflict):
        await tell(platform, ALSO_ANN, "News!")


async def test_a_label_is_told_after_a_preview_and_who_stopped_is_left_out(
    platform: Platform,
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    for who in (ANN, BOB, ALSO_ANN):
        await answered(platform, who, "hello", name=who)
        await contacts.label_contact(db, owner_id, who, add={"customer"}, remove=set())
    await answered(platform, BOB, "STOP")
    await contacts.block_contact(db, owner_id, ALSO_ANN)
    seen = await owner_messages.tell_labelled(
        db, owner_id, "customer", "Closed on Monday.", preview=True
    )
    assert [one.outcome for one in seen.items] == ["sent", "stopped", "blocked"]
    assert await platform.sent(ANN) == ["re: hello"]
    done = await owner_messages.tell_labelled(
        db, owner_id, "Customer", "Closed on Monday.", preview=False
    )
    assert (done.items, done.sent) == (seen.items, 1)
    assert (await platform.sent(ANN))[-1] == "Closed on Monday."
    assert "Closed on Monday." not in await platform.sent(BOB) + await platform.sent(ALSO_ANN)
    with pytest.raises(BadInput, match="No contact is labelled nobody-has-it"):
        await owner_messages.tell_labelled(db, owner_id, "nobody-has-it", "x", preview=True)


async def test_on_whatsapp_nothing_is_said_after_24_hours(platform: Platform, admin: Admin) -> None:
    await platform.accepted(ANN, "hello")
    admin.execute("UPDATE discreet.channels SET platform = 'whatsapp' WHERE platform = 'telegram'")
    admin.execute("UPDATE discreet.messages SET sent_at = sent_at - interval '25 hours'")
    with pytest.raises(Conflict, match="WhatsApp"):
        await tell(platform, ANN, "News!")
    admin.execute("UPDATE discreet.messages SET sent_at = now()")
    await tell(platform, ANN, "News!")


async def test_where_the_channel_is_gone_or_nothing_was_written_nothing_is_said(
    platform: Platform,
) -> None:
    db, owner_id = platform.world.db, platform.world.owner_id
    await platform.accepted(ANN, "hello")
    await channels.remove_channel(db, owner_id, platform.channel_id)
    with pytest.raises(Conflict, match="closed"):
        await tell(platform, ANN, "News!")


async def test_no_other_owner_and_no_contact_says_anything(
    platform: Platform, admin: Admin
) -> None:
    db = platform.world.db
    ann = await platform.accepted(ANN, "hello")
    bob = await platform.accepted(BOB, "hello")
    otto = await other_owner(platform.world, admin)
    for contact in (ann.contact_id, otto.agent_id):
        with pytest.raises(NotFound, match="no such contact"):
            async with db.begin(otto.owner) as tx:
                await tx.value("SELECT gate.tell_contact(%s, 'x')", (contact,))
    for call in (
        "SELECT gate.tell_contact(%s, 'x')",
        "SELECT gate.why_not_told(%s)",
        "SELECT gate.note_opt_out(%s, 'stop')",
        "SELECT stopped_at FROM discreet.contacts WHERE id = %s",
    ):
        async with db.begin(platform.world.contact(bob.contact_id)) as tx:
            with pytest.raises(ScopeError):
                await Transaction.execute(tx, call, (ann.contact_id,))  # type: ignore[arg-type]
    assert await platform.sent(ANN) == []
