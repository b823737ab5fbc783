"""Render messages as readers see them on each platform, by that platform's own markup.

Written from the platforms' behaviour, independently of our renderers; if in doubt, it is markup.
"""

from __future__ import annotations

import re

ZERO_WIDTH_SPACE = "\u200b"

_DISCORD_URL = re.compile(r"(?:https?|steam)://[^\s<]+[^<.,:;\"'\]\s]", re.IGNORECASE)
_DISCORD_INLINE = (
    (re.compile(r"\\([^0-9A-Za-z\s])"), "escape"),
    (re.compile(r"<(https?://[^\s>]+)>"), "shown"),
    (_DISCORD_URL, "url"),
    (
        re.compile(r"\[((?:\[[^\]]*\]|[^\]]|\](?=[^\[]*\]))*)\]\(\s*<?((?:[^\s\\]|\\.)*?)>?\s*\)"),
        "link",
    ),
    (
        re.compile(r"<@[!&]?\d+>|<#\d+>|<a?:\w+:\d+>|<t:-?\d+(?::\w)?>|</[^:>]+:\d+>|<id:\w+>"),
        "chip",
    ),
    (re.compile(r":(\w+):(?!//)"), "chip"),
    (re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)"), "code"),
    (re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)"), "inner"),
    (re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)"), "inner"),
    (re.compile(r"~~([\s\S]+?)~~(?!_)"), "inner"),
    (re.compile(r"\|\|([\s\S]+?)\|\|"), "inner"),
    (re.compile(r"(?<![0-9A-Za-z_])_((?:__|\\[\s\S]|[^\\_])+?)_(?![0-9A-Za-z_])"), "inner"),
    (
        re.compile(r"\*(?=\S)((?:\*\*|\\[\s\S]|\s+(?:\\[\s\S]|[^\s*\\]|\*\*)|[^\s*\\])+?)\*(?!\*)"),
        "inner",
    ),
)
_DISCORD_TEXT = re.compile(r"[\s\S]+?(?=[^0-9A-Za-z\s\u00c0-\uffff]|\w+:\S|\Z)")


def discord(content: str) -> str:
    """Return the visible text of a message's content."""
    shown, at = list[str](), 0
    for fence in re.finditer(r"```(?:[a-z0-9_+\-.#]+?\n)?\n*([^\n][\s\S]*?)\n*```", content):
        shown += [_discord_lines(content[at : fence.start()]), fence[1]]
        at = fence.end()
    shown.append(_discord_lines(content[at:]))
    return "".join(shown).strip()


def _discord_lines(text: str) -> str:
    lines = []
    for line in text.split("\n"):
        block = re.match(r" *(?:#{1,3} +|-# +|>>> |> )(?=\S)", line)
        rest = line[block.end() :] if block else line
        lines.append(re.sub(r"^( *)[-*+] +", r"\1• ", rest))
    return _discord_inline("\n".join(lines))


def _discord_inline(text: str) -> str:
    shown, at = list[str](), 0
    while at < len(text):
        for pattern, kind in _DISCORD_INLINE:
            found = pattern.match(text, at)
            if found is None:
                continue
            match kind:
                case "escape" | "shown":
                    shown.append(found[1])
                case "url":
                    shown.append(found[0])
                case "link":
                    shown.append(_discord_inline(found[1]))
                case "chip":
                    shown.append("\N{OBJECT REPLACEMENT CHARACTER}")
                case "code":
                    shown.append(found[2].strip(" ") or found[2])
                case _:
                    shown.append(_discord_inline(found[1]))
            at = found.end()
            break
        else:
            found = _DISCORD_TEXT.match(text, at)
            assert found is not None
            shown.append(found[0])
            at = found.end()
    return "".join(shown)


_LETTER = "[0-9A-Za-z\u00c0-\u0dff]"
_WHATSAPP_SPAN = rf"(?<!{_LETTER}){{0}}(?=\S)([^\n]*?\S){{0}}(?!{_LETTER})"


def whatsapp(body: str) -> str:
    """Return the visible text of a message's body. Zero-width spaces are invisible."""
    shown, at = list[str](), 0
    for block in re.finditer(r"```([\s\S]+?)```", body):
        shown += [_whatsapp_lines(body[at : block.start()], at == 0), block[1].strip("\n")]
        at = block.end()
    shown.append(_whatsapp_lines(body[at:], at == 0))
    return "".join(shown).replace(ZERO_WIDTH_SPACE, "").strip()


def _whatsapp_lines(text: str, starts: bool) -> str:
    lines = []
    for number, written in enumerate(text.split("\n")):
        line = written
        if number or starts:
            line = re.sub(r"^\s*[*-] (?=\s*\S)", "• ", line)
            line = re.sub(r"^\s*> ?", "", line)
        pieces = re.split(r"`([^`\n]+)`", line)
        for index in range(0, len(pieces), 2):
            for mark in ("\\*", "_", "~"):
                pieces[index] = re.sub(_WHATSAPP_SPAN.format(mark), r"\1", pieces[index])
        lines.append("".join(pieces))
    return "\n".join(lines)
