"""Linking accounts of one person: what moves, and undoing it completely."""

from __future__ import annotations

import pytest
from psycopg import sql

from discreet.auth import tokens
from discreet.domain.errors import Conflict, NotFound, Unauthorized
from discreet.domain.inbound import ContactSender, Inbound
from discreet.intake import accept
from discreet.scope import ScopedDatabase
from discreet.services import contacts, linking
from tests.contacts.linked import (
    ANN,
    ANN_TOO,
    BOB,
    OF_LINKS,
    STAYS_WITH_THE_JOINED,
    Admin,
    answered,
    everything,
    keep,
    kept_by,
    link,
    link_by_id,
    naming,
    undo,
)
from tests.support.platform import Platform, make_platform
from tests.support.responders import Responder
from tests.support.world import make_world


async def test_a_preview_changes_nothing_and_says_what_would_move(
    platform: Platform, admin: Admin
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    for said in (first, other):
        await keep(platform, said, "likes tea")
    await keep(platform, first, "born in May", "birthday")
    await keep(platform, other, "born in June", "birthday")
    before = everything(admin)
    found = await linking.preview_link(
        platform.world.db, platform.world.owner_id, ANN, str(other.contact_id)
    )
    assert (found.sessions, found.messages, found.memories) == (1, 1, 1)
    assert (found.known_already, found.topics, found.tokens) == (1, ("birthday",), 0)
    assert everything(admin) == before


async def test_undoing_a_link_puts_every_row_back_where_it_was(
    platform: Platform, admin: Admin
) -> None:
    world, responder = platform.world, Responder()
    first = await platform.accepted(ANN, "a", name="Ann")
    await answered(platform, ANN, "b", responder)
    other = await platform.accepted(ANN_TOO, "c", name="Ann")
    await answered(platform, ANN_TOO, "d", responder)
    await answered(platform, ANN_TOO, "e", responder, thread_key="trip")
    await answered(platform, ANN_TOO, "/new", responder)
    bob = await platform.accepted(BOB, "f")
    for said in (first, other, bob):
        await keep(platform, said, "likes tea", "drink")
        await keep(platform, said, f"is {said.contact_id}", "self")
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'likes mate' WHERE true"
                           " AND topic_key = 'self'")  # fmt: skip
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE topic_key = 'drink'"
        )
    before = everything(admin)

    made = await link(platform, str(first.contact_id), str(other.contact_id))
    during = everything(admin)
    assert during["messages"] != before["messages"]
    assert {row for row in during["messages"] if str(bob.contact_id) in row} == {
        row for row in before["messages"] if str(bob.contact_id) in row
    }
    found = await linking.preview_undo(world.db, world.owner_id, str(made.id))
    assert (found.memories, found.sessions) == (1, 3)
    await undo(platform, made)

    after = everything(admin)
    assert {name: tx for name, tx in after.items() if name not in OF_LINKS} == {
        name: tx for name, tx in before.items() if name not in OF_LINKS
    }


async def test_no_table_forgets_to_follow_a_link(platform: Platform, admin: Admin) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b", new_session=True)
    await answered(platform, ANN_TOO, "c", Responder())
    await keep(platform, other, "likes tea")
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'likes mate'")
        await tx.execute("INSERT INTO discreet.memories (content) VALUES ('has a cat')")
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE content = 'has a cat'"
        )
    await link(platform, ANN, str(other.contact_id))
    left = set(naming(admin, other.contact_id))
    assert left <= STAYS_WITH_THE_JOINED, left


async def test_what_both_remember_is_kept_once_and_under_one_topic_the_kept_ones(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    await keep(platform, first, "Likes tea.")
    await keep(platform, other, "likes tea")
    await keep(platform, first, "born in May", "birthday")
    await keep(platform, other, "born in June", "birthday")
    await keep(platform, other, "eats no nuts", "diet")
    # Her memory with another agent doesn't conflict here.
    eve = await make_world(platform.world.db, agent="Eve")
    async with eve.db.begin(eve.contact(first.contact_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.memories (content, topic_key) VALUES ('eve has it', 'diet')"
        )
    made = await link(platform, ANN, ANN_TOO)
    assert await kept_by(platform, first.contact_id) == {
        ("Likes tea.", None),
        ("born in May", "birthday"),
        ("born in June", None),
        ("eats no nuts", "diet"),
    }
    await undo(platform, made)
    assert await kept_by(platform, first.contact_id) == {
        ("Likes tea.", None),
        ("born in May", "birthday"),
    }
    assert await kept_by(platform, other.contact_id) == {
        ("likes tea", None),
        ("born in June", "birthday"),
        ("eats no nuts", "diet"),
    }


async def test_rows_changed_since_the_link_go_back_in_their_current_state(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    await keep(platform, other, "likes tea", "drink")
    await keep(platform, other, "has a cat")
    made = await link(platform, ANN, ANN_TOO)
    await keep(platform, first, "was said since")
    async with platform.world.db.begin(platform.world.contact(first.contact_id)) as tx:
        await tx.execute("UPDATE discreet.memories SET content = 'x' WHERE topic_key = 'drink'")
        await tx.execute(
            "SELECT gate.forget_memory(id, NULL) FROM discreet.memories WHERE content = 'has a cat'"
        )
    await undo(platform, made)
    assert await kept_by(platform, first.contact_id) == {("was said since", None)}
    assert await kept_by(platform, other.contact_id) == {("x", "drink")}
    async with platform.world.db.begin(platform.world.contact(other.contact_id)) as tx:
        past = await tx.fetch_tuples("SELECT content, change FROM discreet.memory_history")
    assert set(past) == {("likes tea", "update"), ("has a cat", "delete")}


async def test_messages_since_the_link_stay_with_the_survivor_and_the_next_one_does_not(
    platform: Platform,
) -> None:
    first, other = await platform.accepted(ANN, "a"), await platform.accepted(ANN_TOO, "b")
    made = await link(platform, ANN, ANN_TOO)
    since = await platform.accepted(ANN_TOO, "c")
    found = await linking.preview_undo(platform.world.db, platform.world.owner_id, str(made.id))
    assert (found.sessions, found.messages, found.said_since) == (1, 1, 1)
    await undo(platform, made)
    assert since.session_id == first.session_id
    again = await platform.accepted(ANN_TOO, "d")
    assert (again.contact_id, again.session_id) == (other.contact_id, other.session_id)
    with pytest.raises(NotFound, match="undone"):
        await undo(platform, made)
    with pytest.raises(NotFound, match="no such link"):
        async with platform.world.db.begin(platform.world.owner) as tx:
            await tx.value("SELECT gate.undo_link(%s)", (made.id,))


async def test_an_address_that_was_given_to_somebody_else_since_stays_there(
    platform: Platform, admin: Admin
) -> None:
    await platform.accepted(ANN, "a")
    await platform.accepted(ANN_TOO, "b")
    third = await platform.accepted(BOB, "c")
    made = await link(platform, ANN, ANN_TOO)
    admin.execute(
        "UPDATE discreet.addresses SET contact_id = %s WHERE platform_id = '2001'",
        (third.contact_id,),
    )
    await undo(platform, made)
    assert (await platform.accepted(ANN_TOO, "d")).contact_id == third.contact_id


async def test_nothing_leads_to_a_contact_that_was_joined(platform: Platform) -> None:
    world = platform.world
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    _, token = await tokens.create_token(world.db, world.owner_id, contact=str(other.contact_id))
    assert (await tokens.authenticate(world.db, token)).contact_id == other.contact_id
    made = await link(platform, ANN, ANN_TOO)

    with pytest.raises(Unauthorized):
        await tokens.authenticate(world.db, token)
    with pytest.raises(NotFound, match="merged into"):
        await contacts.find_contact(world.db, world.owner_id, str(other.contact_id))
    assert [found.contact.addresses for found in await contacts.list_recent_contacts(
        world.db, world.owner_id)] == [(ANN, ANN_TOO)]  # fmt: skip
    assert other.contact_id is not None
    by_id = platform.inbound(ANN, "c")
    with pytest.raises(NotFound):
        await accept(
            world.db,
            world.owner_id,
            Inbound(
                channel_id=world.channel_id,
                chat_id="x",
                message_id="x",
                sender=ContactSender(other.contact_id),
                text="c",
                sent_at=by_id.sent_at,
            ),
        )
    async with world.db.begin(world.contact(other.contact_id)) as tx:
        with pytest.raises(Conflict):
            await tx.execute("INSERT INTO discreet.memories (content) VALUES ('x')")

    await undo(platform, made)
    assert (await tokens.authenticate(world.db, token)).contact_id == other.contact_id
    await keep(platform, other, "x")


async def test_links_are_undone_in_the_order_in_which_rows_can_go_back(
    platform: Platform,
) -> None:
    first = await platform.accepted(ANN, "a")
    second = await platform.accepted(ANN_TOO, "b")
    third = await platform.accepted(BOB, "c")
    await keep(platform, third, "from the third")
    inner = await link(platform, ANN_TOO, BOB)
    outer = await link(platform, ANN, ANN_TOO)
    assert await kept_by(platform, first.contact_id) == {("from the third", None)}
    fourth = await platform.accepted("telegram:1004", "d")
    for kept, joined in ((second, fourth), (fourth, third)):
        with pytest.raises(Conflict, match="already merged with another contact"):
            await link_by_id(platform, kept, joined)
    with pytest.raises(Conflict, match="undo that link first"):
        await undo(platform, inner)
    await undo(platform, outer)
    await undo(platform, inner)
    assert await kept_by(platform, first.contact_id) == set()
    assert await kept_by(platform, second.contact_id) == set()
    assert await kept_by(platform, third.contact_id) == {("from the third", None)}


@pytest.mark.parametrize(
    ("column", "why"), [("blocked_at", "unblock"), ("taken_over_at", "hand it back")]
)
async def test_who_is_blocked_or_taken_over_is_not_joined(
    platform: Platform, admin: Admin, column: str, why: str
) -> None:
    await platform.accepted(ANN, "a")
    other = await platform.accepted(ANN_TOO, "b")
    admin.execute(
        sql.SQL("UPDATE discreet.contacts SET {} = now() WHERE id = %s").format(
            sql.Identifier(column)
        ),
        (other.contact_id,),
    )
    for kept, joined in ((ANN, ANN_TOO), (ANN_TOO, ANN)):
        with pytest.raises(Conflict, match=why):
            await link(platform, kept, joined)


async def test_being_let_in_follows_a_link_and_goes_back_with_it(db: ScopedDatabase) -> None:
    platform = await make_platform(db)
    world = platform.world
    assert await platform.reason(ANN_TOO, "hi") == "aside"
    first = await world.say(ANN, "from the terminal")
    with pytest.raises(Conflict, match="waiting for approval"):
        await link(platform, str(first.contact_id), ANN_TOO)
    async with db.begin(world.owner) as tx:
        [pairing] = await tx.fetch("SELECT id, contact_id FROM discreet.pairings")
        await tx.execute("SELECT gate.decide_pairing(%(id)s, true)", {"id": pairing["id"]})
    elsewhere = Platform(world, await world.add_channel("telegram", "other", "allowlist"))
    async with db.begin(world.owner) as tx:
        await tx.value(
            "SELECT gate.admit_sender(%s, 'telegram', '1002', 'external')", (elsewhere.channel_id,)
        )
    made = await link(platform, str(first.contact_id), ANN_TOO)
    assert (await platform.accepted(ANN, "now here as well")).contact_id == first.contact_id
    assert await elsewhere.reason(ANN, "and there?") == "stranger"
    await undo(platform, made)
    assert await platform.reason(ANN, "and now?") == "aside"
    assert (await platform.accepted(ANN_TOO, "still")).contact_id == pairing["contact_id"]
