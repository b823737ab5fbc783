"""Parse a Discord message into events. Pure: it does no I/O.

A payload contains a message as the gateway or the API sent it, and the place it was written in:
``{"message": ..., "channel": ..., "edited": bool, "names": ..., "my_roles": [...]}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from discreet.channels.discord.content import (
    attachments_of,
    name_of,
    parts_of,
    snapshots_of,
    text_of,
)
from discreet.channels.discord.notices import notice_of, reaction_of
from discreet.domain.addresses import Address
from discreet.domain.content import Content, Forward, Part, Quote, line_of, unsupported
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import (
    AddressSender,
    Group,
    GroupSender,
    Inbound,
    Sender,
    UnknownSender,
)
from discreet.domain.platform import Identity

log = structlog.get_logger(__name__)

PLATFORM = "discord"
SAID = {0, 19}
"""Types of messages that people write: plain ones and replies. Others are notices."""
ANSWERS_OF_APPS = {20, 23}
"""Types of messages with which other programs answer their commands."""
CROSSPOST = 1 << 1
"""The flag of a message that came from an announcement channel which this one follows."""
DIRECT = 1
THREADS = {10, 11}
"""Types of channels: threads visible to everyone who sees the parent channel. A private thread (12)
is a group of its own, because its members differ from the channel's.
"""


def parse(payload: Mapping[str, Any], me: Identity, channel_id: ChannelId) -> Sequence[Inbound]:
    """Parse a payload.

    A message in a server is ``addressed`` if it mentions the bot or replies to it. Notices and
    reactions never are.
    """
    if isinstance(payload.get("reaction"), Mapping):
        return _reaction(payload, payload["reaction"], me, channel_id)
    message = payload.get("message")
    if not isinstance(message, Mapping) or not message:
        return ()
    try:
        parsed = _message(payload, message, me, channel_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Discord adds new kinds of messages; one that can't be parsed must not stop the others.
        log.warning("a message could not be parsed", error=type(error).__name__)
        parsed = _unreadable(payload, message, channel_id)
    return () if parsed is None else (parsed,)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something was written: the chat, a thread in it, and the group; None: a direct chat."""

    chat_id: str
    thread: str
    group: Group | None

    @classmethod
    def of(cls, place: Mapping[str, Any]) -> _Place:
        here, kind = str(place["id"]), place.get("type")
        is_thread = kind in THREADS and bool(place.get("parent_id"))
        return cls(
            str(place["parent_id"]) if is_thread else here,
            here if is_thread else "",
            None if kind == DIRECT else _group(place, is_thread=is_thread),
        )

    @property
    def thread_key(self) -> str:
        return f"thread:{self.thread}" if self.thread else ""


def _message(
    payload: Mapping[str, Any], message: Mapping[str, Any], me: Identity, channel_id: ChannelId
) -> Inbound | None:
    edited_at = message.get("edited_timestamp") if payload.get("edited") else None
    if payload.get("edited") and edited_at is None:
        return None  # a link got its preview, or the message was pinned: nobody wrote anything
    told = notice_of(message)
    if told is not None and edited_at is not None:
        return None
    place = _Place.of(payload["channel"])
    sender = _sender(message)
    is_programs = _is_of_a_program(message)
    if is_programs:
        if place.group is None or not _is_kept_of_programs(message, told, me):
            return None
        sender = GroupSender(_app_name(message))
    text = ""
    parts: tuple[Part, ...] = () if told is None else (told,)
    if told is None:
        roles = [str(role) for role in payload.get("my_roles") or ()]
        text = text_of(message, payload.get("names") or {}, me.account, me.name, roles)
        parts = parts_of(message)
        kind = int(message.get("type") or 0)
        if not text and not parts:
            parts = (unsupported("unknown" if kind in SAID else f"type {kind}"),)
    addressed = place.group is None or _is_addressed(payload, message, me)
    message_id = str(message["id"])
    return Inbound(
        channel_id=channel_id,
        chat_id=place.chat_id,
        message_id=message_id if edited_at is None else f"{message_id}/{edited_at}",
        sender=sender,
        text=text,
        sent_at=datetime.fromisoformat(str(edited_at or message["timestamp"])),
        platform_thread=place.thread,
        group=place.group,
        thread_key=place.thread_key,
        reply_to=_reply_to(message),
        addressed=edited_at is None and told is None and not is_programs and addressed,
        attachments=attachments_of(message),
        content=Content(parts, _quote(message, payload, me), _forward(message)),
        edit_of="" if edited_at is None else message_id,
    )


def _reaction(
    payload: Mapping[str, Any], reaction: Mapping[str, Any], me: Identity, channel_id: ChannelId
) -> Sequence[Inbound]:
    user = reaction.get("user") or (reaction.get("member") or {}).get("user") or {}
    if user.get("bot") or str(reaction.get("user_id") or me.account) == me.account:
        return ()
    place = _Place.of(payload["channel"])
    name = name_of(user, reaction.get("member"))
    # Discord gives a reaction no id, and reports it once.
    said_as = f"reaction {reaction['message_id']} {reaction['user_id']} {reaction['number']}"
    return (
        Inbound(
            channel_id=channel_id,
            chat_id=place.chat_id,
            message_id=said_as,
            sender=AddressSender(Address(PLATFORM, str(reaction["user_id"])), name),
            text="",
            sent_at=datetime.fromisoformat(str(reaction["timestamp"])),
            platform_thread=place.thread,
            group=place.group,
            thread_key=place.thread_key,
            reply_to=str(reaction["message_id"]),
            addressed=False,
            content=Content((reaction_of(reaction),)),
        ),
    )


def _quote(message: Mapping[str, Any], payload: Mapping[str, Any], me: Identity) -> Quote | None:
    """Return the message replied to, as Discord included it; without text if it was deleted."""
    if _reply_to(message) is None:
        return None
    original = message.get("referenced_message")
    if not isinstance(original, Mapping):
        return Quote()
    author = original.get("author") or {}
    text = text_of(original, payload.get("names") or {}, me.account, me.name)
    return Quote(
        line_of(text, Content(parts_of(original), None, _forward(original))),
        name_of(author, original.get("member")),
        f"{PLATFORM}:{author['id']}" if author.get("id") else "",
        is_ours=str(author.get("id")) == me.account,
        at=datetime.fromisoformat(str(original["timestamp"])),
    )


def _forward(message: Mapping[str, Any]) -> Forward | None:
    """Return the forward, without an author, which Discord hides."""
    for snapshot in snapshots_of(message):
        at = snapshot.get("timestamp")
        return Forward(at=datetime.fromisoformat(str(at)) if at else None)
    return None


def _is_of_a_program(message: Mapping[str, Any]) -> bool:
    # Bots that answer each other never stop, and a webhook uses any name it likes.
    author = message.get("author") or {}
    return bool(author.get("bot") or author.get("system") or message.get("webhook_id"))


def _is_kept_of_programs(message: Mapping[str, Any], told: Part | None, me: Identity) -> bool:
    """Return whether a program's message is a notice, or a post of a channel that is followed."""
    if str((message.get("author") or {}).get("id")) == me.account:
        return False
    if told is not None:
        return int(message.get("type") or 0) not in ANSWERS_OF_APPS
    return bool(int(message.get("flags") or 0) & CROSSPOST)


def _app_name(message: Mapping[str, Any]) -> str:
    # A webhook may use the name of a member.
    return f"{name_of(message.get('author') or {}, message.get('member'))} (app)"


def _sender(message: Mapping[str, Any]) -> Sender:
    author = message.get("author")
    if not author or not author.get("id"):
        return UnknownSender("Discord didn't say who wrote this")
    return AddressSender(
        Address(PLATFORM, str(author["id"])), name_of(author, message.get("member"))
    )


def _group(place: Mapping[str, Any], *, is_thread: bool) -> Group:
    own = str(place.get("name") or "")
    name = str(place.get("parent_name") or "") if is_thread else own
    where = " ".join(filter(None, [str(place.get("guild_name") or ""), f"#{name}" if name else ""]))
    return Group(Address(PLATFORM, str(place["parent_id"] if is_thread else place["id"])), where)


def _is_addressed(payload: Mapping[str, Any], message: Mapping[str, Any], me: Identity) -> bool:
    if any(str(user.get("id")) == me.account for user in message.get("mentions") or ()):
        return True
    my_roles = {str(role) for role in payload.get("my_roles") or ()}
    if my_roles & {str(role) for role in message.get("mention_roles") or ()}:
        return True
    original = message.get("referenced_message") or {}
    return str((original.get("author") or {}).get("id")) == me.account and bool(_reply_to(message))


def _reply_to(message: Mapping[str, Any]) -> str | None:
    reference = message.get("message_reference") or {}
    here = str(message.get("channel_id"))
    if reference.get("type") or str(reference.get("channel_id") or here) != here:
        return None
    return str(reference["message_id"]) if reference.get("message_id") else None


def _unreadable(
    payload: Mapping[str, Any], message: Mapping[str, Any], channel_id: ChannelId
) -> Inbound:
    """Return what can be read, for the quarantine; in a direct chat its sender is notified."""
    author, place = message.get("author"), payload.get("channel")
    tell = None
    if isinstance(author, Mapping) and isinstance(place, Mapping) and place.get("type") == DIRECT:
        tell = Address(PLATFORM, str(author["id"])) if author.get("id") else None
    return Inbound(
        channel_id=channel_id,
        chat_id=str(message.get("channel_id") or "unknown"),
        message_id=f"unread {message.get('id')}",
        sender=UnknownSender("Discord's message could not be parsed", tell),
        text=str(message.get("content") or "[unreadable]"),
        sent_at=datetime.now(UTC),
    )
