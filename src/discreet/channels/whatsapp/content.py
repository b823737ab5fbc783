"""Read the text, file and typed parts of a WhatsApp message."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from discreet.domain.content import Part, notice, part, unsupported
from discreet.domain.inbound import Attachment, AttachmentKind

_MEDIA: Mapping[str, AttachmentKind] = {
    "image": "photo",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "photo",
}
MAX_NAME = 200
KINDS = frozenset(
    {
        *_MEDIA,
        "button",
        "contacts",
        "edit",
        "interactive",
        "location",
        "order",
        "reaction",
        "request_welcome",
        "revoke",
        "system",
        "text",
        "unsupported",
    }
)
"""The kinds of messages that are read; any other becomes a line that names its kind."""


def attachments_of(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the file of a message; WhatsApp sends one each. ``platform_file`` is the media id."""
    kind = str(message.get("type"))
    if kind not in _MEDIA:
        return ()
    media = message[kind]
    as_kind: AttachmentKind = "voice" if media.get("voice") else _MEDIA[kind]
    media_type = str(media.get("mime_type") or "").partition(";")[0]
    return (Attachment(as_kind, str(media["id"]), str(media.get("filename") or ""), media_type),)


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, with its file named in square brackets; may be empty."""
    kind = str(message["type"])
    body = message.get(kind) or {}
    match kind:
        case "text":
            if not isinstance(body["body"], str):
                raise TypeError("a text without words")
            return body["body"]
        case "image" | "video" | "audio" | "document" | "sticker":
            return f"{_label(kind, body)} {body.get('caption') or ''}".strip()
        case "button":
            return str(body.get("text") or body["payload"])
        case "interactive":
            chosen = body[str(body["type"])]
            if body["type"] == "nfm_reply":
                said = str(chosen.get("body") or "")
                return "" if said == "Sent" else said  # WhatsApp's text for every form
            return str(chosen.get("title") or "")
        case "order":
            return str(body.get("text") or "")
        case _ if kind not in KINDS:
            # Whatever the type, these fields are text.
            words = body.get("caption") or body.get("body") if isinstance(body, dict) else None
            return words if isinstance(words, str) else ""
        case _:
            return ""


def parts_of(message: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return everything in a message other than its text and file."""
    return (*_own(message), *_around(message))


def _own(message: Mapping[str, Any]) -> Iterator[Part]:
    kind = str(message["type"])
    body = message.get(kind) or {}
    match kind:
        case "contacts":
            yield from (_contact(each) for each in body)
        case "location":
            yield _location(body)
        case "order":
            yield _order(body)
        case "button" if body.get("payload") not in (None, body.get("text")):
            yield part("button", id=body["payload"])
        case "interactive":
            yield from _interactive(str(body["type"]), body[str(body["type"])])
        case "reaction":
            yield part("reaction", sign=body.get("emoji") or "none, taken back")
        case "system":
            yield notice(str(body.get("body") or body.get("type") or "a notice of WhatsApp"))
        case "request_welcome":
            yield notice("opened the chat")
        case "revoke":
            yield notice("took a message back")
        case "unsupported":
            yield unsupported(body.get("type") or _error(message))
        case _ if kind not in KINDS:
            yield unsupported(kind)


def _around(message: Mapping[str, Any]) -> Iterator[Part]:
    """Yield what a message refers to: a product, or the ad that brought the person here."""
    product = (message.get("context") or {}).get("referred_product")
    if product:
        yield part(
            "product", id=product.get("product_retailer_id"), catalog=product.get("catalog_id")
        )
    ad = message.get("referral")
    if ad:
        media = (ad.get(key) for key in ("image_url", "video_url", "thumbnail_url"))
        yield part(
            "referral",
            headline=ad.get("headline"),
            text=ad.get("body"),
            web=ad.get("source_url"),
            **{"from": ad.get("source_type")},
            media=next(filter(None, media), None),
            greeting=(ad.get("welcome_message") or {}).get("text"),
        )


def _contact(card: Mapping[str, Any]) -> Part:
    company = card.get("org") or {}
    return part(
        "contact",
        name=(card.get("name") or {}).get("formatted_name"),
        phones=[each.get("phone") or each.get("wa_id") for each in card.get("phones") or ()],
        emails=[each.get("email") for each in card.get("emails") or ()],
        company=[company.get(key) for key in ("company", "department", "title")],
        addresses=[_address(each) for each in card.get("addresses") or ()],
        web=[each.get("url") for each in card.get("urls") or ()],
        birthday=card.get("birthday"),
    )


def _address(address: Mapping[str, Any]) -> str:
    keys = ("street", "zip", "city", "state", "country")
    return ", ".join(str(address[key]) for key in keys if address.get(key))


def _location(body: Mapping[str, Any]) -> Part:
    at = f"{body['latitude']}, {body['longitude']}"
    if not (body.get("name") or body.get("address")):
        return part("location", at=at, web=body.get("url"))
    return part(
        "place", name=body.get("name"), address=body.get("address"), at=at, web=body.get("url")
    )


def _order(body: Mapping[str, Any]) -> Part:
    return part(
        "order",
        items=[_item(each) for each in body.get("product_items") or ()],
        catalog=body.get("catalog_id"),
    )


def _item(item: Mapping[str, Any]) -> str:
    price = item.get("item_price")
    said = f"{item.get('quantity', 1)} × {item.get('product_retailer_id')}"
    return said if price is None else f"{said} at {price} {item.get('currency') or ''}".rstrip()


def _interactive(kind: str, chosen: Mapping[str, Any]) -> Iterator[Part]:
    match kind:
        case "button_reply" | "list_reply":
            yield part("button", description=chosen.get("description"), id=chosen.get("id"))
        case "nfm_reply":
            name = chosen.get("name")
            yield part("form", name=None if name == "flow" else name, answers=_answers(chosen))
        case _:
            yield unsupported(kind)


def _answers(form: Mapping[str, Any]) -> object:
    """Return the fields of a form, without the token, which only its author needs."""
    given = str(form.get("response_json") or "")
    try:
        answers = json.loads(given)
    except ValueError:
        return given
    if not isinstance(answers, dict):
        return answers
    return {name: value for name, value in answers.items() if name != "flow_token"}


def _error(message: Mapping[str, Any]) -> str:
    for error in message.get("errors") or ():
        return str(error.get("title") or error.get("message") or error.get("code") or "")
    return ""


def _label(kind: str, media: Mapping[str, Any]) -> str:
    if kind == "image":
        return "[photo]"
    if kind == "audio" and media.get("voice"):
        return "[voice message]"
    name = _short(str(media.get("filename") or ""))
    return f"[{kind}: {name}]" if name else f"[{kind}]"


def _short(text: str) -> str:
    return " ".join(text.split())[:MAX_NAME]
