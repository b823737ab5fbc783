"""A whole installation against an independent Bot API server, over a failing network."""

from __future__ import annotations

import base64
import json
import random
import socket
from typing import Any

import aiohttp
import pytest

from discreet.app import App
from discreet.channels.telegram.parse import Bot
from discreet.channels.telegram.receive import take_update
from discreet.domain.errors import BadInput, Conflict
from discreet.domain.inbound import Inbound
from discreet.domain.platform import ChannelSecret
from discreet.intake import accept
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase, WorkScope
from discreet.services.channels import connect_channel, disconnect_channel
from tests.channels.payloads import ALICE, GROUP, PRIVATE, edited, message
from tests.journeys.harness import FAULTS_SECONDS, Harness
from tests.support.bot_api import TOKEN, Fault, too_many
from tests.support.openai_server import Say, openai_server
from tests.support.world import make_world, open_scoped


async def test_a_running_server_takes_up_a_bot_answers_and_lets_it_go(harness: Harness) -> None:
    async with harness.serving():
        added = await harness.connect()
        await harness.api.direct(1001, "Remember that my dog is called Rex.")
        await harness.until(lambda: len(harness.api.texts(1001)) == 1)
        await harness.api.direct(1001, "What is my dog called?")
        await harness.until(lambda: len(harness.api.texts(1001)) == 2)
        assert "Rex" in harness.api.texts(1001)[1]
        assert harness.receiving() == 1
        await disconnect_channel(harness.app.channels, f"@{added.name}")
        await harness.until(lambda: harness.receiving() == 0, "the end of receiving")
        polls = harness.api.calls.count("getUpdates")
        await harness.api.direct(1001, "Are you there?")
    assert harness.api.calls.count("getUpdates") == polls
    assert len(harness.api.texts(1001)) == 2


async def test_the_token_is_in_no_file_of_the_home_and_in_no_table_that_tells_it(
    harness: Harness,
) -> None:
    await connect_channel(harness.app.channels, "Ada", "telegram", ChannelSecret(TOKEN))
    assert list(harness.app.settings.home.iterdir()) == []
    tables = harness.admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class c"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'"
    ).fetchall()
    rows = [harness.admin.execute(f"SELECT t::text FROM {name} t").fetchall() for (name,) in tables]
    assert len(rows) > 30
    assert TOKEN.split(":")[1] not in str(rows)
    await disconnect_channel(harness.app.channels, "ada_bot")
    assert harness.count("channel_secrets") == 0


async def test_a_bot_leads_to_one_agent(harness: Harness) -> None:
    await connect_channel(harness.app.channels, "Ada", "telegram", ChannelSecret(TOKEN))
    await connect_channel(harness.app.channels, "Ada", "telegram", ChannelSecret(TOKEN))
    await make_world(harness.app.db, agent="Bea")
    with pytest.raises(Conflict, match="leads to Ada"):
        await connect_channel(harness.app.channels, "Bea", "telegram", ChannelSecret(TOKEN))
    await disconnect_channel(harness.app.channels, "ada_bot")
    assert (
        await connect_channel(harness.app.channels, "Bea", "telegram", ChannelSecret(TOKEN))
    ).agent == "Bea"


async def test_people_are_answered_each_in_their_own_chat_and_nobody_twice_whatever_fails(
    harness: Harness,
) -> None:
    """Test slow answers, 429, 500, cut connections, repeated and reordered updates."""
    await harness.connect()
    harness.api.chaos = random.Random(7)
    people = range(2001, 2011)
    async with harness.serving():
        for person in people:
            await harness.api.direct(person, f"Remember that my number is {person}.")
        await harness.until(
            lambda: all(harness.api.texts(person) for person in people),
            "an answer for everybody",
            faults_seconds=FAULTS_SECONDS,
        )
        for person in people:
            await harness.api.direct(person, "What is my number?")
        await harness.until(
            lambda: all(len(harness.api.texts(person)) > 1 for person in people),
            "a second answer for everybody",
            faults_seconds=FAULTS_SECONDS,
        )
        await harness.until(
            lambda: harness.count("outbox WHERE state <> 'sent'") == 0,
            "a note of every answer",
            faults_seconds=FAULTS_SECONDS,
        )
    assert harness.count("messages WHERE direction = 'in'") == 2 * len(people), "nothing lost"
    assert harness.count("quarantine") == 0
    for person in people:
        texts = harness.api.texts(person)
        assert len(texts) == 2, "nothing answered twice"
        others = [str(other) for other in people if other != person]
        assert str(person) in texts[1]
        assert not any(other in text for other in others for text in texts), "nothing misrouted"


async def test_a_part_that_was_taken_is_not_sent_again_when_the_next_one_fails(
    harness: Harness,
) -> None:
    await harness.connect()
    async with harness.serving():
        await harness.api.direct(1001, "hello")
        # Recorded too: a delivery in progress would not survive what follows.
        await harness.until(lambda: harness.count("outbox WHERE state = 'sent'") == 1)
        harness.admin.execute("ALTER TABLE discreet.outbox DISABLE TRIGGER USER")
        harness.api.faults["sendMessage"] = [Fault("slow"), Fault("status", 500), too_many(1)]
        long = "word " * 1500
        harness.admin.execute(
            "WITH m AS (INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id,"
            " route_id, position, direction, state, text) SELECT owner_id, agent_id, contact_id,"
            " session_id, route_id, 1000, 'out', 'sent', %s FROM discreet.messages LIMIT 1"
            " RETURNING *) INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id,"
            " session_id, route_id) SELECT id, owner_id, agent_id, contact_id, session_id, route_id"
            " FROM m",
            (long,),
        )
        await harness.until(lambda: harness.count("outbox WHERE state <> 'sent'") == 0)
    assert " ".join(harness.api.texts(1001)[1:]) == long.strip()


async def test_a_group_is_answered_when_it_speaks_to_the_agent_and_knows_what_it_overheard(
    harness: Harness,
) -> None:
    await harness.connect()

    async def say(number: int, text: str, **more: Any) -> None:
        sender = {"id": 1002, "is_bot": False, "first_name": "Bob"}
        body = {"message_id": number, "date": 1_760_000_000, "chat": GROUP, "from": sender}
        await harness.api.say({"message": {**body, "text": text, **more}})

    mention = {"entities": [{"type": "mention", "offset": 0, "length": 8}]}
    async with harness.serving():
        await say(1, "The picnic is on Sunday.")
        await harness.until(lambda: harness.count("messages WHERE state = 'context'") == 1)
        await say(2, "@ada_bot When is the picnic?", **mention)
        await harness.until(lambda: len(harness.api.texts(GROUP["id"])) == 1)
        await harness.api.direct(1002, "When is the picnic?", "Bob")
        await harness.until(lambda: len(harness.api.texts(1002)) == 1)
    assert "Sunday" not in harness.api.texts(1002)[0]
    knew = harness.admin.execute(
        "SELECT prompt::text LIKE '%picnic is on Sunday%' FROM discreet.turns ORDER BY started_at"
    ).fetchall()
    assert knew == [(True,), (False,)], "the group's turn knows the line, Bob's own doesn't"


async def test_an_edit_runs_nothing_again(harness: Harness) -> None:
    await harness.connect()
    async with harness.serving():
        number = await harness.api.direct(1001, "helo")
        await harness.until(lambda: len(harness.api.texts(1001)) == 1)
        chat = {"id": 1001, "type": "private", "first_name": "Alice"}
        sender = {"id": 1001, "is_bot": False, "first_name": "Alice"}
        body = {"message_id": number, "date": 1, "chat": chat, "from": sender, "text": "hello"}
        raw = {**edited({"message": body}), "update_id": 999}
        await take(harness, raw)
        await harness.api.direct(1001, "and now?")
        await harness.until(lambda: len(harness.api.texts(1001)) == 2)
    assert harness.count("turns") == 2
    assert harness.count("messages WHERE state = 'context' AND text = '[edited] hello'") == 1


async def take(harness: Harness, update: dict[str, Any]) -> None:
    """Store an update of a kind that the emulator doesn't pass on."""
    async with harness.app.db.begin(WorkScope()) as tx:
        (channel,) = await tx.fetch("SELECT * FROM gate.open_channels()")

    async def store(parsed: object) -> None:
        assert isinstance(parsed, Inbound)
        await accept(harness.app.db, harness.app.owner_id, parsed)

    await take_update(update, Bot(7, "ada_bot"), channel["id"], store)


def direct_update(number: int, text: str, **more: Any) -> dict[str, Any]:
    sender = {"id": 1001, "is_bot": False, "first_name": "Alice"}
    chat = {"id": 1001, "type": "private", "first_name": "Alice"}
    return {"message_id": number, "date": 1_760_000_000, "chat": chat, "from": sender,
            "text": text, **more}  # fmt: skip


async def test_a_message_edited_at_once_is_answered_once_with_its_new_text(
    harness: Harness,
) -> None:
    await harness.connect()
    edit = direct_update(500, "Parcel to Milan", edit_date=1_760_000_001)
    await take(harness, {"update_id": 1, "message": direct_update(500, "Parcel to Rome")})
    await take(harness, {"update_id": 2, "edited_message": edit})
    async with harness.serving():
        await harness.until(lambda: len(harness.api.texts(1001)) == 1)
    [(prompt,)] = harness.admin.execute("SELECT prompt::text FROM discreet.turns").fetchall()
    assert "Parcel to Milan" in prompt
    assert "Rome" not in prompt


async def test_a_link_a_reply_and_a_kind_nobody_foresaw_reach_the_model(harness: Harness) -> None:
    await harness.connect()
    bot = {"id": 7, "is_bot": True, "first_name": "Ada", "username": "ada_bot"}
    asked = {**direct_update(3, "We open at nine."), "from": bot}
    link = {"type": "text_link", "offset": 4, "length": 8, "url": "https://example.org/menu"}
    said = direct_update(500, "see the menu", entities=[link], reply_to_message=asked)
    await harness.api.say({"message": said})
    hologram = direct_update(501, "")
    del hologram["text"]
    await harness.api.say({"message": {**hologram, "hologram": {"depth": 3}}})
    async with harness.serving():
        await harness.until(lambda: len(harness.api.texts(1001)) >= 1)
        await harness.until(lambda: harness.count("messages WHERE state = 'answered'") == 2)
    prompts = str(harness.admin.execute("SELECT prompt::text FROM discreet.turns").fetchall())
    for words in ("https://example.org/menu", "We open at nine.", "hologram"):
        assert words in prompts


async def test_two_servers_never_poll_the_same_bot(harness: Harness, database: Database) -> None:
    await harness.connect()
    async with open_scoped(database) as other_door:
        other = App(harness.app.settings, database, other_door, harness.app.owner_id)
        async with harness.serving(other):
            async with harness.serving():
                await harness.until(lambda: harness.receiving() == 2, "two that want the bot")
                for number in range(5):
                    await harness.api.direct(1001, f"hello {number}")
                await harness.until(lambda: harness.count("messages WHERE state = 'answered'") == 5)
            # The other one takes over.
            await harness.api.direct(1001, "hello again")
            await harness.until(lambda: harness.count("messages WHERE state = 'answered'") == 6)
    # The emulator rejects a second concurrent poll; none was tried.
    refused = [seen for seen in harness.api.emulator.requests if seen.get("status") == 409]
    assert refused == []


async def test_a_webhook_is_answered_200_once_the_message_is_stored_and_only_with_its_secret(
    harness: Harness, database: Database, db: ScopedDatabase
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = harness.app.settings.model_copy(
        update={
            "webhook_url": f"http://127.0.0.1:{port}",
            "webhook_listen": f"127.0.0.1:{port}",
        }
    )
    app = App(settings, database, db, harness.app.owner_id)
    channel = await harness.connect(app)
    async with harness.serving(app), aiohttp.ClientSession() as client:
        await harness.until(lambda: "setWebhook" in harness.api.calls)
        await harness.api.direct(1001, "hello")
        await harness.until(lambda: len(harness.api.texts(1001)) == 1)
        assert "getUpdates" not in harness.api.calls
        url = f"http://127.0.0.1:{port}/telegram/{channel.id}"
        header = "X-Telegram-Bot-Api-Secret-Token"
        for headers in ({}, {header: "wrong"}):
            async with client.post(url, json={"update_id": 1}, headers=headers) as answer:
                assert answer.status == 404
        # Unstored messages are not confirmed, so they are delivered again and then stored.
        async with harness.storing_nothing() as refused:
            await harness.api.direct(1001, "are you there?")
            await harness.until(refused, "a message that can't be stored")
            assert harness.count("messages WHERE text = 'are you there?'") == 0
        assert await harness.api.emulator.deliver_updates(token=TOKEN) == 1
        await harness.until(lambda: len(harness.api.texts(1001)) == 2)


async def test_a_token_that_telegram_refuses_is_not_kept(harness: Harness) -> None:
    from tests.support.bot_api import refused

    harness.api.faults["getMe"] = [refused(401, "Unauthorized")]
    with pytest.raises(BadInput, match="rejected the token"):
        await connect_channel(harness.app.channels, "Ada", "telegram", ChannelSecret(TOKEN))
    assert list(harness.app.settings.home.iterdir()) == []
    assert harness.count("channels WHERE platform = 'telegram'") == 0


async def test_photos_of_an_album_are_kept_with_their_contact_and_shown_to_the_model(
    harness: Harness,
) -> None:
    await harness.connect()
    harness.api.files = {"one": b"\xff\xd8\xff first", "two": b"\xff\xd8\xff second"}
    with openai_server(Say("A cat and a dog.")) as model:
        app = App(
            harness.app.settings.model_copy(
                update={"model": "any", "model_base_url": model.base_url}
            ),
            harness.app.database,
            harness.app.db,
            harness.app.owner_id,
        )
        async with harness.serving(app):
            harness.api.faults["getFile"] = [Fault("status", 500)]
            for number, name in enumerate(harness.api.files):
                photo = [{"file_id": name, "file_unique_id": name, "width": 9, "height": 9}]
                more = {"photo": photo, "media_group_id": "album", "caption": "my pets"}
                update = message(PRIVATE, ALICE, **more)
                update["message"]["message_id"] = 700 + number
                await harness.api.say(update)
            await harness.until(lambda: harness.api.texts(1001) == ["A cat and a dog."])
    kept = harness.admin.execute(
        "SELECT f.content FROM discreet.attachments f JOIN discreet.addresses a USING (contact_id)"
        " WHERE a.platform_id = '1001' ORDER BY f.position"
    ).fetchall()
    assert [bytes(content) for (content,) in kept] == list(harness.api.files.values())
    asked = json.dumps(model.requests[-1])
    for content in harness.api.files.values():
        assert base64.b64encode(content).decode() in asked


async def test_a_file_too_large_is_not_kept_and_its_message_is_answered(harness: Harness) -> None:
    await harness.connect()
    big = {"file_id": "big", "file_unique_id": "big", "file_name": "film.mkv"}
    async with harness.serving():
        await harness.api.say(message(PRIVATE, ALICE, document={**big, "file_size": 19_000_000}))
        await harness.until(lambda: len(harness.api.texts(1001)) == 1)
    assert harness.count("attachments WHERE state = 'refused' AND content IS NULL") == 1
    assert "getFile" not in harness.api.calls
