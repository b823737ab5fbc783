"""What is in a message: its text, and how the text names what came beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discreet.domain.inbound import Attachment, AttachmentKind

_MEDIA: Mapping[str, AttachmentKind] = {
    "image": "photo",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "photo",
}
MAX_NAME = 200


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The file of a message; WhatsApp sends one each. ``platform_file`` is the id of the media."""
    kind = str(message.get("type"))
    if kind not in _MEDIA:
        return ()
    media = message[kind]
    as_kind: AttachmentKind = "voice" if media.get("voice") else _MEDIA[kind]
    media_type = str(media.get("mime_type") or "").partition(";")[0]
    return (Attachment(as_kind, str(media["id"]), str(media.get("filename") or ""), media_type),)


def text_of(message: Mapping[str, Any]) -> str:
    """The text as it was said; what isn't text is named in square brackets. Empty: nothing said."""
    kind = str(message["type"])
    body = message.get(kind) or {}
    match kind:
        case "text":
            return str(body["body"])
        case "image" | "video" | "audio" | "document" | "sticker":
            return f"{_label(kind, body)} {body.get('caption') or ''}".strip()
        case "reaction":
            emoji = body.get("emoji")
            return f"[reacted {emoji}]" if emoji else "[took a reaction back]"
        case "button":
            return str(body.get("text") or body["payload"])
        case "interactive":
            chosen = body[str(body["type"])]
            return str(chosen.get("title") or chosen.get("body") or "[answered a form]")
        case "location":
            where = ", ".join(str(body[key]) for key in ("name", "address") if body.get(key))
            at = f"{body['latitude']}, {body['longitude']}"
            return f"[place: {_short(where)}: {at}]" if where else f"[location: {at}]"
        case "contacts":
            names = [str((each.get("name") or {}).get("formatted_name", "")) for each in body]
            return f"[contact: {_short(', '.join(name for name in names if name))}]"
        case "order":
            return "[order]"
        case "system":
            # The number of somebody changed, or a group's name: nobody said anything.
            return ""
        case "edit":
            new = body.get("message") or {}
            return f"[edited] {text_of(new)}" if new.get("type") else "[edited a message]"
        case "revoke":
            return "[took a message back]"
        case _:
            return "[something that WhatsApp doesn't pass on]"


def _label(kind: str, media: Mapping[str, Any]) -> str:
    if kind == "image":
        return "[photo]"
    if kind == "audio" and media.get("voice"):
        return "[voice message]"
    name = _short(str(media.get("filename") or ""))
    return f"[{kind}: {name}]" if name else f"[{kind}]"


def _short(text: str) -> str:
    return " ".join(text.split())[:MAX_NAME]
