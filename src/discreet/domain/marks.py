"""Write styled text with inline markers, as WhatsApp, Discord and terminals accept it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from discreet.domain.styled_text import Span, StyledText, Sweep

_INLINE = frozenset(["bold", "italic", "strikethrough", "code", "text_link", "bullet"])


class Marks(Protocol):
    """The markers that one platform uses for each style."""

    def plain(self, text: str, *, starts_line: bool) -> str:
        """Escape unstyled words of one line so that they are shown literally."""
        ...

    def styled(self, span: Span, inner: str, words: str) -> str:
        """Render a span within a line.

        ``inner`` is its rendered content, ``words`` the text that a reader sees.
        """
        ...

    def heading(self, inner: str, level: int) -> str:
        """Render a heading."""
        ...

    def quoted(self, line: str) -> str:
        """Render a quoted line."""
        ...

    def pre(self, code: str, language: str) -> str:
        """Render a block of code or a table."""
        ...


def write(styled: StyledText, marks: Marks) -> str:
    """Return the text with its markers."""
    text, written, at = styled.text, list[str](), 0
    spans = Sweep(styled.spans)
    for block in (span for span in styled.spans if span.style == "pre"):
        written.append(_lines(text, at, block.start, spans, marks))
        code = marks.pre(text[block.start : block.end], block.language)
        if _has(spans.overlapping(block.start, block.end), "blockquote"):
            code = "\n".join(map(marks.quoted, code.split("\n")))
        written.append(code)
        at = block.end
    written.append(_lines(text, at, len(text), spans, marks))
    return "".join(written)


def _lines(text: str, start: int, end: int, spans: Sweep, marks: Marks) -> str:
    """Render the lines between two code blocks, or at the ends of the text."""
    lines, at = list[str](), start
    for line in text[start:end].split("\n"):
        until = at + len(line)
        beside_block = not line and ((at == start and at > 0) or (at == end and at < len(text)))
        if beside_block:
            lines.append("")
        else:
            here = spans.overlapping(at, max(until, at + 1))
            lines.append(_line(text, at, until, here, marks))
        at = until + 1
    return "\n".join(lines)


def _has(spans: Sequence[Span], style: str) -> bool:
    return any(span.style == style for span in spans)


def _line(text: str, start: int, end: int, spans: Sequence[Span], marks: Marks) -> str:
    inline = [span for span in spans if span.style in _INLINE]
    heading = next((span for span in spans if span.style == "heading"), None)
    if heading is not None and start < end:
        # The platform shows headings in bold anyway.
        inline = [span for span in inline if span.style != "bold"]
        written = marks.heading(_run(text, start, end, inline, marks, starts=False), heading.level)
    else:
        written = _run(text, start, end, inline, marks, starts=True)
    return marks.quoted(written) if _has(spans, "blockquote") else written


def _run(
    text: str, start: int, end: int, spans: Sequence[Span], marks: Marks, *, starts: bool
) -> str:
    """Render words of one line. ``spans`` are nested or disjoint."""
    written, at, index = list[str](), start, 0
    while index < len(spans):
        outer = spans[index]
        first, last = max(outer.start, start), min(outer.end, end)
        inside = index + 1
        while inside < len(spans) and spans[inside].start < last:
            inside += 1
        if first > at:
            written.append(marks.plain(text[at:first], starts_line=starts and at == start))
        words = text[first:last]
        # Markers must touch words, never white space.
        left, right = len(words) - len(words.lstrip()), len(words.rstrip())
        if outer.style == "bullet" or right <= left:
            written.append(words)
            starts = starts and first != start
        else:
            inner_spans = [s for s in spans[index + 1 : inside] if s.style != outer.style]
            inner = (
                words.strip()
                if outer.style == "code"
                else _run(text, first + left, first + right, inner_spans, marks, starts=False)
            )
            written += [words[:left], marks.styled(outer, inner, words.strip()), words[right:]]
        at, index = last, inside
    if at < end:
        written.append(marks.plain(text[at:end], starts_line=starts and at == start))
    return "".join(written)
