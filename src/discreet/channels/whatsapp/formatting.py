"""Markdown as WhatsApp shows it, in parts that WhatsApp takes. Pure, and the same each time."""

from __future__ import annotations

import re

MOST_CHARACTERS = 4096

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_FENCE_LANGUAGE = re.compile(r"```[\w+-]+\n")
_RULES = (
    (re.compile(r"\*\*\*(\S(?:[^*\n]*\S)?)\*\*\*"), r"*_\1_*"),
    (re.compile(r"(?<![*\w])\*(?![*\s])([^*\n]*[^*\s])\*(?![*\w])"), r"_\1_"),
    (re.compile(r"\*\*(\S(?:[^*\n]*\S)?)\*\*"), r"*\1*"),
    (re.compile(r"__(\S(?:[^_\n]*\S)?)__"), r"*\1*"),
    (re.compile(r"~~(\S(?:[^~\n]*\S)?)~~"), r"~\1~"),
    (re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE), r"*\1*"),
    (re.compile(r"!?\[([^\]\n]+)\]\((\S+?)\)"), r"\1 (\2)"),
)


def render(text: str) -> str:
    """WhatsApp's own marks in place of markdown's; code stays as it is."""
    pieces = _CODE.split(text)
    for index in range(0, len(pieces), 2):
        for pattern, replacement in _RULES:
            pieces[index] = pattern.sub(replacement, pieces[index])
    return _FENCE_LANGUAGE.sub("```\n", "".join(pieces))


def split(text: str, limit: int = MOST_CHARACTERS) -> list[str]:
    """The parts, cut at the end of a paragraph, a line or a word; at least one."""
    parts = []
    rest = text.rstrip()
    # Counted in UTF-16 units, the stricter way: an emoji is two.
    while _units(rest) > limit:
        most = _characters_within(rest, limit)
        half = most // 2
        cut = next(
            (at for mark in ("\n\n", "\n", " ") if (at := rest.rfind(mark, half, most)) > 0), most
        )
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*(part for part in parts if part), *([rest] if rest or not parts else [])]


def _units(text: str) -> int:
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def _characters_within(text: str, limit: int) -> int:
    used = most = 0
    while most < len(text) and used + _units(text[most]) <= limit:
        used += _units(text[most])
        most += 1
    # Not between what is joined into one sign.
    while 1 < most < len(text) and (_joins(text[most]) or text[most - 1] == "\u200d"):
        most -= 1
    return most


def _joins(character: str) -> bool:
    return character in "\u200d\ufe0f" or 0x1F3FB <= ord(character) <= 0x1F3FF
