"""Read the text and files of a Discord message. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from discreet.domain.content import Part, part, unsupported
from discreet.domain.inbound import Attachment, AttachmentKind
from discreet.domain.mentions import without_mention
from discreet.domain.text import plain_name

VOICE_MESSAGE = 1 << 13
"""Flag of a voice message."""
FORWARD = 1
"""Type of a reference to a forwarded message."""

KNOWN = frozenset(
    {
        "activity",
        "application",
        "application_id",
        "attachments",
        "author",
        "call",
        "channel_id",
        "channel_type",
        "components",
        "content",
        "edited_timestamp",
        "embeds",
        "flags",
        "guild_id",
        "id",
        "interaction",
        "interaction_metadata",
        "member",
        "mention_channels",
        "mention_everyone",
        "mention_roles",
        "mentions",
        "message_reference",
        "message_snapshots",
        "nonce",
        "pinned",
        "poll",
        "position",
        "purchase_notification",
        "reactions",
        "referenced_message",
        "resolved",
        "role_subscription_data",
        "shared_client_theme",
        "sticker_items",
        "stickers",
        "thread",
        "timestamp",
        "tts",
        "type",
        "webhook_id",
    }
)
"""Fields of a message that are read, or that carry no content (``docs/what-arrives.md``)."""

_MENTION = re.compile(r"<(@[!&]?|#)([0-9]{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{1,64}:)[0-9]{1,20}>")
_COMMAND = re.compile(r"</([\w -]{1,100}):[0-9]{1,20}>")
_TIME = re.compile(r"<t:(-?[0-9]{1,11})(?::[A-Za-z])?>")


def text_of(
    message: Mapping[str, Any],
    names: Mapping[str, str],
    my_id: str,
    my_name: str,
    my_roles: Iterable[str] = (),
) -> str:
    """Return the text of a message or of the forwarded one.

    Ids are replaced by names, a leading mention of the bot is removed, and files are named in
    square brackets. The result is empty if there is no text.

    ``names``: of roles and channels, by id; ``my_roles``: the ids of the bot's.
    """
    said = str(message.get("content") or "")
    # People address one bot among several in a server with "@Ada, /new".
    mine = "|".join([f"!?{re.escape(my_id)}", *(f"&{re.escape(role)}" for role in my_roles)])
    said = without_mention(said, f"<@(?:{mine})>")
    known = {**names, my_id: my_name, **dict(_people(message))}
    texts = [" ".join([*_labels(message), _readable(said, known)]).strip()]
    for snapshot in snapshots_of(message):
        passed_on = _readable(str(snapshot.get("content") or ""), known)
        texts.append(" ".join([*_labels(snapshot), passed_on]).strip())
    return "\n".join(filter(None, texts))


def parts_of(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return everything in a message other than its text and files."""
    found = [each for holder in (message, *snapshots_of(message)) for each in _held(holder)]
    for name in message:
        # Of unknown fields, only those that can have content count.
        if name not in KNOWN and isinstance(message[name], dict | list) and message[name]:
            found.append(unsupported(name))
    return tuple(found)


def _held(holder: Mapping[str, Any]) -> Iterator[Part]:
    for sticker in holder.get("sticker_items") or ():
        yield part("sticker", name=sticker.get("name"))
    if holder.get("poll"):
        yield _poll(holder["poll"])
    for embed in holder.get("embeds") or ():
        # A link preview made by Discord is not something that anybody said.
        if embed.get("type") == "rich" and str(embed.get("url")) not in holder.get("content", ""):
            yield _embed(embed)
    yield from _components(holder.get("components") or ())
    if holder.get("activity"):
        game = (holder.get("application") or {}).get("name") or "a game"
        yield part("request", text=f"join in {game}")


def _poll(poll: Mapping[str, Any]) -> Part:
    return part(
        "poll",
        question=_media(poll.get("question") or {}),
        options=[_media(answer.get("poll_media") or {}) for answer in poll.get("answers") or ()],
        several_answers=poll.get("allow_multiselect"),
        ends=poll.get("expiry"),
    )


def _media(media: Mapping[str, Any]) -> str:
    emoji = (media.get("emoji") or {}).get("name")
    return " ".join(filter(None, (emoji, media.get("text"))))


def _embed(embed: Mapping[str, Any]) -> Part:
    return part(
        "embed",
        title=embed.get("title"),
        author=(embed.get("author") or {}).get("name"),
        text=embed.get("description"),
        url=embed.get("url"),
        fields=[f"{each.get('name')}: {each.get('value')}" for each in embed.get("fields") or ()],
        footer=(embed.get("footer") or {}).get("text"),
    )


def _components(components: Sequence[Mapping[str, Any]]) -> Iterator[Part]:
    for each in components:
        if each.get("content"):
            yield part("embed", text=each["content"])
        if each.get("url"):
            yield part("link", text=each.get("label"), url=each["url"])
        yield from _components(each.get("components") or ())


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the files of a message. Their URLs expire, so a file is identified by its message."""
    place = f"{message['channel_id']}/{message['id']}"
    return tuple(
        Attachment(
            _kind(file, holder),
            f"{place}/{file['id']}",
            str(file.get("filename") or ""),
            str(file.get("content_type") or "").split(";")[0].strip(),
            int(file["size"]) if file.get("size") is not None else None,
        )
        for holder in (message, *snapshots_of(message))
        for file in holder.get("attachments") or ()
    )


def address_of(message: Mapping[str, Any], attachment_id: str) -> str | None:
    """Return the current URL of a file of a message."""
    for holder in (message, *snapshots_of(message)):
        for file in holder.get("attachments") or ():
            if str(file.get("id")) == attachment_id:
                return str(file["url"])
    return None


def snapshots_of(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the messages forwarded in this one."""
    if (message.get("message_reference") or {}).get("type") != FORWARD:
        return []
    return [found["message"] for found in message.get("message_snapshots") or ()]


def name_of(user: Mapping[str, Any], member: Mapping[str, Any] | None = None) -> str:
    """Return a user's display name."""
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

    said = _COMMAND.sub(r"/\1", said)
    return _TIME.sub(time, _EMOJI.sub(r"\1", _MENTION.sub(named, said)))


def _labels(message: Mapping[str, Any]) -> Iterator[str]:
    for file in message.get("attachments") or ():
        kind = _kind(file, message)
        name = plain_name(str(file.get("filename") or ""))
        match kind:
            case "voice":
                yield "[voice message]"
            case "photo" | "video":
                described = plain_name(str(file.get("description") or ""))
                yield f"[{kind}: {described}]" if described else f"[{kind}]"
            case _:
                yield f"[{kind}: {name}]" if name else f"[{kind}]"


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
