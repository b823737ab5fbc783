"""Parse a webhook request of the Cloud API into events. Pure: it does no I/O.

The formats follow Meta's webhook reference (field ``messages``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from discreet.channels.whatsapp.content import attachments_of, parts_of, text_of
from discreet.domain.addresses import Address
from discreet.domain.content import Content, Forward, Quote
from discreet.domain.errors import BadInput
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import (
    AddressSender,
    Group,
    GroupSender,
    Inbound,
    Sender,
    UnknownSender,
)
from discreet.domain.mentions import without_mention
from discreet.domain.platform import Event, Identity, Receipt, Stage

PLATFORM = "whatsapp"
GROUP_CHAT = "group "
"""Prefix of a group's chat id: answers to groups use another API call."""
_STAGES: Mapping[str, Stage] = {"delivered": "delivered", "read": "read", "failed": "failed"}
_OVERHEARD = ("reaction", "request_welcome", "revoke", "system")
"""Kinds that need no answer, because nobody wrote anything."""


def accounts_in(payload: Mapping[str, Any]) -> set[str]:
    """Return the ids of the phone numbers in a payload; one request may contain several."""
    return {account for account, _ in _values(payload)}


def parse(payload: Mapping[str, Any], me: Identity, channel_id: ChannelId) -> Sequence[Event]:
    """Parse the part of a payload for one phone number (``me.account``: its id in the API)."""
    events: list[Event] = []
    for account, value in _values(payload):
        if account != me.account:
            continue
        names = _names(value)
        for message in _dicts(value.get("messages")):
            try:
                inbound = _message(message, value, names, channel_id)
            except (KeyError, TypeError, ValueError, AttributeError):
                inbound = _unreadable(message, channel_id)
            events.append(inbound)
        for status in _dicts(value.get("statuses")):
            receipt = _receipt(status, channel_id)
            if receipt is not None:
                events.append(receipt)
    return events


def _message(
    message: Mapping[str, Any],
    value: Mapping[str, Any],
    names: Mapping[str, str],
    channel_id: ChannelId,
) -> Inbound:
    # An edit contains the whole new message, and has an id of its own.
    edit = message["edit"] if message["type"] == "edit" else {}
    said = edit.get("message") or message
    number = _number(value)
    context = said.get("context") or {}
    text = text_of(said)
    if number:
        text = without_mention(text, rf"@{number}\b")
    # The id that WhatsApp keeps for this business comes first: a phone number may be missing, and
    # may belong to somebody else next year.
    ids = [str(message[key]) for key in ("from_user_id", "from") if message.get(key)]
    group = str(message.get("group_id") or "")
    about = (said.get(kind) or {} for kind in ("reaction", "revoke"))
    replied = context.get("id") or next(
        (each.get("message_id") or each.get("original_message_id") for each in about if each), None
    )
    is_overheard = said["type"] in _OVERHEARD
    addressed = not is_overheard and not edit
    if group:
        by_name = f"@{number}" in text_of(said)
        answered = _digits(str(context.get("from") or "")) == number
        addressed = addressed and bool(number) and (answered or by_name)
    return Inbound(
        channel_id=channel_id,
        chat_id=f"{GROUP_CHAT}{group}" if group else (ids[0] if ids else "unknown"),
        message_id=str(message["id"]),
        sender=GroupSender("WhatsApp")
        if group and is_overheard and not ids
        else _sender(ids, names),
        text=text,
        sent_at=_time(message["timestamp"]),
        group=Group(Address.parse(f"{PLATFORM}:{group}")) if group else None,
        reply_to=str(replied) if replied else None,
        addressed=addressed,
        attachments=attachments_of(said),
        content=Content(parts_of(said), _quote(context, number), _forward(context)),
        edit_of=str(edit.get("original_message_id") or "unknown") if edit else "",
    )


def _quote(context: Mapping[str, Any], number: str) -> Quote | None:
    """Return the message replied to. WhatsApp gives its id and author, but not its text."""
    if not context.get("id"):
        return None
    return Quote(is_ours=bool(number) and _digits(str(context.get("from") or "")) == number)


def _forward(context: Mapping[str, Any]) -> Forward | None:
    if context.get("frequently_forwarded"):
        return Forward(often=True)
    return Forward() if context.get("forwarded") else None


def _sender(ids: Sequence[str], names: Mapping[str, str]) -> Sender:
    if not ids:
        return UnknownSender("WhatsApp didn't say who wrote this")
    try:
        addresses = [Address.parse(f"{PLATFORM}:{each}") for each in ids]
    except BadInput as error:
        return UnknownSender(error.message)
    name = next((names[each] for each in ids if each in names), "")
    return AddressSender(addresses[0], name, tuple(addresses[1:]))


def _number(value: Mapping[str, Any]) -> str:
    return _digits(str((value.get("metadata") or {}).get("display_phone_number", "")))


def _receipt(status: Mapping[str, Any], channel_id: ChannelId) -> Receipt | None:
    stage = _STAGES.get(str(status.get("status")))
    if stage is None or not status.get("id"):
        return None
    why = ""
    for error in _dicts(status.get("errors")):
        data = error.get("error_data")
        details = data.get("details") if isinstance(data, dict) else None
        why = f"WhatsApp could not deliver it: {details or error.get('title') or error.get('code')}"
        break
    if stage == "failed" and not why:
        why = "WhatsApp could not deliver it"
    try:
        at = _time(status.get("timestamp"))
    except (TypeError, ValueError, OverflowError):
        at = datetime.now(UTC)
    return Receipt(channel_id, _chats(status), str(status["id"]), stage, at, why)


def _chats(status: Mapping[str, Any]) -> tuple[str, ...]:
    told = (status.get("recipient_user_id"), status.get("recipient_id"))
    begin = GROUP_CHAT if status.get("recipient_type") == "group" else ""
    return tuple(f"{begin}{each}" for each in told if each)


def _unreadable(message: Mapping[str, Any], channel_id: ChannelId) -> Inbound:
    """Return what can be read, for the quarantine; in a direct chat its sender is notified."""
    ids = [str(message[key]) for key in ("from_user_id", "from") if message.get(key)]
    tell = None
    if ids and not message.get("group_id"):
        with suppress(BadInput):
            tell = Address.parse(f"{PLATFORM}:{ids[0]}")
    return Inbound(
        channel_id=channel_id,
        chat_id=ids[0] if ids else "unknown",
        message_id=str(message.get("id") or "unknown"),
        sender=UnknownSender("WhatsApp's message could not be parsed", tell),
        text="[unreadable]",
        sent_at=datetime.now(UTC),
    )


def _values(payload: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in _dicts(payload.get("entry")):
        for change in _dicts(entry.get("changes")):
            value = change.get("value")
            if change.get("field") != "messages" or not isinstance(value, dict):
                continue
            metadata = value.get("metadata")
            if isinstance(metadata, dict) and metadata.get("phone_number_id"):
                yield str(metadata["phone_number_id"]), value


def _names(value: Mapping[str, Any]) -> dict[str, str]:
    names = {}
    for contact in _dicts(value.get("contacts")):
        profile = contact.get("profile")
        name = str(profile.get("name") or "") if isinstance(profile, dict) else ""
        for key in ("user_id", "wa_id"):
            if name and contact.get(key):
                names[str(contact[key])] = name
    return names


def _dicts(found: Any) -> list[dict[str, Any]]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _digits(number: str) -> str:
    return "".join(c for c in number if c.isdecimal())
