"""A text as a reader sees it, with its styled spans. Pure.

Every renderer starts from this: the text is laid out and cut once, and each platform only adds its
own markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from discreet.domain.cutting import cuts

Style = Literal[
    "bold",
    "italic",
    "strikethrough",
    "code",
    "pre",
    "text_link",
    "blockquote",
    "heading",
    "bullet",
]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one style. ``start`` and ``length`` count characters.

    ``level``: of a heading. ``bullet``: the marker of a list item, which is ours and not part of
    the author's text.
    """

    style: Style
    start: int
    length: int
    url: str = ""
    language: str = ""
    level: int = 0

    @property
    def end(self) -> int:
        """Return the position after the last character."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class StyledText:
    """A text and its spans, sorted by start, outer before inner."""

    text: str
    spans: tuple[Span, ...] = ()

    def part(self, start: int, end: int) -> StyledText:
        """Return the characters from ``start`` to ``end`` with the spans that overlap them."""
        return StyledText(self.text[start:end], tuple(_clipped(self.spans, start, end)))


class Sweep:
    """The spans that overlap successive stretches of a text."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._next = 0
        self._open: list[Span] = []

    def overlapping(self, start: int, end: int) -> list[Span]:
        """Return the spans that share a character with the range.

        Ranges must be requested in order.
        """
        while self._next < len(self._spans) and self._spans[self._next].start < end:
            self._open.append(self._spans[self._next])
            self._next += 1
        self._open = [span for span in self._open if span.end > start]
        return [span for span in self._open if span.start < end]


def _clipped(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if last > first:
            yield Span(span.style, first - start, last - first, span.url, span.language, span.level)


def rendered_parts(
    styled: StyledText, render: Callable[[StyledText], str], limit: int
) -> list[str]:
    """Return the rendered parts of a text, each at most ``limit`` UTF-16 units long."""
    whole = render(styled)
    if _units(whole) <= limit:
        return [whole]
    parts: list[str] = []
    room = limit * 9 // 10
    units = [0, *accumulate(_units(character) for character in styled.text)]
    blocks = [(units[span.start], units[span.end]) for span in styled.spans if span.style == "pre"]
    spans = Sweep(styled.spans)
    for start, end in cuts(styled.text, units, blocks, room):
        here = tuple(_clipped(spans.overlapping(start, end), start, end))
        parts += _fitting(StyledText(styled.text[start:end], here), render, limit)
    return parts


def _fitting(part: StyledText, render: Callable[[StyledText], str], limit: int) -> Iterator[str]:
    """Split a part further if its markup made it too long."""
    written = render(part)
    if _units(written) <= limit or len(part.text) < 2:
        yield written
        return
    room = max(1, _units(part.text) * 2 // 3)
    units = [0, *accumulate(_units(character) for character in part.text)]
    for start, end in cuts(part.text, units, (), room):
        yield from _fitting(part.part(start, end), render, limit)


def _units(text: str) -> int:
    return len(text) + sum(ord(character) > 0xFFFF for character in text)
