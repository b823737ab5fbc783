"""Messages as Discord sends them over its gateway.

Names and texts are made up. The structures follow its documentation and the output of simcord's
serializers.
"""

from __future__ import annotations

from typing import Any

BOT = {"id": "900000000000000001", "username": "ada", "global_name": None, "bot": True}
ALICE = {"id": "900000000000000101", "username": "alice", "global_name": "Alice", "bot": False}
BOB = {"id": "900000000000000102", "username": "bob", "global_name": None, "bot": False}
OTHER_BOT = {"id": "900000000000000777", "username": "spammer", "global_name": None, "bot": True}

GUILD_ID, BOT_ROLE = "900000000000000500", "900000000000000501"
DIRECT = {"id": "900000000000000201", "type": 1}
CHANNEL = {
    "id": "900000000000000301",
    "type": 0,
    "name": "general",
    "parent_id": None,
    "parent_name": "",
    "guild_id": GUILD_ID,
    "guild_name": "The Adamses",
}
THREAD = {
    **CHANNEL,
    "id": "900000000000000401",
    "type": 11,
    "name": "picnic",
    "parent_id": CHANNEL["id"],
    "parent_name": "general",
}
PRIVATE_THREAD = {**THREAD, "id": "900000000000000402", "type": 12, "name": "surprise"}

PHOTO = {
    "id": "900000000000000901",
    "filename": "cat.png",
    "size": 27,
    "url": "https://cdn.discordapp.com/attachments/1/2/cat.png?ex=1&is=2&hm=3",
    "proxy_url": "https://media.discordapp.net/attachments/1/2/cat.png?ex=1&is=2&hm=3",
    "width": 9,
    "height": 9,
    "content_type": "image/png",
}


def message(
    place: dict[str, Any], author: dict[str, Any] | None, text: str, **fields: Any
) -> dict[str, Any]:
    """Return a message with the place it was written in."""
    said: dict[str, Any] = {
        "id": "1300000000000000007",
        "channel_id": place["id"],
        "content": text,
        "timestamp": "2026-11-01T12:00:00.123000+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "flags": 0,
        "components": [],
        **fields,
    }
    if author is not None:
        said["author"] = author
    if "guild_id" in place:
        said["guild_id"] = place["guild_id"]
    return {"message": said, "channel": place}


def edited(payload: dict[str, Any], text: str) -> dict[str, Any]:
    """Return the same message, edited a minute later."""
    at = "2026-11-01T12:01:00.500000+00:00"
    body = {**payload["message"], "content": text, "edited_timestamp": at}
    return {**payload, "message": body, "edited": True}


def reply(place: dict[str, Any], author: dict[str, Any], text: str, to: dict[str, Any]) -> Any:
    """Return a reply to another message in the same place."""
    original = {**message(place, to, "earlier")["message"], "id": "1300000000000000001"}
    reference = {"type": 0, "message_id": original["id"], "channel_id": place["id"]}
    more = {"message_reference": reference, "referenced_message": original}
    return message(place, author, text, **{"type": 19, **more})
