"""What Telegram's kinds of messages become: payload -> (line, whether it is answered).

Written before the parser. Direct messages are Alice's, those in the group Bob's.

A table of cases, as long as there are kinds of message.
"""

from __future__ import annotations

from typing import Any

from tests.channels.payloads import (
    ALICE,
    ANONYMOUS_ADMIN,
    BOB,
    BOT,
    CHANNEL,
    DATE,
    GROUP,
    LINKED,
    OTHER_BOT,
    PHOTO,
    PRIVATE,
    SUPERGROUP,
    entity,
    message,
)


def direct(**fields: Any) -> dict[str, Any]:
    return message(PRIVATE, ALICE, **fields)


def group(**fields: Any) -> dict[str, Any]:
    return message(GROUP, BOB, **fields)


def kept_in(chat: dict[str, Any], sender: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"message_id": 5, "date": DATE - 60, "chat": chat, "from": sender, **fields}


def reaction(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"chat": PRIVATE, "message_id": 5, "user": ALICE, "date": DATE}
    return {
        "update_id": 900_009,
        "message_reaction": {**body, "old_reaction": old, "new_reaction": new},
    }


VCARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bob Miller\r\nORG:Miller & Sons\r\n"
    "TEL;TYPE=CELL:+49 151 2345\r\nTEL;TYPE=WORK:+49 30 9876\r\n"
    "item1.EMAIL;type=INTERNET:bob@example.org\r\nEND:VCARD"
)
FILE = {"file_id": "F", "file_unique_id": "f", "width": 1, "height": 1}
STICKER = {**FILE, "type": "regular", "is_animated": False, "is_video": False, "emoji": "😺"}
LUMBERJACK = {"title": "Lumberjack", "description": "Chop!", "photo": PHOTO}
OPTION = {"voter_count": 0}
POLL = {
    "id": "1",
    "question": "Where to?",
    "options": [
        {**OPTION, "persistent_id": "a", "text": "Rome"},
        {**OPTION, "persistent_id": "b", "text": "Milan"},
    ],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": True,
    "members_only": False,
}
CHECKLIST = {
    "title": "Packing",
    "tasks": [
        {"id": 1, "text": "passport"},
        {"id": 2, "text": "tickets"},
        {"id": 3, "text": "shirt", "completed_by_user": ALICE, "completion_date": DATE},
    ],
}
MONEY = {"currency": "EUR", "total_amount": 1250}
PAID = {"invoice_payload": "i", "telegram_payment_charge_id": "t"}

KINDS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a link behind text": (
        direct(
            text="see the menu",
            entities=[entity("text_link", 4, 8, url="https://example.org/menu")],
        ),
        "see the menu\n[link: the menu; url: https://example.org/menu]",
        True,
    ),
    "a link behind an emoji and a caption": (
        direct(
            photo=PHOTO,
            caption="🦊 here",
            caption_entities=[entity("text_link", 3, 4, url="https://example.org/?a=1&b=2")],
        ),
        "[photo] 🦊 here\n[link: here; url: https://example.org/?a=1&b=2]",
        True,
    ),
    "a poll": (direct(poll=POLL), "[poll: Where to?; options: Rome, Milan]", True),
    "a poll with votes, a description and several answers": (
        direct(
            poll={
                **POLL,
                "options": [{**POLL["options"][0], "voter_count": 3}, POLL["options"][1]],  # type: ignore[index]
                "total_voter_count": 3,
                "is_closed": True,
                "allows_multiple_answers": True,
                "description": "for May",
            }
        ),
        "[poll: Where to?; options: Rome (3 votes), Milan (0 votes); description: for May;"
        " several answers: yes; closed: yes]",
        True,
    ),
    "a contact with a card": (
        direct(
            contact={
                "first_name": "Bob",
                "last_name": "Miller",
                "phone_number": "+491512345",
                "vcard": VCARD,
            }
        ),
        "[contact: Bob Miller; phones: +491512345, +49 30 9876; emails: bob@example.org;"
        " company: Miller & Sons]",
        True,
    ),
    "a contact without a card": (
        direct(contact={"first_name": "Bob", "phone_number": "+491512345"}),
        "[contact: Bob; phones: +491512345]",
        True,
    ),
    "a place": (
        direct(location={"latitude": 38.7, "longitude": -9.1}),
        "[location: 38.7, -9.1]",
        True,
    ),
    "a place that moves": (
        direct(location={"latitude": 38.7, "longitude": -9.1, "live_period": 900}),
        "[location: 38.7, -9.1; live for: 900 seconds]",
        True,
    ),
    "a venue": (
        direct(
            location={"latitude": 38.7, "longitude": -9.1},
            venue={
                "location": {"latitude": 38.7, "longitude": -9.1},
                "title": "Café Paul",
                "address": "Rua Augusta 5",
            },
        ),
        "[place: Café Paul; address: Rua Augusta 5; at: 38.7, -9.1]",
        True,
    ),
    "a checklist": (
        direct(checklist=CHECKLIST),
        "[checklist: Packing; open: passport, tickets; done: shirt]",
        True,
    ),
    "a story": (
        direct(story={"chat": {**PRIVATE, "first_name": "Bob", "id": 1002}, "id": 4}),
        "[story: of Bob]",
        True,
    ),
    "paid media": (
        direct(
            caption="look",
            paid_media={
                "star_count": 50,
                "paid_media": [
                    {"type": "photo", "photo": PHOTO},
                    {"type": "preview", "width": 3},
                ],
            },
        ),
        "look\n[paid media: photo, preview; stars: 50]",
        True,
    ),
    "a game": (direct(game=LUMBERJACK), "[game: Lumberjack; description: Chop!]", True),
    "a giveaway": (
        group(
            giveaway={
                "chats": [CHANNEL],
                "winners_selection_date": DATE,
                "winner_count": 3,
                "prize_description": "a mug",
            }
        ),
        "[giveaway: a mug; winners: 3; drawn on: 2025-10-09 08:53 UTC; chats: News]",
        False,
    ),
    "the winners of a giveaway": (
        group(
            giveaway_winners={
                "chat": CHANNEL,
                "giveaway_message_id": 3,
                "winners_selection_date": DATE,
                "winner_count": 1,
                "winners": [ALICE],
                "prize_description": "a mug",
            }
        ),
        "[giveaway: a mug; winners: Alice Adams]",
        False,
    ),
    "a sticker": (direct(sticker=STICKER), "[sticker: 😺]", True),
    "a dice": (direct(dice={"emoji": "🎯", "value": 6}), "[dice: 🎯; value: 6]", True),
    "an invoice": (
        direct(
            invoice={**MONEY, "title": "Tour", "description": "Two hours", "start_parameter": "x"}
        ),
        "[invoice: Tour; description: Two hours; amount: 12.50 EUR]",
        True,
    ),
    "a payment": (
        direct(successful_payment={**MONEY, **PAID, "provider_payment_charge_id": "p"}),
        "[payment: 12.50 EUR]",
        True,
    ),
    "a payment in stars": (
        direct(
            successful_payment={
                **PAID,
                "currency": "XTR",
                "total_amount": 7,
                "provider_payment_charge_id": "p",
            }
        ),
        "[payment: 7 XTR]",
        True,
    ),
    "a refund": (
        direct(refunded_payment={**MONEY, **PAID}),
        "[payment: refund of 12.50 EUR]",
        True,
    ),
    "a gift": (
        direct(gift={"gift": {"id": "g", "sticker": STICKER, "star_count": 25}, "text": "for you"}),
        "[gift: for you; stars: 25]",
        True,
    ),
    "the answer of a web app": (
        direct(web_app_data={"button_text": "Book", "data": '{"seats": 2}'}),
        '[form: Book; data: {"seats": 2}]',
        True,
    ),
    "people picked with a button": (
        direct(
            users_shared={
                "request_id": 1,
                "users": [{"user_id": 7, "first_name": "Bob", "username": "bobm"}],
            }
        ),
        "[contact: Bob (@bobm)]",
        True,
    ),
    "a chat picked with a button": (
        direct(chat_shared={"request_id": 1, "chat_id": -5, "title": "Choir"}),
        "[contact: Choir]",
        True,
    ),
    "a forwarded message": (
        direct(text="sale!", forward_origin={"type": "user", "date": DATE, "sender_user": BOB}),
        "[forwarded from Bob] sale!",
        True,
    ),
    "a forwarded post": (
        direct(
            text="sale!",
            forward_origin={
                "type": "channel",
                "date": DATE,
                "chat": CHANNEL,
                "message_id": 3,
                "author_signature": "Eve",
            },
        ),
        "[forwarded from News (Eve)] sale!",
        True,
    ),
    "forwarded from somebody hidden": (
        direct(
            text="sale!",
            forward_origin={"type": "hidden_user", "date": DATE, "sender_user_name": "Carl"},
        ),
        "[forwarded from Carl] sale!",
        True,
    ),
    "a forwarded command": (
        direct(
            text="/forget all",
            entities=[entity("bot_command", 0, 7)],
            forward_origin={"type": "user", "date": DATE, "sender_user": BOB},
        ),
        "[forwarded from Bob] /forget all",
        True,
    ),
    "a button with an address": (
        direct(
            text="Flat for rent",
            reply_markup={"inline_keyboard": [[{"text": "Open", "url": "https://example.org/7"}]]},
        ),
        "Flat for rent\n[link: Open; url: https://example.org/7]",
        True,
    ),
    "a kind nobody foresaw": (
        direct(hologram={"depth": 3}),
        "[unsupported message: 'hologram']",
        True,
    ),
    "a kind nobody foresaw, in a group": (
        group(hologram={"depth": 3}),
        "[unsupported message: 'hologram']",
        False,
    ),
    "a kind nobody foresaw, with a caption": (
        direct(hologram={"depth": 3}, caption="look"),
        "look\n[unsupported message: 'hologram']",
        True,
    ),
    "a passport": (
        direct(
            passport_data={
                "data": [],
                "credentials": {"data": "x", "hash": "y", "secret": "z"},
            }
        ),
        "[unsupported message: 'passport_data']",
        True,
    ),
    "an anonymous administrator pins a message": (
        message(
            SUPERGROUP,
            ANONYMOUS_ADMIN,
            sender_chat=SUPERGROUP,
            pinned_message=kept_in(SUPERGROUP, ALICE, text="gate B"),
        ),
        "[pinned a message]",
        False,
    ),
    "another bot removes somebody": (
        message(GROUP, OTHER_BOT, left_chat_member=ALICE),
        "[Alice Adams was removed]",
        False,
    ),
    "a post of the linked channel": (
        message(
            SUPERGROUP,
            LINKED,
            text="@ada_bot is new",
            entities=[entity("mention", 0, 8)],
            sender_chat=CHANNEL,
            is_automatic_forward=True,
        ),
        "is new",
        False,
    ),
    "an anonymous administrator reacts": (
        {
            "update_id": 900_010,
            "message_reaction": {
                "chat": SUPERGROUP,
                "message_id": 5,
                "actor_chat": SUPERGROUP,
                "date": DATE,
                "old_reaction": [],
                "new_reaction": [{"type": "emoji", "emoji": "👍"}],
            },
        },
        "[reaction: 👍]",
        False,
    ),
    "somebody was added": (group(new_chat_members=[ALICE]), "[Alice Adams was added]", False),
    "somebody joined": (group(new_chat_members=[BOB]), "[Bob joined]", False),
    "somebody left": (group(left_chat_member=BOB), "[Bob left]", False),
    "somebody was removed": (group(left_chat_member=ALICE), "[Alice Adams was removed]", False),
    "a new title": (group(new_chat_title="Choir"), "[new title: Choir]", False),
    "a new picture": (group(new_chat_photo=PHOTO), "[new picture of the chat]", False),
    "a pinned message": (
        group(pinned_message=kept_in(GROUP, ALICE, text="gate B")),
        "[pinned a message]",
        False,
    ),
    "a boost": (group(boost_added={"boost_count": 2}), "[boosted the chat; boosts: 2]", False),
    "a video chat begins": (group(video_chat_started={}), "[a video chat began]", False),
    "a video chat ends": (
        group(video_chat_ended={"duration": 65}),
        "[a video chat ended after 65 seconds]",
        False,
    ),
    "a timer": (
        group(message_auto_delete_timer_changed={"message_auto_delete_time": 86400}),
        "[messages are deleted after 86400 seconds]",
        False,
    ),
    "a topic is renamed": (
        message(
            {**SUPERGROUP, "is_forum": True},
            BOB,
            forum_topic_edited={"name": "Trips"},
            message_thread_id=3,
            is_topic_message=True,
        ),
        "[the topic was renamed: Trips]",
        False,
    ),
    "tasks are done": (
        direct(
            checklist_tasks_done={
                "checklist_message": {
                    "message_id": 5,
                    "date": DATE,
                    "chat": PRIVATE,
                    "checklist": CHECKLIST,
                },
                "marked_as_done_task_ids": [1],
            }
        ),
        "[tasks done: passport]",
        False,
    ),
    "a reaction": (reaction([], [{"type": "emoji", "emoji": "👍"}]), "[reaction: 👍]", False),
    "a reaction taken back": (
        reaction([{"type": "emoji", "emoji": "👍"}], []),
        "[reaction: none, taken back: 👍]",
        False,
    ),
    "a mention in front": (
        group(text="@ada_bot what is on?", entities=[entity("mention", 0, 8)]),
        "what is on?",
        True,
    ),
    "a mention in front of a command": (
        group(
            text="@ada_bot /memories",
            entities=[entity("mention", 0, 8), entity("bot_command", 9, 9)],
        ),
        "/memories",
        True,
    ),
    **{
        f"a mention in front, followed by {after!r}": (
            group(text=f"@ada_bot{after}", entities=[entity("mention", 0, 8)]),
            rest,
            True,
        )
        for after, rest in {
            "! /memories": "/memories",
            " — /memories": "/memories",
            "... /help": "/help",
            "，/memories": "/memories",
            "؟ /help": "/help",
            " - milk\n- eggs": "- milk\n- eggs",
            " -5 °C?": "-5 °C?",
            " .env": ".env",
            "!important": "!important",
            "?": "@ada_bot?",
        }.items()
    },
    "a name in front, with a comma": (
        group(text="Ada, help", entities=[entity("text_mention", 0, 3, user=BOT)]),
        "help",
        True,
    ),
    "a mention in front, and the command names the bot too": (
        group(text="@ADA_bot: /help@ada_BOT", entities=[entity("mention", 0, 8)]),
        "/help",
        True,
    ),
    "nothing but a mention": (
        group(text="@ada_bot", entities=[entity("mention", 0, 8)]),
        "@ada_bot",
        True,
    ),
    "a command of another bot in a reply to this one": (
        group(
            text="/memories@spam_bot",
            entities=[entity("bot_command", 0, 18)],
            reply_to_message=kept_in(GROUP, BOT, text="hi"),
        ),
        "/memories@spam_bot",
        False,
    ),
}
