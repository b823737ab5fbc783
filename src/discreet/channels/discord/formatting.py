"""Render answers for Discord, in parts that fit. Pure and deterministic."""

from __future__ import annotations

import re

from discreet.domain.layout import Look, lay_out
from discreet.domain.marks import write
from discreet.domain.styled_text import Span, StyledText, rendered_parts

MAX_UNITS = 2000
"""UTF-16 units of one message: Discord counts characters, of which an emoji may be several."""
LOOK = Look(bullet="-", linkable=("http://", "https://"))
_MAX_LANGUAGE = 20
_NATIVE_HEADINGS = 3

_APART = "\u200b"
_MARK = {"bold": "**", "italic": "*", "strikethrough": "~~"}
# Discord takes an address as it stands and looks for no marks in it, escapes included.
_URL = re.compile(r"(?:https?|steam|discord)://[^\s<]*[^\s<.,:;\"'\]]", re.IGNORECASE)
_NOT_LAST = re.compile(r"[.,:;\"'\]]*")
_SPECIAL = re.compile(
    r"\\|\*(?!\s)|(?<=\S)\*|(?<![^\W_])_|_(?![^\W_])|`|~(?=~)|(?<=~)~|\|(?=\|)|(?<=\|)\|"
    r"|<(?=[@#:a-zA-Z/])|(?<=\])\(|:(?=[\w+~-]+:)"
)
_AT_LINE_START = re.compile(r"(\s*)(?:(\d+)(?=[.)]\s)|(?=(?:#{1,3}|-#|[-*+]|>>>|>)\s|>))")


def render(text: str, *, plain: bool = False) -> str:
    """Discord's own marks. ``plain``: words that are no markdown."""
    return _written(_styled(text, plain=plain))


def split(text: str, limit: int = MAX_UNITS, *, plain: bool = False) -> list[str]:
    """Return the parts; at least one. A block of code that is cut is code in each of them."""
    return rendered_parts(_styled(text, plain=plain), _written, limit)


def _styled(text: str, *, plain: bool) -> StyledText:
    return StyledText(text.rstrip()) if plain else lay_out(text, LOOK)


def _written(styled: StyledText) -> str:
    return write(styled, _Marks())


class _Marks:
    def plain(self, text: str, *, starts_line: bool) -> str:
        mark = _AT_LINE_START.match(text) if starts_line else None
        if mark is None:
            return _escaped(text)
        return f"{mark[0]}\\{text[mark.end()]}{_escaped(text[mark.end() + 1 :])}"

    def styled(self, span: Span, inner: str, words: str) -> str:
        if span.style == "code":
            return _code(words)
        if span.style == "text_link":
            # A text that looks like an address itself is not hidden behind another one.
            if "://" in words or ">" in span.url:
                return f"{inner} ({span.url})"
            return f"[{inner}](<{span.url}>)" if ")" in span.url else f"[{inner}]({span.url})"
        mark = _MARK[span.style]
        return f"{mark}{inner}{mark}"

    def heading(self, inner: str, level: int) -> str:
        return f"{'#' * level} {inner}" if level <= _NATIVE_HEADINGS else f"**{inner}**"

    def quoted(self, line: str) -> str:
        return f"> {line}"

    def pre(self, code: str, language: str) -> str:
        inner = code.replace("```", f"`{_APART}`{_APART}`")
        return f"```{language[:_MAX_LANGUAGE]}\n{inner}\n```"


def _escaped(text: str) -> str:
    written, at = list[str](), 0
    for url in _URL.finditer(text):
        before = _SPECIAL.sub(r"\\\g<0>", text[at : url.start()])
        # ":https:" could be an emoji, "<https://..." loses its bracket.
        written.append(
            f"{before[:-1]}\\{before[-1]}" if re.search(r"(?<!\\)[:<]$", before) else before
        )
        if _SPECIAL.match(text, _NOT_LAST.match(text, url.end()).end()):  # type: ignore[union-attr]
            # The address would take the backslash along that follows it, so it is none.
            written.append(_SPECIAL.sub(r"\\\g<0>", url[0]).replace(":", "\\:"))
        else:
            written.append(url[0])
        at = url.end()
    written.append(_SPECIAL.sub(r"\\\g<0>", text[at:]))
    return "".join(written)


def _code(words: str) -> str:
    if "`" not in words:
        return f"`{words}`"
    if "``" in words:
        words = words.replace("`", f"`{_APART}")
    return f"`` {words} ``" if words[0] == "`" or words[-1] == "`" else f"``{words}``"
