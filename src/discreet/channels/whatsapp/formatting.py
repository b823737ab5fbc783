"""Render answers for WhatsApp, in parts that fit. Pure and deterministic.

WhatsApp has no escape character. Words that it would interpret as markup are shown in its
monospaced format, in which it changes nothing; if that isn't possible, a zero-width space separates
the markers.
"""

from __future__ import annotations

import re

from discreet.domain.layout import Look, lay_out
from discreet.domain.marks import write
from discreet.domain.styled_text import Span, StyledText, rendered_parts

MAX_CHARACTERS = 4096
LOOK = Look(bullet="-")

_APART = "\u200b"
_MARK = {"bold": "*", "italic": "_", "strikethrough": "~"}
# What WhatsApp may interpret as markup; if in doubt, include it.
_LETTER = "[0-9A-Za-z\u00c0-\u0dff]"  # of scripts that put spaces between words
_OPENS = re.compile(rf"(?<!{_LETTER})[*_~](?=\S)")
_CLOSES = re.compile(rf"(?<=\S)[*_~](?!{_LETTER})")
_AT_LINE_START = re.compile(r"(\s*)(?=(?:[*>•]|>)\s|>)")


def render(text: str, *, plain: bool = False) -> str:
    """Replace markdown by WhatsApp's own markup. ``plain``: the text isn't markdown."""
    return _written(_styled(text, plain=plain))


def split(text: str, limit: int = MAX_CHARACTERS, *, plain: bool = False) -> list[str]:
    """Return the parts, counted in UTF-16 units, the stricter way: an emoji is two."""
    return rendered_parts(_styled(text, plain=plain), _written, limit)


def _styled(text: str, *, plain: bool) -> StyledText:
    return StyledText(text.rstrip()) if plain else lay_out(text, LOOK)


def _written(styled: StyledText) -> str:
    return write(styled, _Marks())


class _Marks:
    def plain(self, text: str, *, starts_line: bool) -> str:
        apart = _AT_LINE_START.match(text) if starts_line else None
        if apart is not None:
            return f"{apart[1]}{_APART}{_protected(text[apart.end() :])}"
        return _protected(text)

    def styled(self, span: Span, inner: str, words: str) -> str:
        if span.style == "code":
            return _monospaced(words)
        mark = _MARK.get(span.style)
        if mark is None or mark in words or _APART in inner:
            return inner
        return f"{mark}{inner}{mark}"

    def heading(self, inner: str, level: int) -> str:  # noqa: ARG002
        return inner if "*" in inner else f"*{inner}*"

    def quoted(self, line: str) -> str:
        return f"> {line}"

    def pre(self, code: str, language: str) -> str:  # noqa: ARG002
        return f"```\n{_without_fences(code)}\n```"


def _protected(text: str) -> str:
    """Escape the words of one line so that WhatsApp shows them literally."""
    if text.count("`") > 1:
        return _monospaced(text)
    found = _markup(text)
    if found is None:
        return text
    if "`" in text:
        return _monospaced(text)
    start, end = found
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return f"{text[:start]}`{text[start:end]}`{text[end:]}"


def _markup(text: str) -> tuple[int, int] | None:
    """Return the range that WhatsApp may interpret as markup. One, because kinds overlap."""
    first: dict[str, int] = {}
    for opening in _OPENS.finditer(text):
        first.setdefault(opening[0], opening.start())
    last = {closing[0]: closing.start() for closing in _CLOSES.finditer(text)}
    pairs = [(at, last.get(mark, 0)) for mark, at in first.items() if last.get(mark, 0) > at + 1]
    if not pairs:
        return None
    return min(start for start, _ in pairs), max(end for _, end in pairs) + 1


def _monospaced(words: str) -> str:
    if "`" not in words:
        return f"`{words}`"
    left, right = len(words) - len(words.lstrip()), len(words.rstrip())
    inner = _without_fences(words[left:right])
    # Adjacent backticks would be counted together.
    first = _APART if inner.startswith("`") else ""
    last = _APART if inner.endswith("`") else ""
    return f"{words[:left]}```{first}{inner}{last}```{words[right:]}"


def _without_fences(code: str) -> str:
    return code.replace("``", f"`{_APART}`").replace("``", f"`{_APART}`")
