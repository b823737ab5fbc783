"""Markdown, as models write it, -> text and entities, as Telegram takes them. Pure.

Entities, unlike a markup language, can't be malformed: no answer is refused for a stray asterisk.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from markdown_it.token import Token

Style = Literal["bold", "italic", "strikethrough", "code", "pre", "text_link", "blockquote"]

_INLINE: dict[str, Style] = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_LINKABLE = ("http://", "https://", "tg://", "mailto:")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one style. ``start`` and ``length`` count UTF-16 units."""

    style: Style
    start: int
    length: int
    url: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Formatted:
    """A text and how stretches of it look."""

    text: str
    spans: tuple[Span, ...] = ()


def utf16_length(text: str) -> int:
    """Return how long Telegram takes a text to be."""
    return len(text) + sum(ord(character) > 0xFFFF for character in text)


def render(markdown: str) -> Formatted:
    """Return what the reader sees. A text in which nothing is left to see is given as it is."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
    writer = _Writer()
    with _collector_paused():
        _write_blocks(writer, parser.parse(markdown))
    formatted = writer.finish()
    return formatted if formatted.text.strip() else Formatted(markdown)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking the tokens of a long text again and again while they
    are made. They hold no cycles, so it would free none of them."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Writer:
    """Collects text and spans, and keeps the blank lines between blocks to one."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._open: list[tuple[Style, int, str, str]] = []
        self._spans: list[Span] = []
        self._due = 0
        self._prefix = ""

    def write(self, text: str) -> None:
        if not text:
            return
        if self._due and self._length:
            self._put("\n" * self._due)
        self._due = 0
        if self._prefix:
            prefix, self._prefix = self._prefix, ""
            self._put(prefix)
        self._put(text)

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._length += utf16_length(text)

    def end_block(self, lines: int) -> None:
        """At least so many line ends come before the next text."""
        self._due = max(self._due, lines)

    def prefix(self, text: str) -> None:
        """Comes before the next text: the mark of a list item."""
        self._prefix = text

    def open(self, style: Style, url: str = "", language: str = "") -> None:
        # The line ends and marks that are due belong to what comes before.
        if (self._due and self._length) or self._prefix:
            due, self._due = self._due if self._length else 0, 0
            prefix, self._prefix = self._prefix, ""
            self._put("\n" * due + prefix)
        self._open.append((style, self._length, url, language))

    def close(self, style: Style) -> None:
        for index in range(len(self._open) - 1, -1, -1):
            if self._open[index][0] == style:
                _, start, url, language = self._open.pop(index)
                if self._length > start:
                    self._spans.append(Span(style, start, self._length - start, url, language))
                return

    def is_open(self, style: Style) -> bool:
        return any(opened[0] == style for opened in self._open)

    def finish(self) -> Formatted:
        text = "".join(self._pieces).rstrip()
        spans = sorted(_clipped(self._spans, 0, utf16_length(text)), key=lambda s: s.start)
        return Formatted(text, tuple(spans))


def _clipped(spans: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    for span in spans:
        first, last = max(span.start, start), min(span.start + span.length, end)
        if last > first:
            yield Span(span.style, first - start, last - first, span.url, span.language)


def clip_formatted(formatted: Formatted, text: str, start: int) -> Formatted:
    """Return the part of a text that begins at ``start`` (UTF-16 units), and its spans."""
    return Formatted(text, tuple(_clipped(formatted.spans, start, start + utf16_length(text))))


def _write_blocks(writer: _Writer, tokens: Sequence[Token]) -> None:
    lists: list[int | None] = []  # the next number of each open list; None: no numbers
    rows: list[list[str]] = []
    for token in tokens:
        match token.type:
            case "inline" if rows:
                rows[-1].append(_plain(token))
            case "inline":
                _write_inline(writer, token.children or [])
            case "paragraph_close":
                writer.end_block(1 if token.hidden or lists else 2)
            case "heading_open":
                writer.open("bold")
            case "heading_close":
                writer.close("bold")
                writer.end_block(2)
            case "bullet_list_open":
                lists.append(None)
            case "ordered_list_open":
                lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
                writer.end_block(1 if lists else 2)
            case "list_item_open":
                number = lists[-1]
                writer.end_block(1)
                writer.prefix("  " * (len(lists) - 1) + ("• " if number is None else f"{number}. "))
                lists[-1] = None if number is None else number + 1
            case "blockquote_open" if not writer.is_open("blockquote"):
                writer.open("blockquote")
            case "blockquote_close":
                writer.close("blockquote")
                writer.end_block(2)
            case "fence" | "code_block":
                _write_code(writer, token.content, token.info.split(" ")[0] if token.info else "")
            case "hr":
                writer.write("———")
                writer.end_block(2)
            case "tr_open":
                rows.append([])
            case "table_close":
                _write_code(writer, _table(rows), "")
                rows = []
            case _:
                pass


def _write_code(writer: _Writer, code: str, language: str) -> None:
    code = code.rstrip("\n")
    if code:
        writer.open("pre", language=language)
        writer.write(code)
        writer.close("pre")
        writer.end_block(2)


def _write_inline(writer: _Writer, tokens: Sequence[Token]) -> None:
    for token in tokens:
        name, _, end = token.type.rpartition("_")
        match token.type:
            case "softbreak" | "hardbreak":
                writer.write("\n")
            case "code_inline":
                writer.open("code")
                writer.write(token.content)
                writer.close("code")
            case "link_open":
                url = str(token.attrGet("href") or "")
                if url.startswith(_LINKABLE):
                    writer.open("text_link", url=url)
            case "link_close":
                writer.close("text_link")
            case "image":
                writer.write(f"{token.content} ({token.attrGet('src')})".strip())
            case _ if name in _INLINE and end == "open":
                writer.open(_INLINE[name])
            case _ if name in _INLINE and end == "close":
                writer.close(_INLINE[name])
            case _:
                writer.write(token.content)


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [
        max((len(row[column]) for row in rows if column < len(row)), default=0)
        for column in range(max((len(row) for row in rows), default=0))
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )
