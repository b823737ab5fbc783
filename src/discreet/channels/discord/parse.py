"""A message of Discord -> what it means here. Pure: nothing is asked, stored or sent.

A payload is what the gateway or the API says of a message, and of the place that it was written in:
``{"message": ..., "channel": ..., "edited": bool, "names": ..., "my_roles": [...]}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from discreet.channels.discord.content import attachments_of, name_of, text_of
from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Group, Inbound, Sender, UnknownSender
from discreet.domain.platform import Identity

log = structlog.get_logger(__name__)

PLATFORM = "discord"
SAID = {0, 19}
"""Kinds of messages that somebody has written: plain ones and replies. Others tell that somebody
joined, pinned or opened something."""
DIRECT = 1
THREADS = {10, 11}
"""Kinds of channels: threads that everybody sees who sees the channel around them. A private thread
(12) is a group of its own: who is in it is not who is in the channel."""


def parse(payload: Mapping[str, Any], me: Identity, channel_id: ChannelId) -> Sequence[Inbound]:
    """What a payload means. A message in a server is ``addressed`` where it mentions the bot or
    replies to it. An edit is never addressed: the agent doesn't run again, but knows of it."""
    message = payload.get("message")
    if not isinstance(message, Mapping) or not message:
        return ()
    try:
        parsed = _message(payload, message, me, channel_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # Discord grows new kinds of messages; one that can't be read must not stop the others.
        log.warning("a message could not be read", error=type(error).__name__)
        parsed = _unreadable(message, channel_id)
    return () if parsed is None else (parsed,)


def _message(
    payload: Mapping[str, Any], message: Mapping[str, Any], me: Identity, channel_id: ChannelId
) -> Inbound | None:
    edited_at = message.get("edited_timestamp") if payload.get("edited") else None
    if payload.get("edited") and edited_at is None:
        return None  # a link got its preview, or it was pinned: nobody said anything
    if int(message.get("type") or 0) not in SAID or _is_of_a_program(message):
        return None
    names: Mapping[str, str] = payload.get("names") or {}
    text = text_of(message, names, me.account, me.name)
    if not text:
        return None
    place = payload["channel"]
    here, kind = str(place["id"]), place.get("type")
    is_thread = kind in THREADS and bool(place.get("parent_id"))
    message_id = str(message["id"])
    return Inbound(
        channel_id=channel_id,
        chat_id=str(place["parent_id"]) if is_thread else here,
        message_id=message_id if edited_at is None else f"{message_id}/{edited_at}",
        sender=_sender(message),
        text=text if edited_at is None else f"[edited] {text}",
        sent_at=datetime.fromisoformat(str(edited_at or message["timestamp"])),
        platform_thread=here if is_thread else "",
        group=None if kind == DIRECT else _group(place, is_thread=is_thread),
        thread_key=f"thread:{here}" if is_thread else "",
        reply_to=_reply_to(message) if edited_at is None else message_id,
        addressed=edited_at is None and (kind == DIRECT or _is_addressed(payload, message, me)),
        attachments=attachments_of(message) if edited_at is None else (),
    )


def _is_of_a_program(message: Mapping[str, Any]) -> bool:
    # Bots that answer each other never stop, and a webhook speaks in any name it likes.
    author = message.get("author") or {}
    return bool(author.get("bot") or author.get("system") or message.get("webhook_id"))


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


def _unreadable(message: Mapping[str, Any], channel_id: ChannelId) -> Inbound | None:
    """What can be told of it, for the quarantine."""
    return Inbound(
        channel_id=channel_id,
        chat_id=str(message.get("channel_id") or "unknown"),
        message_id=f"unread {message.get('id')}",
        sender=UnknownSender("Discord's message could not be read"),
        text=str(message.get("content") or "[unreadable]"),
        sent_at=datetime.now(UTC),
    )
