"""The content of a message beside its words: typed parts, replies, forwards.

A channel fills these in; everything else reads them. ``line_of`` is the whole message as one text,
for transcripts, search, memory and the offline responder. ``details_of`` keeps the structure, which
a prompt shows as data.
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
# No text column takes these.
_UNSTORABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that came with a message, such as a poll. ``fields`` in the order of reading."""

    kind: PartKind
    fields: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message replies to or quotes, as the platform sent it; empty where it didn't say.

    ``said_by`` is a name for showing, ``address`` the stable id of who said it, ``is_ours`` whether
    that was the agent. ``is_part``: the sender picked these words out of a longer text.
    """

    text: str = ""
    said_by: str = ""
    address: str = ""
    is_ours: bool = False
    at: datetime | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """The message was written by somebody else; ``said_by`` is empty where nobody says who.

    ``often``: it went through many hands, as the platform counts.
    """

    said_by: str = ""
    at: datetime | None = None
    often: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in a message beside its words and files."""

    parts: tuple[Part, ...] = ()
    quote: Quote | None = None
    forward: Forward | None = None


NO_CONTENT = Content()


def part(kind: PartKind, **fields: object) -> Part:
    """Return a part with those of its fields that hold something. Lists become tuples of texts."""
    kept: list[tuple[str, Value]] = []
    for name, value in fields.items():
        read = _value(value)
        if read:
            kept.append((name.replace("_", " "), read))
    return Part(kind, tuple(kept))


def notice(text: str) -> Part:
    """Something that the platform tells about a chat, such as that somebody joined it."""
    return part("notice", text=text)


def unsupported(kind: object) -> Part:
    """Something came that is of a kind nobody foresaw."""
    return part("unsupported", what=str(kind or "unknown"))


def line_of_part(one: Part) -> str:
    """Return a part on one line, in square brackets."""
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
    """Return the whole message: from whom it was forwarded, its words, then a line for each
    part."""
    lines = [text] if text else []
    lines += [line_of_part(one) for one in content.parts]
    line = "\n".join(lines)
    if content.forward is None:
        return line
    label = "forwarded many times" if content.forward.often else "forwarded"
    source = _flat(content.forward.said_by)
    return f"[{label} from {source}] {line}" if source else f"[{label}] {line}"


def details_of(text: str, content: Content) -> dict[str, Any] | None:
    """Return the structure as JSON; None where a message is nothing but its words."""
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
    """Return a text that can be stored: without control characters and halves of surrogate
    pairs."""
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
    """Return a value on one line."""
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
