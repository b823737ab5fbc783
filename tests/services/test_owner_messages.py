"""What the owner says first, and contacts that want none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import zip_longest
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound, ScopeError
from discreet.domain.opt_out import START, STOP, opt_out_reply
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


WRITTEN = (
    ("STOP", "START", "START"),
    (" stop!! ", "Start.", "START"),
    ("Stopp.", "starten", "STARTEN"),
    ("BAJA", "¡Alta!", "ALTA"),
    ("Arre\u0302t !", "reprendre", "REPRENDRE"),
    ("«\u00a0DE\u0301SABONNER\u00a0»", "De\u0301marrer", "REPRENDRE"),
    ("pare", "VOLTAR", "VOLTAR"),
    ("Pare, 🛑", "Comec\u0327ar!", "VOLTAR"),
    ("Стоп", "СТАРТ", "СТАРТ"),
    ("— отписаться…", "«начать»", "СТАРТ"),
    ("\u200fتوقف\u200f.", "\u202bابدأ\u202c", "ابدأ"),
    ("توق\u0651ف؟", "ابدا\u0654", "ابدأ"),
    ("تـــوقف", "اب\u0640دأ", "ابدأ"),
    ("停止。", "开始！", "开始"),
    ("退 订", "订\u3000阅", "开始"),
    ("ＳＴＯＰ！", "ＳＴＡＲＴ", "START"),
    ("S T O P", "s.t.a.r.t", "START"),
    ("S\u0336T\u0336O\u0336P\u0336", "st\u00adart", "START"),
    ("Opt out", "opt-in", "START"),
    ("STOP\ufe0f\n\n", "**START**", "START"),
)
NOT_ALONE = (
    "don't stop", "stop it", "start", "Stop the music!", "nonstop", "stop by at 9", "Stop?! Why?",
    "stop stop", "1 stop", "STOP 2", "stopover", "bus stop", "the word is STOP", "opt", "out",
    "hör nicht auf, stopp mal", "kurzer Stopp", "mich abmelden", "Stoppuhr", "ab melden",
    "no pares", "para parar", "baja el volumen", "muy alto", "de baja", "un alto",
    "de s'abonner", "l'arrêt", "arrêt de bus", "sans arrêt", "d\u00e9s abonner",
    "não pare", "pare aqui", "pa re", "стоп-сигнал", "не стоп", "отписаться от Анны",
    "لا تتوقف", "توقف هنا", "قف عند الباب", "停下来", "不停", "停车", "退订吗", "请停止", "",
    "🛑", "...", "s t o p it",
)  # fmt: skip


async def test_stop_alone_stops_what_the_owner_starts_until_start(platform: Platform) -> None:
    assert await answered(platform, ANN, "hello") == "re: hello"
    stop, start, word = WRITTEN[10]
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


async def test_the_word_alone_counts_however_it_is_written_and_no_other_text(
    platform: Platform, admin: Admin
) -> None:
    said = await platform.accepted(ANN, "hello")

    def noted(text: str) -> str | None:
        row = admin.execute(
            "SELECT gate.record_opt_out(%s, %s)", (said.contact_id, text)
        ).fetchone()
        return row and row[0]

    words = [
        (stop, start)
        for language in STOP
        for stop, start in zip_longest(STOP[language], START[language], fillvalue="start")
        if stop != "start"
    ]
    for stop, start in (*words, *((stop, start) for stop, start, _ in WRITTEN)):
        assert (noted(stop), noted(start)) == ("opt_out", "opt_in"), (stop, start)
    for stop, _, word in WRITTEN:
        assert word in opt_out_reply(stop, stopped=True), stop
    for is_stopped in (False, True):
        admin.execute(
            "UPDATE discreet.contacts SET stopped_at = CASE WHEN %s THEN now() END", (is_stopped,)
        )
        noticed = [text for text in NOT_ALONE if noted(text) is not None]
        assert noticed == (["start"] if is_stopped else [])


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
    with pytest.raises(BadInput, match="No contact has the label nobody-has-it"):
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
        "SELECT gate.tell_contact_blocker(%s)",
        "SELECT gate.record_opt_out(%s, 'stop')",
        "SELECT stopped_at FROM discreet.contacts WHERE id = %s",
    ):
        async with db.begin(platform.world.contact(bob.contact_id)) as tx:
            with pytest.raises(ScopeError):
                await Transaction.execute(tx, call, (ann.contact_id,))  # type: ignore[arg-type]
    assert await platform.sent(ANN) == []
