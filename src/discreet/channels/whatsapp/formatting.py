"""Markdown as WhatsApp shows it, in parts that WhatsApp takes. Pure, and the same each time."""

from __future__ import annotations

import re
from itertools import accumulate

from discreet.domain.cutting import cuts

MAX_CHARACTERS = 4096

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_FENCE_LANGUAGE = re.compile(r"```[\w+-]+\n")
_RULES = (
    (re.compile(r"\*\*\*(\S(?:[^*\n]*\S)?)\*\*\*"), r"*_\1_*"),
    (re.compile(r"(?<![*\w])\*(?![*\s])([^*\n]*[^*\s])\*(?![*\w])"), r"_\1_"),
    (re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*"), r"*\1*"),
    (re.compile(r"__(\S(?:[^_\n]*\S)?)__"), r"*\1*"),
    (re.compile(r"~~(\S(?:[^~\n]*\S)?)~~"), r"~\1~"),
    (re.compile(r"^#{1,6} +(.+?)(?<![ #])[ #]*$", re.MULTILINE), r"*\1*"),
    (re.compile(r"!?\[([^\]\n]{1,500})\]\((\S{1,2000}?)\)"), r"\1 (\2)"),
)


def render(text: str) -> str:
    """WhatsApp's own marks in place of markdown's; code stays as it is."""
    pieces = _CODE.split(text)
    for index in range(0, len(pieces), 2):
        for pattern, replacement in _RULES:
            pieces[index] = pattern.sub(replacement, pieces[index])
    return _FENCE_LANGUAGE.sub("```\n", "".join(pieces))


def split(text: str, limit: int = MAX_CHARACTERS) -> list[str]:
    """Return the parts, at least one. Counted in UTF-16 units, the stricter way: an emoji
    is two."""
    text = text.rstrip()
    units = [0, *accumulate(2 if ord(c) > 0xFFFF else 1 for c in text)]
    blocks = [(units[m.start()], units[m.end()]) for m in _CODE.finditer(text)]
    return [text[start:end] for start, end in cuts(text, units, blocks, limit)]
