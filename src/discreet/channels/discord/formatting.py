"""Render answers for Discord, in parts that fit. Pure and deterministic."""

from __future__ import annotations

import re

from discreet.domain.layout import Look, lay_out
from discreet.domain.marks import write
from discreet.domain.styled_text import Span, StyledText, rendered_parts

MAX_UNITS = 2000
"""Maximum UTF-16 units of one message: Discord counts characters, and an emoji may be several."""
LOOK = Look(bullet="-", linkable=("http://", "https://"))
_MAX_LANGUAGE = 20
_NATIVE_HEADINGS = 3

_APART = "\u200b"
_MARK = {"bold": "**", "italic": "*", "strikethrough": "~~"}
# Discord shows a URL as it is and interprets no markup in it, including escapes.
_URL = re.compile(r"https?://[^\s<]*[^\s<.,:;\"'\]]", re.IGNORECASE)
_NOT_LAST = re.compile(r"[.,:;\"'\]]*")
_SPECIAL = re.compile(
    r"\\|\*(?!\s)|(?<=\S)\*|(?<![^\W_])_|_(?![^\W_])|`|~(?=~)|(?<=~)~|\|(?=\|)|(?<=\|)\|"
    r"|<(?=[@#:a-zA-Z/])|(?<=\])\(|:(?=[\w+~-]+:)"
    # Some clients make links of these; escaped, they are text on all.
    r"|(?i:(?<=steam)|(?<=discord)):(?=//)"
)
_SPECIAL_OR_COLON = re.compile(f"{_SPECIAL.pattern}|:")
_AT_LINE_START = re.compile(r"(\s*)(?:(\d+)(?=[.)]\s)|(?=(?:#{1,3}|-#|[-*+]|>>>|>)\s|>))")


def render(text: str, *, plain: bool = False) -> str:
    """Render in Discord's own markup. ``plain``: the text isn't markdown."""
    return _written(_styled(text, plain=plain))


def split(text: str, limit: int = MAX_UNITS, *, plain: bool = False) -> list[str]:
    """Return the parts; at least one. A code block that is cut is a code block in each of them."""
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
            # A link text that looks like a URL must not hide a different one.
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
        # ":https:" could be an emoji, and "<https://..." would lose its bracket.
        written.append(f"{before[:-1]}\\{before[-1]}" if before.endswith((":", "<")) else before)
        after = _NOT_LAST.match(text, url.end())
        # A URL would include the backslash that escapes the next character, and can't contain a
        # code block or a link's target. In these cases the URL is escaped too, and becomes plain
        # text.
        if "```" in url[0] or "](" in url[0] or (after and _SPECIAL.match(text, after.end())):
            written.append(_SPECIAL_OR_COLON.sub(r"\\\g<0>", url[0]))
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
