"""What Discord's kinds of messages become: payload -> (line, whether it is answered).

Written before the parser, after Discord's reference of the message object.
"""

from __future__ import annotations

from typing import Any

from tests.channels.discord_payloads import (
    ALICE,
    BOB,
    BOT,
    CHANNEL,
    DIRECT,
    PHOTO,
    message,
    reply,
)

AT_ME = f"<@{BOT['id']}>"
AT = "2026-11-01T11:00:00+00:00"


def direct(text: str = "", **fields: Any) -> dict[str, Any]:
    return message(DIRECT, ALICE, text, **fields)


def group(text: str = "", **fields: Any) -> dict[str, Any]:
    return message(CHANNEL, ALICE, text, **fields)


def forward(**snapshot: Any) -> dict[str, Any]:
    held = {"type": 0, "content": "", "timestamp": AT, "embeds": [], "attachments": [], **snapshot}
    reference = {"type": 1, "message_id": "5", "channel_id": "6"}
    return direct(message_reference=reference, message_snapshots=[{"message": held}])


def reaction(removed: bool = False, **emoji: Any) -> dict[str, Any]:
    body = {
        "user_id": ALICE["id"],
        "channel_id": DIRECT["id"],
        "message_id": "1300000000000000001",
        "emoji": {"id": None, "name": "👍", **emoji},
        "user": ALICE,
        "removed": removed,
        "number": "7",
        "timestamp": AT,
    }
    return {"reaction": body, "channel": DIRECT}


POLL = {
    "question": {"text": "Where to?"},
    "answers": [
        {"answer_id": 1, "poll_media": {"text": "Rome"}},
        {"answer_id": 2, "poll_media": {"text": "Milan", "emoji": {"id": None, "name": "🍝"}}},
    ],
    "allow_multiselect": True,
    "layout_type": 1,
    "expiry": "2026-11-02T12:00:00+00:00",
}

KINDS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a link behind text": (
        direct("see the [menu](https://example.org/menu)"),
        "see the [menu](https://example.org/menu)",
        True,
    ),
    "a poll": (
        direct(poll=POLL),
        "[poll: Where to?; options: Rome, 🍝 Milan; several answers: yes;"
        " ends: 2026-11-02T12:00:00+00:00]",
        True,
    ),
    "a sticker": (
        direct("hi", sticker_items=[{"id": "1", "name": "wave", "format_type": 1}]),
        "hi\n[sticker: wave]",
        True,
    ),
    "a photo with a description": (
        direct(attachments=[{**PHOTO, "description": "Minka on the sofa"}]),
        "[photo: Minka on the sofa]",
        True,
    ),
    "passed on": (forward(content="gate B"), "[forwarded] gate B", True),
    "passed on: what a program said": (
        forward(
            embeds=[
                {
                    "type": "rich",
                    "title": "Build 7",
                    "description": "failed",
                    "url": "https://example.org/7",
                    "fields": [{"name": "branch", "value": "main"}],
                }
            ]
        ),
        "[forwarded] [embed: Build 7; text: failed; url: https://example.org/7;"
        " fields: branch: main]",
        True,
    ),
    "passed on: components": (
        forward(
            components=[
                {
                    "type": 17,
                    "components": [
                        {"type": 10, "content": "Sale on Friday"},
                        {
                            "type": 1,
                            "components": [
                                {"type": 2, "label": "Shop", "url": "https://example.org/s"}
                            ],
                        },
                    ],
                }
            ]
        ),
        "[forwarded] [embed: Sale on Friday]\n[link: Shop; url: https://example.org/s]",
        True,
    ),
    "the preview of a link is not what was said": (
        direct(
            "https://example.org",
            embeds=[{"type": "link", "title": "Example", "url": "https://example.org"}],
        ),
        "https://example.org",
        True,
    ),
    "an invitation to a game": (
        direct(
            activity={"type": 1, "party_id": "p"},
            application={"id": "1", "name": "Chess", "description": "", "icon": None},
        ),
        "[request: join in Chess]",
        True,
    ),
    "a reply": (reply(DIRECT, ALICE, "still true?", BOB), "still true?", True),
    "somebody joined": (group(type=7), "[joined the server]", False),
    "a pinned message": (
        group(
            type=6,
            message_reference={"message_id": "1", "channel_id": CHANNEL["id"]},
        ),
        "[pinned a message]",
        False,
    ),
    "a boost": (group("2", type=8), "[boosted the server: 2]", False),
    "a new name of the channel": (
        group("choir", type=4),
        "[new name of the channel: choir]",
        False,
    ),
    "a thread is opened": (group("picnic", type=18), "[opened a thread: picnic]", False),
    "a subscription": (
        group(
            type=25,
            role_subscription_data={
                "role_subscription_listing_id": "1",
                "tier_name": "Gold",
                "total_months_subscribed": 3,
                "is_renewal": True,
            },
        ),
        "[subscribed: Gold, 3 months]",
        False,
    ),
    "a purchase": (
        group(
            type=44,
            purchase_notification={
                "type": 0,
                "guild_product_purchase": {"listing_id": "1", "product_name": "a mug"},
            },
        ),
        "[bought: a mug]",
        False,
    ),
    "a call": (
        direct(type=3, call={"participants": [ALICE["id"]], "ended_timestamp": None}),
        "[called]",
        False,
    ),
    "the result of a poll": (
        group(
            type=46,
            embeds=[
                {
                    "type": "poll_result",
                    "fields": [
                        {"name": "poll_question_text", "value": "Where to?"},
                        {"name": "victor_answer_text", "value": "Rome"},
                    ],
                }
            ],
        ),
        "[a poll ended: Where to?: Rome]",
        False,
    ),
    "a notice nobody foresaw": (group(type=99), "[unsupported message: 'type 99']", False),
    "a kind nobody foresaw, with words": (direct("look", type=99), "look", True),
    "a kind nobody foresaw": (direct(type=99), "[unsupported message: 'type 99']", True),
    "a field nobody foresaw": (
        direct(hologram={"depth": 3}),
        "[unsupported message: 'hologram']",
        True,
    ),
    "nothing at all": (direct(), "[unsupported message: 'unknown']", True),
    "a reaction": (reaction(), "[reaction: 👍]", False),
    "a reaction of the server's own": (reaction(id="5", name="wave"), "[reaction: :wave:]", False),
    "a reaction taken back": (reaction(removed=True), "[reaction: none, taken back: 👍]", False),
    "a mention in front": (group(f"{AT_ME} what is on?", mentions=[BOT]), "what is on?", True),
    "a mention in front of a command": (
        group(f"{AT_ME} /memories", mentions=[BOT]),
        "/memories",
        True,
    ),
    "a mention in front, with a comma": (
        group(f"<@!{BOT['id']}>, help", mentions=[BOT]),
        "help",
        True,
    ),
    "a role of the bot in front": (
        {**group("<@&77>! /help", mention_roles=["77"]), "my_roles": ["77"]},
        "/help",
        True,
    ),
    "nothing but a mention": (group(AT_ME, mentions=[BOT]), "@ada", True),
}
