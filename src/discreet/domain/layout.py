"""Lay out a markdown tree as a reader sees it: blocks, lists, tables, links. Pure."""

from __future__ import annotations

import gc
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discreet.domain.markdown import parse_markdown
from discreet.domain.styled_text import Span, Style, StyledText

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode

_INLINE: dict[str, Style] = {"strong": "bold", "em": "italic", "s": "strikethrough"}


@dataclass(frozen=True, slots=True)
class Look:
    """Layout options that differ between platforms.

    They are the bullet of a list item, which links can be hidden behind their text, and the minimum
    number of line breaks after a heading.
    """

    bullet: str = "•"
    linkable: tuple[str, ...] = ()
    after_heading: int = 1


def lay_out(markdown: str, look: Look) -> StyledText:
    """Return the visible text of an answer. If nothing would be visible, return it unchanged."""
    writer = _Writer(look)
    with _collector_paused():
        for block in parse_markdown(markdown).children:
            writer.block(block)
    styled = writer.finish()
    return styled if styled.text.strip() else StyledText(markdown.strip("\n"))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the garbage collector while a large tree is built.

    Otherwise it traverses the growing tree again and again, which takes quadratic time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Writer:
    """Collects text and spans, with at most one blank line between blocks."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._pieces: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._due = 0
        self._prefix: list[str] = []
        self._depth = 0
        self._quoted = False
        self._read = 0

    def finish(self) -> StyledText:
        text = "".join(self._pieces).rstrip()
        kept = [
            Span(s.style, s.start, min(s.end, len(text)) - s.start, s.url, s.language, s.level)
            for s in self._spans
            if s.start < len(text)
        ]
        return StyledText(text, tuple(sorted(kept, key=lambda s: (s.start, -s.length))))

    def block(self, node: SyntaxTreeNode) -> None:
        """Write a block, preceded by a blank line if the source has one."""
        if node.map is not None and not self._depth:
            self._end_block(2 if node.map[0] > self._read else 1)
        self._one_block(node)
        if node.map is not None:
            self._read = _last_line(node)

    def _one_block(self, node: SyntaxTreeNode) -> None:
        match node.type:
            case "paragraph":
                self._inlines(node)
                self._end_block(1)
            case "heading":
                start = self._begin()
                self._inlines(node)
                self._span("heading", start, level=int(node.tag[1:]))
                self._end_block(self._look.after_heading)
            case "bullet_list" | "ordered_list":
                self._list(node)
            case "blockquote":
                self._quote(node)
            case "fence" | "code_block":
                self._code(node.content, node.info.split(" ")[0] if node.info else "")
            case "hr":
                self._write("———")
                self._end_block(1)
            case "table":
                rows = [row for half in node.children for row in half.children]
                self._code(_table([_cells(row) for row in rows]), "")
            case _:
                self._inlines(node)

    def _quote(self, node: SyntaxTreeNode) -> None:
        inside, self._quoted = self._quoted, True
        start = self._begin()
        for child in node.children:
            self.block(child)
        if not inside:
            self._quoted = False
            self._span("blockquote", start)
        self._end_block(1)

    def _list(self, node: SyntaxTreeNode) -> None:
        numbers = _numbers(node)
        self._end_block(1)
        if len(node.children) == 1 and not node.children[0].children:
            # A lone "-" or "3." is text, not a list.
            self._write(f"{node.children[0].info}{node.children[0].markup}")
            return
        for item, number in zip(node.children, numbers, strict=True):
            mark = self._look.bullet if number is None else f"{number}{item.markup}"
            self._prefix.append(f"{'  ' * self._depth}{mark} ")
            self._depth += 1
            for child in item.children:
                self.block(child)
            self._depth -= 1
            if not item.children:
                self._write("")
            self._end_block(1)
        self._end_block(1)

    def _code(self, code: str, language: str) -> None:
        code = code.rstrip("\n")
        if not code.strip():
            return
        start = self._begin()
        self._write(code)
        self._span("pre", start, language=language)
        self._end_block(1)

    def _inlines(self, node: SyntaxTreeNode) -> None:
        for child in node.children:
            self._inline(child)

    def _inline(self, node: SyntaxTreeNode) -> None:
        match node.type:
            case "inline":
                self._inlines(node)
            case "softbreak" | "hardbreak":
                self._write("\n")
            case "code_inline":
                start = self._begin()
                self._write(node.content)
                self._span("code", start)
            case "link":
                self._link(node)
            case "image":
                self._write(_both(node.content, str(node.attrs.get("src", ""))))
            case "strong" | "em" | "s":
                start = self._begin()
                self._inlines(node)
                self._span(_INLINE[node.type], start)
            case _:
                self._write(node.content)

    def _link(self, node: SyntaxTreeNode) -> None:
        url = str(node.attrs.get("href", ""))
        label = _plain(node)
        if node.markup == "autolink":
            # People also write "Ada <ada@example.org>" like this.
            self._write(f"<{label}>" if url.startswith("mailto:") else label)
        elif url.startswith(self._look.linkable) and self._look.linkable and label:
            start = self._begin()
            self._inlines(node)
            self._span("text_link", start, url=url)
        else:
            self._inlines(node)
            self._write(_both(label, url).removeprefix(label))

    def _begin(self) -> int:
        """Write what is due before the next text: it belongs to what comes before."""
        self._put_due()
        return self._length

    def _put_due(self) -> None:
        if self._due and self._length:
            self._put("\n" * self._due)
        self._due = 0
        for prefix in self._prefix:
            start = self._length
            self._put(prefix)
            self._spans.append(Span("bullet", start, len(prefix)))
        self._prefix = []

    def _write(self, text: str) -> None:
        if text or self._prefix:
            self._put_due()
            self._put(text)

    def _put(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)

    def _end_block(self, lines: int) -> None:
        self._due = max(self._due, lines)

    def _span(
        self, style: Style, start: int, *, url: str = "", language: str = "", level: int = 0
    ) -> None:
        if self._length > start:
            self._spans.append(Span(style, start, self._length - start, url, language, level))


def _last_line(node: SyntaxTreeNode) -> int:
    """Return the line after the last non-blank line; a list's own map has trailing ones too."""
    if node.type in ("bullet_list", "ordered_list", "list_item", "blockquote") and node.children:
        return _last_line(node.children[-1])
    return node.map[1] if node.map else 0


def _numbers(node: SyntaxTreeNode) -> list[str | None]:
    """Return the item numbers as written, or counted up if all are the same."""
    if node.type == "bullet_list":
        return [None] * len(node.children)
    written = [item.info for item in node.children]
    if len(set(written)) > 1 or not written[0].isdecimal():
        return list(written)
    return [str(int(written[0]) + at) for at in range(len(written))]


def _both(label: str, url: str) -> str:
    """Return a link's text and its address, unless one already contains the other."""
    bare = url.removeprefix("mailto:").removeprefix("https://").removeprefix("http://")
    if not url or label in (url, bare, bare.rstrip("/")):
        return label or url
    return f"{label} ({url})" if label else url


def _plain(node: SyntaxTreeNode) -> str:
    if node.type in ("softbreak", "hardbreak"):
        return " "
    if not node.children:
        return node.content
    return "".join(_plain(child) for child in node.children)


def _cells(row: SyntaxTreeNode) -> list[str]:
    cells = []
    for cell in row.children:
        text = _plain_cell(cell)
        align = str(cell.attrs.get("style", ""))
        cells.append(("\0" if align.endswith("right") else "") + text)
    return cells


def _plain_cell(node: SyntaxTreeNode) -> str:
    if node.type == "link":
        label = "".join(_plain(child) for child in node.children)
        return _both(label, str(node.attrs.get("href", "")))
    if node.type == "image" or not node.children:
        return _plain(node)
    return "".join(_plain_cell(child) for child in node.children)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out a table in columns, for fonts where characters have one width (two in East Asia)."""
    many = max(len(row) for row in rows)
    widths = [
        max(_width(row[column].lstrip("\0")) for row in rows if column < len(row))
        for column in range(many)
    ]
    return "\n".join(
        "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    )


def _padded(cell: str, width: int) -> str:
    text = cell.lstrip("\0")
    room = " " * (width - _width(text))
    return room + text if cell.startswith("\0") else text + room


def _width(text: str) -> int:
    return sum(
        0
        if unicodedata.category(c) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )
