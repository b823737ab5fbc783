"""What the Cloud API's webhook is sent -> what it means here. Pure: nothing is asked or stored.

Shapes after Meta's reference of webhooks (field ``messages``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from discreet.channels.whatsapp.content import attachments_of, text_of
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Group, Inbound, Sender, UnknownSender
from discreet.domain.platform import Event, Identity, Receipt, Stage

PLATFORM = "whatsapp"
GROUP_CHAT = "group "
"""Begins the id of a chat that is a group's: answers go there in another way."""
_STAGES: Mapping[str, Stage] = {"delivered": "delivered", "read": "read", "failed": "failed"}
_OVERHEARD = ("reaction", "edit", "revoke", "unsupported", "system", "ephemeral")
"""Kinds that call for no answer: an edit of an old message doesn't run the agent again."""


def accounts_in(payload: Mapping[str, Any]) -> set[str]:
    """The ids of the phone numbers that a payload is about; one call may be about several."""
    return {account for account, _ in _values(payload)}


def parse(payload: Mapping[str, Any], me: Identity, channel_id: ChannelId) -> Sequence[Event]:
    """What a payload tells about one phone number (``me.account``: the API's id of it)."""
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
            if inbound is not None:
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
) -> Inbound | None:
    kind = str(message["type"])
    text = text_of(message)
    if not text:
        return None
    # The id that WhatsApp keeps for this business comes first: a phone number may be missing, and
    # may be somebody else's next year.
    ids = [str(message[key]) for key in ("from_user_id", "from") if message.get(key)]
    group = str(message.get("group_id") or "")
    context = message.get("context") or {}
    replied = context.get("id") or (message.get("reaction") or {}).get("message_id")
    return Inbound(
        channel_id=channel_id,
        chat_id=f"{GROUP_CHAT}{group}" if group else (ids[0] if ids else "unknown"),
        message_id=str(message["id"]),
        sender=_sender(ids, names),
        text=f"[forwarded] {text}" if context.get("forwarded") else text,
        sent_at=_time(message["timestamp"]),
        group=Group(Address.parse(f"{PLATFORM}:{group}")) if group else None,
        reply_to=str(replied) if replied else None,
        addressed=kind not in _OVERHEARD
        and (not group or _speaks_to(value, str(context.get("from") or ""), text)),
        attachments=attachments_of(message),
    )


def _sender(ids: Sequence[str], names: Mapping[str, str]) -> Sender:
    if not ids:
        return UnknownSender("WhatsApp didn't say who wrote this")
    try:
        addresses = [Address.parse(f"{PLATFORM}:{each}") for each in ids]
    except BadInput as error:
        return UnknownSender(error.message)
    name = next((names[each] for each in ids if each in names), "")
    return AddressSender(addresses[0], name, tuple(addresses[1:]))


def _speaks_to(value: Mapping[str, Any], replied_to: str, text: str) -> bool:
    number = _digits(str((value.get("metadata") or {}).get("display_phone_number", "")))
    return bool(number) and (_digits(replied_to) == number or f"@{number}" in text)


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
    return Inbound(
        channel_id=channel_id,
        chat_id=str(message.get("from_user_id") or message.get("from") or "unknown"),
        message_id=str(message.get("id") or "unknown"),
        sender=UnknownSender("WhatsApp's message could not be read"),
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
