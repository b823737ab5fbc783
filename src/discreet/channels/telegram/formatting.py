"""Render answers as text and entities for Telegram. Pure.

Unlike markup, entities can't be malformed: no answer is rejected for a stray asterisk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from discreet.domain.layout import Look, lay_out

Style = Literal["bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"]

LOOK = Look(bullet="•", linkable=("http://", "https://", "tg://", "mailto:"), after_heading=2)
_STYLES: dict[str, Style] = {
    "heading": "bold",
    "bold": "bold",
    "italic": "italic",
    "strikethrough": "strikethrough",
    "code": "code",
    "pre": "pre",
    "text_link": "text_link",
    "blockquote": "blockquote",
}


@dataclass(frozen=True, slots=True)
class EntitySpan:
    """A span of text in one style. ``start`` and ``length`` count UTF-16 units."""

    style: Style
    start: int
    length: int
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text with its styled spans."""

    text: str
    spans: tuple[EntitySpan, ...] = ()


def utf16_length(text: str) -> int:
    """Return the length of a text as Telegram counts it."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def render(text: str, *, plain: bool = False) -> Formatted:
    """Return the text as readers see it. ``plain``: the text isn't markdown."""
    if plain:
        return Formatted(text.rstrip())
    styled = lay_out(text, LOOK)
    units = [0, *accumulate(2 if ord(c) > 0xFFFF else 1 for c in styled.text)]
    spans = (
        EntitySpan(
            _STYLES[span.style],
            units[span.start],
            units[span.end] - units[span.start],
            span.url,
            span.language,
        )
        for span in styled.spans
        if span.style in _STYLES
    )
    return Formatted(styled.text, tuple(spans))


def _clipped(spans: Sequence[EntitySpan], start: int, end: int) -> Iterator[EntitySpan]:
    for span in spans:
        first, last = max(span.start, start), min(span.start + span.length, end)
        if last > first:
            yield EntitySpan(span.style, first - start, last - first, span.url, span.language)


def clip_formatted(formatted: Formatted, text: str, start: int) -> Formatted:
    """Return the part of a text that begins at ``start`` (UTF-16 units), with its spans."""
    return Formatted(text, tuple(_clipped(formatted.spans, start, start + utf16_length(text))))
