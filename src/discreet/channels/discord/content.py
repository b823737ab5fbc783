"""What a message of Discord holds: its text as people see it, and its files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from discreet.domain.inbound import Attachment, AttachmentKind
from discreet.domain.text import plain_name

VOICE_MESSAGE = 1 << 13
"""Flag of a message that was spoken."""
FORWARD = 1
"""Kind of a reference to a message that is passed on."""

_MENTION = re.compile(r"<(@[!&]?|#)([0-9]{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)[0-9]{1,20}>")
_TIME = re.compile(r"<t:(-?[0-9]{1,11})(?::[A-Za-z])?>")


def text_of(message: Mapping[str, Any], names: Mapping[str, str], my_id: str, my_name: str) -> str:
    """The text as it was said: names in place of ids; a file or a sticker in square brackets.

    ``names``: of roles and channels, by id. Empty: nothing was said.
    """
    said = str(message.get("content") or "")
    # "@Ada /new" is how a server gives a command to one bot among several.
    command = re.match(rf"<@!?{re.escape(my_id)}>\s*(?=/)", said)
    if command is not None:
        said = said[command.end() :]
    known = {**names, my_id: my_name, **dict(_people(message))}
    text = " ".join([*_labels(message), _readable(said, known)]).strip()
    for snapshot in _snapshots(message):
        passed_on = " ".join(
            [*_labels(snapshot), _readable(str(snapshot.get("content") or ""), known)]
        ).strip()
        text = "\n".join(filter(None, [text, f"[forwarded] {passed_on}".strip()]))
    return text


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The files of a message. Their addresses expire, so a file is named by where it hangs."""
    place = f"{message['channel_id']}/{message['id']}"
    return tuple(
        Attachment(
            _kind(file, holder),
            f"{place}/{file['id']}",
            str(file.get("filename") or ""),
            str(file.get("content_type") or "").split(";")[0].strip(),
            int(file["size"]) if file.get("size") is not None else None,
        )
        for holder in (message, *_snapshots(message))
        for file in holder.get("attachments") or ()
    )


def address_of(message: Mapping[str, Any], attachment_id: str) -> str | None:
    """Where a file of a message can be had now."""
    for holder in (message, *_snapshots(message)):
        for file in holder.get("attachments") or ():
            if str(file.get("id")) == attachment_id:
                return str(file["url"])
    return None


def name_of(user: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> str:
    """What people see a user called."""
    nick = (member or {}).get("nick")
    return str(nick or user.get("global_name") or user.get("username") or "")


def _people(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for user in message.get("mentions") or ():
        yield str(user["id"]), name_of(user, user.get("member"))


def _readable(said: str, names: Mapping[str, str]) -> str:
    def named(found: re.Match[str]) -> str:
        mark = found[1][0]
        return mark + (plain_name(names.get(found[2], "")) or found[2])

    def time(found: re.Match[str]) -> str:
        try:
            return f"{datetime.fromtimestamp(int(found[1]), UTC):%Y-%m-%d %H:%M} UTC"
        except (ValueError, OverflowError, OSError):
            return found[0]

    return _TIME.sub(time, _EMOJI.sub(r"\1", _MENTION.sub(named, said)))


def _snapshots(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if (message.get("message_reference") or {}).get("type") != FORWARD:
        return []
    return [found["message"] for found in message.get("message_snapshots") or ()]


def _labels(message: Mapping[str, Any]) -> Iterator[str]:
    for file in message.get("attachments") or ():
        kind = _kind(file, message)
        name = plain_name(str(file.get("filename") or ""))
        match kind:
            case "voice":
                yield "[voice message]"
            case "photo" | "video":
                yield f"[{kind}]"
            case _:
                yield f"[{kind}: {name}]" if name else f"[{kind}]"
    for sticker in message.get("sticker_items") or ():
        yield f"[sticker: {plain_name(str(sticker.get('name') or ''))}]"
    question = ((message.get("poll") or {}).get("question") or {}).get("text")
    if question:
        yield f"[poll: {plain_name(str(question))}]"


def _kind(file: Mapping[str, Any], message: Mapping[str, Any]) -> AttachmentKind:
    match str(file.get("content_type") or "").split("/")[0]:
        case "image":
            return "photo"
        case "video":
            return "video"
        case "audio":
            return "voice" if int(message.get("flags") or 0) & VOICE_MESSAGE else "audio"
        case _:
            return "document"
