"""A platform's reports on ids and answers change nothing for anybody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from discreet.domain.addresses import Address
from discreet.domain.ids import ContactId
from discreet.domain.inbound import AddressSender
from discreet.domain.platform import Receipt, Stage
from discreet.intake import accept
from discreet.intake.address_aliases import link_aliases
from discreet.intake.receipts import record_receipt
from discreet.intake.receive_cursor import ChannelCursor
from discreet.services.agents import create_agent
from tests.support.platform import Platform
from tests.support.world import World, other_owner

Admin = psycopg.Connection[Any]

BSUID, OTHER_BSUID = "US.1349", "US.9999"
PHONE, OTHER_PHONE = "16505551234", "16505559999"


def person(main: str, *also: str) -> AddressSender:
    return AddressSender(
        Address("whatsapp", main), "Alice", tuple(Address("whatsapp", each) for each in also)
    )


async def number(world: World, account: str = "1") -> Platform:
    return Platform(world, await world.add_channel("whatsapp", account, "open"))


async def say(line: Platform, sender: AddressSender) -> Any:
    inbound = replace(line.inbound(str(sender.address), "hello"), sender=sender)
    return (await accept(line.world.db, line.world.owner_id, inbound)).contact_id


def contact_of(admin: Admin, world: World, platform_id: str) -> Any:
    row = admin.execute(
        "SELECT contact_id FROM discreet.addresses WHERE owner_id = %s AND platform_id = %s",
        (world.owner_id, platform_id),
    ).fetchone()
    return None if row is None else row[0]


async def test_two_ids_in_one_message_are_one_contact_whichever_was_known_first(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    by_phone = await say(line, person(PHONE))
    assert await say(line, person(BSUID, PHONE)) == by_phone
    by_id = await say(line, person(OTHER_BSUID, OTHER_PHONE))
    assert by_id != by_phone
    assert contact_of(admin, world, OTHER_PHONE) == by_id
    assert await say(line, person(OTHER_PHONE)) == by_id


async def test_a_number_that_changes_hands_leads_its_new_holder_into_no_other_session(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    before = await say(line, person(BSUID, PHONE))
    after = await say(line, person(OTHER_BSUID, PHONE))
    assert after != before
    assert contact_of(admin, world, OTHER_BSUID) == after


async def test_two_contacts_are_never_joined_by_what_a_message_says(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    one, two = await say(line, person(BSUID)), await say(line, person(PHONE))
    assert await say(line, person(BSUID, PHONE)) == one
    assert (contact_of(admin, world, BSUID), contact_of(admin, world, PHONE)) == (one, two)


async def test_no_id_becomes_the_owners_and_no_group_gets_a_persons(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    admin.execute(
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, of_owner)"
        " VALUES (%s, 'whatsapp', %s, true)",
        (world.owner_id, PHONE),
    )
    inbound = replace(line.inbound(f"whatsapp:{BSUID}", "hello"), sender=person(BSUID, PHONE))
    await link_aliases(world.db, world.owner_id, inbound)
    assert contact_of(admin, world, BSUID) is None
    assert await say(line, person(BSUID, PHONE)) is not None
    await line.accepted(f"whatsapp:{OTHER_BSUID}", "hello", group="whatsapp:Y2Fw")
    inbound = replace(line.inbound("whatsapp:US.5", "hello"), sender=person("US.5", "Y2Fw"))
    await link_aliases(world.db, world.owner_id, inbound)
    assert contact_of(admin, world, "US.5") is None


async def test_ids_of_one_owner_say_nothing_to_another(world: World, admin: Admin) -> None:
    mine, other = await number(world), await other_owner(world, admin)
    theirs = await number(other, "2")
    known = await say(mine, person(PHONE))
    new = await say(theirs, person(BSUID, PHONE))
    assert new != known
    assert contact_of(admin, world, BSUID) is None
    assert contact_of(admin, other, PHONE) == new


async def answered(
    line: Platform, name: str, sender: str = "whatsapp:US.1", state: str = "sent"
) -> ContactId:
    """Store a sent answer under this platform id; return its contact."""
    world = line.world
    said = await line.accepted(sender, "hello")
    assert said.contact_id is not None
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        route = await tx.value(
            "SELECT route_id FROM discreet.messages WHERE id = %(id)s", {"id": said.message_id}
        )
        answer = await tx.value(
            "INSERT INTO discreet.messages (session_id, route_id, position, direction, state, text)"
            " VALUES (%(session)s, %(route)s, 90, 'out', 'sent', 'hi') RETURNING id",
            {"session": said.session_id, "route": route},
        )
        await tx.execute(
            "INSERT INTO discreet.outbox (message_id, session_id, route_id)"
            " VALUES (%(message)s, %(session)s, %(route)s)",
            {"message": answer, "session": said.session_id, "route": route},
        )
        await tx.execute(
            "UPDATE discreet.outbox SET state = %(state)s, platform_messages = ARRAY[%(name)s]"
            " WHERE message_id = %(message)s",
            {"message": answer, "name": name, "state": state},
        )
    return said.contact_id


async def test_a_receipt_is_for_the_answer_of_its_own_channel_and_owner_only(
    world: World, admin: Admin
) -> None:
    other = await other_owner(world, admin)
    mine, second = await number(world), await number(world, "3")
    theirs = await number(other, "2")
    await answered(mine, "wamid.1")

    async def note(by: Platform, stage: Stage) -> bool:
        receipt = Receipt(by.channel_id, ("US.1",), "wamid.1", stage, datetime.now(UTC), "why")
        return await record_receipt(by.world.db, by.world.owner_id, receipt)

    assert not await note(theirs, "failed")
    assert not await note(second, "failed")
    # Another owner that names this channel gets the same error as for a nonexistent one.
    assert not await note(Platform(other, mine.channel_id), "failed")
    early = "SELECT count(*) FROM discreet.early_receipts WHERE channel_id = %s"
    assert admin.execute(early, (mine.channel_id,)).fetchone() == (0,)
    state = "SELECT state, delivered_at IS NULL, read_at IS NULL FROM discreet.outbox"
    assert admin.execute(state).fetchall() == [("sent", True, True)]
    assert await note(mine, "delivered")
    assert admin.execute(state).fetchall() == [("sent", False, True)]
    assert await note(mine, "failed")
    assert admin.execute(state).fetchall() == [("sent", False, True)]


RECEIPTS = """
SELECT contact_id, state, delivered_at IS NOT NULL, read_at IS NOT NULL FROM discreet.outbox
"""


async def test_a_contact_that_calls_its_answer_as_anothers_gets_none_of_their_receipts(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    spy = await answered(line, "wamid.1", "whatsapp:US.2")
    victim = await answered(line, "wamid.1")
    early = await answered(line, "wamid.2", "whatsapp:US.3", state="sending")

    async def note(chat: str, name: str, stage: Stage) -> bool:
        receipt = Receipt(line.channel_id, (chat,), name, stage, datetime.now(UTC), "why")
        return await record_receipt(world.db, world.owner_id, receipt)

    # Both, because a look that ignored the chat would find the same answer each time.
    assert await note("US.1", "wamid.1", "read")
    assert await note("US.2", "wamid.1", "delivered")
    assert not await note("US.1", "wamid.2", "read"), "of nobody's answer yet"
    async with world.db.begin(world.contact(early)) as tx:
        await tx.execute("UPDATE discreet.outbox SET state = 'sent'")
    assert sorted(admin.execute(RECEIPTS).fetchall()) == sorted(
        [
            (victim, "sent", True, True),
            (spy, "sent", True, False),
            (early, "sent", False, False),
        ]
    )
    assert admin.execute("SELECT count(*) FROM discreet.early_receipts").fetchone() == (1,)


async def test_a_receipt_finds_its_answer_by_any_id_of_the_person_and_by_no_other(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    await say(line, person(BSUID, PHONE))
    await say(line, person(OTHER_BSUID, OTHER_PHONE))

    async def is_chat(one: str, *chats: str) -> bool:
        found = admin.execute(
            "SELECT gate.is_same_chat(%s, 'whatsapp', %s, %s)", (world.owner_id, one, list(chats))
        ).fetchone()
        return found == (True,)

    assert await is_chat(BSUID, BSUID)
    assert await is_chat(BSUID, PHONE)
    assert await is_chat(PHONE, OTHER_PHONE, BSUID)
    assert not await is_chat(BSUID, OTHER_BSUID, OTHER_PHONE)
    assert not await is_chat(BSUID)
    assert not await is_chat("group Y2Fw", "Y2Fw")


async def test_an_answer_replies_only_to_messages_of_its_own_session_and_chat(
    world: World, admin: Admin
) -> None:
    line = await number(world)
    theirs = await line.accepted("whatsapp:US.1", "hello", message_id="wamid.theirs")
    mine = await line.accepted("whatsapp:US.2", "hello", message_id="wamid.mine")
    assert theirs.contact_id != mine.contact_id
    for position, reply_to in enumerate(("wamid.theirs", "wamid.mine", "wamid.nobodys"), 90):
        async with world.db.begin(world.contact(mine.contact_id)) as tx:
            await tx.execute(
                "INSERT INTO discreet.messages (session_id, route_id, position, direction, state,"
                " text, reply_to) SELECT session_id, route_id, %(position)s, 'out', 'sent', 'hi',"
                " %(reply)s FROM discreet.messages WHERE id = %(id)s",
                {"position": position, "reply": reply_to, "id": mine.message_id},
            )
    replies = "SELECT reply_to FROM discreet.messages WHERE direction = 'out' ORDER BY position"
    assert admin.execute(replies).fetchall() == [(None,), ("wamid.mine",), (None,)]


async def test_one_id_on_two_platforms_is_two_people_and_on_two_accounts_of_two_agents_two_scopes(
    world: World, admin: Admin
) -> None:
    same = "900000000000000101"
    telegram = Platform(world, await world.add_channel("telegram", "7"))
    discord = Platform(world, await world.add_channel("discord", "7"))
    one = await telegram.accepted(f"telegram:{same}", "I am allergic to nuts")
    two = await discord.accepted(f"discord:{same}", "hello")
    assert one.contact_id != two.contact_id
    bea = replace(world, agent_id=(await create_agent(world.db, world.owner_id, "Bea")).id)
    other = Platform(bea, await bea.add_channel("discord", "8"))
    three = await other.accepted(f"discord:{same}", "hello")
    assert three.contact_id == two.contact_id
    assert three.session_id != two.session_id
    async with world.db.begin(bea.contact(three.contact_id)) as tx:
        seen = await tx.fetch("SELECT session_id FROM discreet.messages")
    assert {row["session_id"] for row in seen} == {three.session_id}


async def test_a_member_of_a_server_and_the_server_share_nothing_also_in_its_threads(
    world: World,
) -> None:
    line = Platform(world, await world.add_channel("discord", "7"))
    me, channel, secret = "discord:101", "discord:301", "discord:402"
    direct = await line.accepted(me, "between us: I am ill", chat_id="201")
    thread = {"chat_id": "301", "platform_thread": "401", "thread_key": "thread:401"}
    said = [
        direct,
        await line.accepted(me, "to all", group=channel),
        await line.accepted(me, "in the thread", group=channel, **thread),
        await line.accepted(me, "in the private thread", group=secret),
    ]
    assert len({each.session_id for each in said}) == 4
    assert said[1].contact_id == said[2].contact_id
    assert len({each.contact_id for each in said}) == 3
    for each, seen in zip(said, ({"between us: I am ill"}, None, None, None), strict=True):
        async with world.db.begin(world.contact(each.contact_id)) as tx:
            texts = {row["text"] for row in await tx.fetch("SELECT text FROM discreet.messages")}
        assert seen is None or texts == seen
        assert each is direct or "between us: I am ill" not in texts


async def test_how_far_a_channel_has_listened_is_its_own_owners_and_never_goes_back(
    world: World, admin: Admin
) -> None:
    line = Platform(world, await world.add_channel("discord", "7"))
    second = await world.add_channel("discord", "8")
    other = await other_owner(world, admin)
    await line.accepted("discord:101", "hello", chat_id="201")
    mine = ChannelCursor(world.db, world.owner_id, line.channel_id)
    theirs = ChannelCursor(other.db, other.owner_id, line.channel_id)
    sibling = ChannelCursor(world.db, world.owner_id, second)
    assert await mine.chats() == [("201", "")]
    assert list(await theirs.chats()) == list(await sibling.chats()) == []
    start = await mine.received_through()
    later = start + timedelta(days=1)
    errors = "SELECT last_error FROM discreet.channels WHERE platform = 'discord' ORDER BY account"
    await theirs.advance(later)
    await theirs.record_error("planted")
    assert admin.execute(errors).fetchall() == [("",), ("",)]
    await sibling.advance(later)
    assert await mine.received_through() == start
    await mine.advance(later)
    await mine.advance(start)
    assert await mine.received_through() == later
    await mine.record_error("no token")
    assert admin.execute(errors).fetchall() == [("no token",), ("",)]
    admin.execute("UPDATE discreet.channels SET closed_at = now() WHERE platform = 'discord'")
    assert list(await mine.chats()) == []
    await mine.record_error("")
    assert admin.execute(errors).fetchall() == [("no token",), ("",)]
