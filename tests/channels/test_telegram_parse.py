"""Parsing of Telegram updates, as a table of payloads in Telegram's own format."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from telegram import TelegramObject, Update

from discreet.channels.telegram.parse import Bot, parse
from discreet.domain.addresses import Address
from discreet.domain.content import Content, Forward, Part, Quote, notice
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import (
    AddressSender,
    Attachment,
    Group,
    GroupSender,
    Inbound,
    UnknownSender,
)
from discreet.domain.platform import GroupMoved
from tests.channels.payloads import (
    ALICE,
    ANONYMOUS_ADMIN,
    BOB,
    BOT,
    CHANNEL,
    DATE,
    DOCUMENT,
    FORUM,
    GROUP,
    KICKED,
    LEFT,
    LINKED,
    MEMBER,
    OTHER_BOT,
    PHOTO,
    PRIVATE,
    SUPERGROUP,
    VOICE,
    edited,
    entity,
    membership,
    message,
)

CHANNEL_ID = ChannelId(UUID(int=1))
AT = datetime.fromtimestamp(DATE, UTC)
DIRECT = Inbound(
    CHANNEL_ID,
    "1001",
    "7",
    AddressSender(Address("telegram", "1001"), "Alice Adams"),
    "hello",
    AT,
)
IN_GROUP = replace(
    DIRECT,
    chat_id="-500100",
    sender=AddressSender(Address("telegram", "1002"), "Bob"),
    group=Group(Address("telegram", "-500100"), "The Adamses"),
    addressed=False,
)
OVERHEARD = replace(IN_GROUP, text="hello")
IN_FORUM = replace(
    IN_GROUP,
    chat_id="-1001234567890",
    group=Group(Address("telegram", "-1001234567890"), "The Adamses"),
)


def said(text: str, *entities: dict[str, Any], **more: Any) -> dict[str, Any]:
    return message(GROUP, BOB, text=text, entities=list(entities), **more)


def by(sender: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": DATE, "chat": GROUP, "from": sender, **more}


MESSAGES = {
    "a direct message": (message(PRIVATE, ALICE, text="hello"), DIRECT),
    "a direct reply": (
        message(PRIVATE, ALICE, text="hello", reply_to_message={**by(BOT), "text": "hi"}),
        replace(
            DIRECT,
            reply_to="5",
            content=Content(quote=Quote("hi", "Ada", "telegram:4242", is_ours=True, at=AT)),
        ),
    ),
    "a command": (
        message(PRIVATE, ALICE, text="/start abc", entities=[entity("bot_command", 0, 6)]),
        replace(DIRECT, text="/start abc"),
    ),
    "a forwarded message": (
        message(
            PRIVATE,
            ALICE,
            text="hello",
            forward_origin={"type": "user", "date": DATE, "sender_user": BOB},
        ),
        replace(DIRECT, content=Content(forward=Forward("Bob", AT))),
    ),
    "a photo with a caption": (
        message(PRIVATE, ALICE, photo=PHOTO, caption="what is it?"),
        replace(
            DIRECT,
            text="[photo] what is it?",
            attachments=(Attachment("photo", "AgAC-large", "", "image/jpeg", 150_000),),
        ),
    ),
    "a voice message": (
        message(PRIVATE, ALICE, voice=VOICE),
        replace(
            DIRECT,
            text="[voice message]",
            attachments=(Attachment("voice", "AwAC-voice", "", "audio/ogg", 48_000),),
        ),
    ),
    "a document": (
        message(PRIVATE, ALICE, document=DOCUMENT),
        replace(
            DIRECT,
            text="[document: menu.pdf]",
            attachments=(
                Attachment("document", "BQAC-doc", "menu.pdf", "application/pdf", 90_000),
            ),
        ),
    ),
    "an album": (
        message(PRIVATE, ALICE, photo=PHOTO, media_group_id="1390"),
        replace(
            DIRECT,
            text="[photo]",
            album="1390",
            attachments=(Attachment("photo", "AgAC-large", "", "image/jpeg", 150_000),),
        ),
    ),
    "a place": (
        message(PRIVATE, ALICE, location={"latitude": 38.7, "longitude": -9.1}),
        replace(DIRECT, text="", content=Content((Part("location", (("at", "38.7, -9.1"),)),))),
    ),
    "a line in a group that isn't for the bot": (said("hello"), OVERHEARD),
    "a mention": (
        said("🦊 @Ada_Bot hi", entity("mention", 3, 8)),
        replace(IN_GROUP, text="🦊 @Ada_Bot hi", addressed=True),
    ),
    "somebody else's mention": (
        said("@ada_bot2 hi", entity("mention", 0, 9)),
        replace(IN_GROUP, text="@ada_bot2 hi"),
    ),
    "the bot's name in a word": (
        said("mail@ada_bot.org", entity("email", 0, 16)),
        replace(IN_GROUP, text="mail@ada_bot.org"),
    ),
    "a mention without a username": (
        said("Ada hi", entity("text_mention", 0, 3, user=BOT)),
        replace(IN_GROUP, text="hi", addressed=True),
    ),
    "a mention in a caption": (
        message(
            GROUP,
            BOB,
            photo=PHOTO,
            caption="@ada_bot ?",
            caption_entities=[entity("mention", 0, 8)],
        ),
        replace(
            IN_GROUP,
            text="[photo] ?",
            addressed=True,
            attachments=(Attachment("photo", "AgAC-large", "", "image/jpeg", 150_000),),
        ),
    ),
    "a reply to the bot": (
        said("hello", reply_to_message=by(BOT, text="hi")),
        replace(
            OVERHEARD,
            addressed=True,
            reply_to="5",
            content=Content(quote=Quote("hi", "Ada", "telegram:4242", is_ours=True, at=AT)),
        ),
    ),
    "a reply to somebody else": (
        said("hello", reply_to_message=by(ALICE, text="hi")),
        replace(
            OVERHEARD,
            reply_to="5",
            content=Content(quote=Quote("hi", "Alice Adams", "telegram:1001", at=AT)),
        ),
    ),
    "a command for this bot": (
        said("/new@ada_bot please", entity("bot_command", 0, 12)),
        replace(IN_GROUP, text="/new please", addressed=True),
    ),
    "a command for another bot": (
        said("/new@spam_bot", entity("bot_command", 0, 13)),
        replace(IN_GROUP, text="/new@spam_bot"),
    ),
    "a topic of a forum": (
        message(FORUM, BOB, text="hello", message_thread_id=33, is_topic_message=True),
        replace(IN_FORUM, platform_thread="33", thread_key="topic:33"),
    ),
    "the first line of a topic that the bot opened": (
        message(
            FORUM,
            BOB,
            text="hello",
            message_thread_id=33,
            is_topic_message=True,
            reply_to_message=by(BOT, forum_topic_created={"name": "x", "icon_color": 1}),
        ),
        replace(IN_FORUM, platform_thread="33", thread_key="topic:33"),
    ),
    "a thread of replies is no topic": (
        message(SUPERGROUP, BOB, text="hello", message_thread_id=12),
        IN_FORUM,
    ),
    "an anonymous administrator": (
        message(SUPERGROUP, ANONYMOUS_ADMIN, text="hello", sender_chat=SUPERGROUP),
        replace(IN_FORUM, sender=UnknownSender("an anonymous administrator wrote this")),
    ),
    "somebody in the name of a channel": (
        message(SUPERGROUP, None, text="hello", sender_chat=CHANNEL),
        replace(
            IN_FORUM,
            sender=UnknownSender("it was written in the name of a chat, not of a person"),
        ),
    ),
    "nobody": (
        message(PRIVATE, None, text="hello"),
        replace(DIRECT, sender=UnknownSender("Telegram didn't say who wrote this")),
    ),
    "a post in a channel": (
        {"update_id": 1, "channel_post": message(CHANNEL, None, text="hello")["message"]},
        replace(
            DIRECT,
            chat_id="-1009999",
            sender=UnknownSender("a post in a channel has no sender"),
            addressed=False,
        ),
    ),
    "an edit": (
        edited(message(PRIVATE, ALICE, text="helo"), text="hello"),
        replace(
            DIRECT,
            message_id=f"7/{DATE + 60}",
            edit_of="7",
            sent_at=AT + timedelta(seconds=60),
            addressed=False,
        ),
    ),
    "a place that moves": (
        edited(message(PRIVATE, ALICE, location={"latitude": 1.0, "longitude": 2.0})),
        None,
    ),
    "another bot": (message(GROUP, OTHER_BOT, text="buy"), None),
    "an update of a kind that nobody asked for": ({"update_id": 3}, None),
    "somebody blocks the bot": (membership(PRIVATE, MEMBER, KICKED), None),
    "somebody lets the bot write again": (membership(PRIVATE, KICKED, MEMBER), None),
    "the bot is put out of a group": (membership(SUPERGROUP, MEMBER, KICKED), None),
    "the bot is added to a group": (membership(GROUP, LEFT, MEMBER), None),
    "a post of a channel, as it appears in the channel's group": (
        message(
            SUPERGROUP,
            LINKED,
            text="hello",
            sender_chat=CHANNEL,
            is_automatic_forward=True,
            forward_origin={
                "type": "channel",
                "date": DATE,
                "chat": CHANNEL,
                "message_id": 3,
            },
        ),
        replace(
            IN_FORUM,
            content=Content(forward=Forward("News", AT)),
            sender=GroupSender("News"),
        ),
    ),
    "a notice of an anonymous administrator, with a title": (
        message(
            SUPERGROUP,
            ANONYMOUS_ADMIN,
            new_chat_title="Choir",
            sender_chat=SUPERGROUP,
            author_signature="Conductor",
        ),
        replace(
            IN_FORUM,
            text="",
            content=Content((notice("new title: Choir"),)),
            sender=GroupSender("an anonymous administrator (Conductor)"),
        ),
    ),
    "a notice of another bot": (
        message(GROUP, OTHER_BOT, new_chat_title="Choir"),
        replace(
            OVERHEARD,
            text="",
            content=Content((notice("new title: Choir"),)),
            sender=GroupSender("Spammer"),
        ),
    ),
    "a notice of this bot's own": (message(GROUP, BOT, new_chat_title="Choir"), None),
    "a notice in a channel": (
        {"update_id": 1, "channel_post": message(CHANNEL, None, new_chat_title="Choir")["message"]},
        None,
    ),
    "a post in a channel, signed": (
        {
            "update_id": 1,
            "channel_post": message(
                CHANNEL, None, text="hello", sender_chat=CHANNEL, author_signature="Alice"
            )["message"],
        },
        replace(
            DIRECT,
            chat_id="-1009999",
            sender=UnknownSender("a post in a channel has no sender"),
            addressed=False,
        ),
    ),
    "an edit in a topic": (
        edited(
            message(FORUM, BOB, text="helo", message_thread_id=33, is_topic_message=True),
            text="hello",
        ),
        replace(
            IN_FORUM,
            message_id=f"7/{DATE + 60}",
            edit_of="7",
            sent_at=AT + timedelta(seconds=60),
            platform_thread="33",
            thread_key="topic:33",
        ),
    ),
    "a caption that is edited in an album": (
        edited(
            message(PRIVATE, ALICE, photo=PHOTO, media_group_id="1390", caption="old"),
            caption="new",
        ),
        replace(
            DIRECT,
            message_id=f"7/{DATE + 60}",
            text="[photo] new",
            edit_of="7",
            sent_at=AT + timedelta(seconds=60),
            addressed=False,
            attachments=(Attachment("photo", "AgAC-large", "", "image/jpeg", 150_000),),
        ),
    ),
    "a group becomes a supergroup, in the old chat": (
        message(GROUP, BOB, migrate_to_chat_id=SUPERGROUP["id"]),
        GroupMoved(Address("telegram", "-500100"), Address("telegram", "-1001234567890")),
    ),
    "a group becomes a supergroup, in the new chat": (
        message(SUPERGROUP, ANONYMOUS_ADMIN, migrate_from_chat_id=GROUP["id"]),
        GroupMoved(Address("telegram", "-500100"), Address("telegram", "-1001234567890")),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_update_means(name: str) -> None:
    payload, meaning = MESSAGES[name]
    update = Update.de_json(payload, bot=None)
    assert parse(update, Bot(4242, "ada_bot"), CHANNEL_ID) == meaning


@pytest.mark.parametrize("name", MESSAGES)
def test_a_payload_of_this_table_has_no_field_that_telegrams_types_do_not_know(name: str) -> None:
    payload, _ = MESSAGES[name]
    update = Update.de_json(payload, bot=None)
    assert update is not None
    assert _unknown(update) == []


UNDOCUMENTED = {"all_members_are_administrators"}
"""Telegram sends it even so."""


def _unknown(value: Any, where: str = "update") -> list[str]:
    """Return the fields that the library didn't parse: a misspelt one would be ignored."""
    if isinstance(value, TelegramObject):
        found = [f"{where}.{field}" for field in value.api_kwargs if field not in UNDOCUMENTED]
        slots = (slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ()))
        for field in slots:
            if not field.startswith("_") and field != "api_kwargs":
                found += _unknown(getattr(value, field, None), f"{where}.{field}")
        return found
    if isinstance(value, list | tuple):
        return [line for item in value for line in _unknown(item, where)]
    return []
