"""Updates as the Bot API sends them.

Names and texts are made up. The structures were compared with recorded updates and, field by field,
with the types of python-telegram-bot (a test parses each of them and serializes it again).
"""

from __future__ import annotations

from typing import Any

BOT = {"id": 4242, "is_bot": True, "first_name": "Ada", "username": "ada_bot"}
ALICE = {
    "id": 1001,
    "is_bot": False,
    "first_name": "Alice",
    "last_name": "Adams",
    "username": "alice",
    "language_code": "en",
}
BOB = {"id": 1002, "is_bot": False, "first_name": "Bob"}
OTHER_BOT = {"id": 777, "is_bot": True, "first_name": "Spammer", "username": "spam_bot"}
ANONYMOUS_ADMIN = {
    "id": 1087968824,
    "is_bot": True,
    "first_name": "Group",
    "username": "GroupAnonymousBot",
}
PRIVATE = {"id": 1001, "first_name": "Alice", "username": "alice", "type": "private"}
GROUP = {
    "id": -500100,
    "title": "The Adamses",
    "type": "group",
    "all_members_are_administrators": True,
}
SUPERGROUP = {"id": -1001234567890, "title": "The Adamses", "type": "supergroup"}
FORUM = {**SUPERGROUP, "is_forum": True}
CHANNEL = {"id": -1009999, "title": "News", "type": "channel"}

LINKED = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
"""The sender of a channel's posts in its linked group."""

DATE = 1_760_000_000


def message(chat: dict[str, Any], sender: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    """Return an update with one message."""
    body: dict[str, Any] = {"message_id": 7, "date": DATE, "chat": chat, **fields}
    if sender is not None:
        body["from"] = sender
    return {"update_id": 900_001, "message": body}


def edited(update: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the same message, edited a minute later."""
    body = {**update["message"], "edit_date": DATE + 60, **fields}
    return {"update_id": 900_002, "edited_message": body}


def membership(
    chat: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    """Return an update about a change of the bot's status in a chat."""
    change = {"old_chat_member": before, "new_chat_member": after}
    body = {"chat": chat, "from": ALICE, "date": DATE, **change}
    return {"update_id": 900_003, "my_chat_member": body}


MEMBER = {"user": BOT, "status": "member"}
KICKED = {"user": BOT, "status": "kicked", "until_date": 0}
LEFT = {"user": BOT, "status": "left"}


def entity(kind: str, offset: int, length: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **more}


PHOTO = [
    {
        "file_id": "AgAC-small",
        "file_unique_id": "s",
        "width": 90,
        "height": 67,
        "file_size": 1_200,
    },
    {
        "file_id": "AgAC-large",
        "file_unique_id": "l",
        "width": 1280,
        "height": 960,
        "file_size": 150_000,
    },
]
VOICE = {
    "duration": 12,
    "mime_type": "audio/ogg",
    "file_id": "AwAC-voice",
    "file_unique_id": "v",
    "file_size": 48_000,
}
DOCUMENT = {
    "file_name": "menu.pdf",
    "mime_type": "application/pdf",
    "file_id": "BQAC-doc",
    "file_unique_id": "d",
    "file_size": 90_000,
}
