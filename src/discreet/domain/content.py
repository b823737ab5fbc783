"""The content of a message other than its text: typed parts, replies, forwards.

Channels fill these in; everything else reads them. ``line_of`` renders the whole message as one
text, for transcripts, search, memory and the offline responder. ``details_of`` keeps the structure,
which a prompt includes as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

PartKind = Literal[
    "button",
    "checklist",
    "contact",
    "dice",
    "embed",
    "form",
    "game",
    "gift",
    "giveaway",
    "invoice",
    "link",
    "location",
    "notice",
    "order",
    "paid media",
    "payment",
    "place",
    "poll",
    "product",
    "reaction",
    "referral",
    "request",
    "sticker",
    "story",
    "unsupported",
]
Value = str | tuple[str, ...]
# PostgreSQL text columns reject these.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """One item that came with a message, such as a poll. ``fields`` are in reading order."""

    kind: PartKind
    fields: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message replies to or quotes, as sent by the platform; empty where it isn't known.

    ``said_by`` is a display name, ``address`` the stable id of the author; ``is_ours`` says whether
    the author was the agent. ``is_part``: the sender selected this excerpt of a longer text.
    """

    text: str = ""
    said_by: str = ""
    address: str = ""
    is_ours: bool = False
    at: datetime | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """The original author of a forwarded message. ``said_by`` is empty if the platform hides it.

    ``often``: the platform marks the message as forwarded many times.
    """

    said_by: str = ""
    at: datetime | None = None
    often: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in a message other than its text and files."""

    parts: tuple[Part, ...] = ()
    quote: Quote | None = None
    forward: Forward | None = None


NO_CONTENT = Content()


def part(kind: PartKind, **fields: object) -> Part:
    """Return a part with its non-empty fields. Lists become tuples of strings."""
    kept: list[tuple[str, Value]] = []
    for name, value in fields.items():
        read = _value(value)
        if read:
            kept.append((name.replace("_", " "), read))
    return Part(kind, tuple(kept))


def notice(text: str) -> Part:
    """Return a part for an event in the chat, such as somebody joining it."""
    return part("notice", text=text)


def unsupported(kind: object) -> Part:
    """Return a part for a kind of content that the channel doesn't know."""
    return part("unsupported", what=str(kind or "unknown"))


def line_of_part(one: Part) -> str:
    """Render a part on one line, in square brackets."""
    fields = dict(one.fields)
    match one.kind:
        case "notice":
            return f"[{_flat(fields.get('text', ''))}]"
        case "unsupported":
            what = _flat(fields.get("what", ""))
            return f"[unsupported message: '{what}']"
    said = [
        _flat(value) if place == 0 else f"{name}: {_flat(value)}"
        for place, (name, value) in enumerate(one.fields)
    ]
    return f"[{one.kind}: {'; '.join(said)}]" if said else f"[{one.kind}]"


def line_of(text: str, content: Content) -> str:
    """Render the whole message: the forward, the text, then one line per part."""
    lines = [text] if text else []
    lines += [line_of_part(one) for one in content.parts]
    line = "\n".join(lines)
    if content.forward is None:
        return line
    label = "forwarded many times" if content.forward.often else "forwarded"
    source = _flat(content.forward.said_by)
    return f"[{label} from {source}] {line}" if source else f"[{label}] {line}"


def details_of(text: str, content: Content) -> dict[str, Any] | None:
    """Return the structure as JSON, or None if the message is only text."""
    if content == NO_CONTENT:
        return None
    kept: dict[str, Any] = {"text": clean(text)}
    if content.parts:
        kept["parts"] = [{"kind": one.kind, **_storable(one.fields)} for one in content.parts]
    if content.forward is not None:
        kept["forwarded"] = _without_blanks(
            said_by=_flat(content.forward.said_by),
            at=_time(content.forward.at),
            often=content.forward.often,
        )
    quote = content.quote
    if quote is not None:
        kept["quote"] = _without_blanks(
            text=clean(quote.text),
            said_by=_flat(quote.said_by),
            address=clean(quote.address),
            is_ours=quote.is_ours,
            at=_time(quote.at),
            is_part=quote.is_part,
        )
    return kept


def clean(text: str) -> str:
    """Remove control characters and unpaired surrogates, which the database can't store."""
    return _UNSTORABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _value(value: object) -> Value:
    match value:
        case None | False:
            return ""
        case True:
            return "yes"
        case str() | int() | float():
            return str(value).strip()
        case Mapping():
            return tuple(f"{name}: {_flat(_value(inner))}" for name, inner in value.items())
        case Iterable():
            return tuple(filter(None, (_flat(_value(inner)) for inner in value)))
        case _:
            return str(value)


def _flat(value: Value) -> str:
    """Render a value on one line."""
    text = value if isinstance(value, str) else ", ".join(value)
    return " ".join(clean(text).split())


def _storable(fields: tuple[tuple[str, Value], ...]) -> dict[str, Any]:
    return {
        name: clean(value) if isinstance(value, str) else [clean(each) for each in value]
        for name, value in fields
    }


def _without_blanks(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _time(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()
