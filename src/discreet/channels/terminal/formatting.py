"""Render answers for a terminal, whole or while they are streamed. Pure.

This is for people; a program that reads the output gets the text as it was written.
"""

from __future__ import annotations

import re

from discreet.domain.layout import Look, lay_out
from discreet.domain.marks import write
from discreet.domain.styled_text import Span, StyledText
from discreet.domain.text import terminal_text

LOOK = Look(bullet="•")
_ON_OFF = {"bold": (1, 22), "italic": (3, 23), "strikethrough": (9, 29), "code": (36, 39)}
_MAY_BECOME_MARKUP = re.compile(r"[*_~`]|(?<!\w)\[[^\]\n]{0,200}$", re.MULTILINE)
_MAY_BECOME_A_BLOCK = re.compile(r"(?:^|\n)(?:[-+#>=\d.)\s]*|\|[^\n]*)\Z")


def render(text: str) -> str:
    """Render an answer with the terminal's own codes, after removing any in the text."""
    return write(lay_out(terminal_text(text), LOOK), _Marks())


def render_partial(text: str) -> str:
    """Render the beginning of a growing answer that won't change when it is complete."""
    styled = lay_out(terminal_text(text), LOOK)
    return write(styled.part(0, _settled(styled)), _Marks())


def _settled(styled: StyledText) -> int:
    text = styled.text
    end = len(text)
    last = styled.spans[-1] if styled.spans else None
    if last is not None and last.style == "heading" and last.end == end:
        end = last.start
    code = [span for span in styled.spans if span.style in ("code", "pre")]
    start = text.rfind("\n\n", 0, end) + 1
    for found in _MAY_BECOME_MARKUP.finditer(text, start, end):
        if not any(span.start <= found.start() < span.end for span in code):
            end = found.start()
            break
    if any(span.style == "pre" and span.end >= end for span in code):
        end = len(text[:end].rstrip("`"))  # the end of the block so far
    else:
        block = _MAY_BECOME_A_BLOCK.search(text, start, end)
        end = end if block is None else block.start()
    return len(text[:end].rstrip())


class _Marks:
    def plain(self, text: str, *, starts_line: bool) -> str:  # noqa: ARG002
        return text

    def styled(self, span: Span, inner: str, words: str) -> str:  # noqa: ARG002
        if span.style not in _ON_OFF:
            return inner
        on, off = _ON_OFF[span.style]
        return f"\x1b[{on}m{inner}\x1b[{off}m"

    def heading(self, inner: str, level: int) -> str:  # noqa: ARG002
        return f"\x1b[1m{inner}\x1b[22m"

    def quoted(self, line: str) -> str:
        return f"│ {line}"

    def pre(self, code: str, language: str) -> str:  # noqa: ARG002
        return code
