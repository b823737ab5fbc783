"""Parse CommonMark as answers use it into one tree for every renderer. Pure.

Emphasis that would break up an identifier, a number or a path stays text: see ``_State``. Link
reference definitions stay text too, since CommonMark renders nothing for them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.tree import SyntaxTreeNode

_DUNDER = re.compile(r"__[a-z][a-z0-9_]*[a-z0-9]__(?!\w)")
_GLOB = re.compile(r"\*\*/[^\s*]+/\*\*(?![\w*])")
_PATH = re.compile(r"[^\w\s\\]{0,2}(?:\w:\\|\\\\\w|~\\|\.{1,2}\\\w)|\S*\\[^\W_]")
_WORD_BEFORE = re.compile(r"\S{0,200}\Z")
_WORD_AFTER = re.compile(r"\S{0,200}")
_IN_IDENTIFIERS = frozenset("./\\_=()[]{}+^%&@#$|")
"""Punctuation inside identifiers: no emphasis begins after a letter and one of these."""
_APOSTROPHES = frozenset("'’")
_TOUCHES_NO_STRONG = frozenset("./\\(")
_SLASHES = frozenset("/\\")
# Scripts written without spaces, or with endings attached to a word.
_SPACELESS = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "HANGUL", "TIBETAN")


def parse_markdown(text: str) -> SyntaxTreeNode:
    """Return the syntax tree of a text."""
    from markdown_it.tree import SyntaxTreeNode

    return SyntaxTreeNode(_parser().parse(text))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.parser_inline import ParserInline
    from markdown_it.rules_inline import StateInline
    from markdown_it.rules_inline.state_inline import Scanned

    class State(StateInline):
        """Decides where a run of ``*``, ``_`` or ``~`` opens and closes.

        In addition to CommonMark's rule, the character outside the run must be white space, the
        edge of the text, or punctuation that doesn't join names. Scripts written without spaces may
        touch ``**``.
        """

        def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
            found = super().scanDelims(start, canSplitWord)
            marker, end = self.src[start], start + found.length
            before, after = self.src[start - 1 : start], self.src[end : end + 1]
            further = self.src[start - 2 : start - 1] if start > 1 else ""
            opens = found.can_open and _may_open(before, further)
            closes = found.can_close and _may_close(after, self.src[end + 1 : end + 2])
            if marker == "_" and found.length > 1:
                opens = opens and before not in _TOUCHES_NO_STRONG
                closes = closes and after not in _TOUCHES_NO_STRONG
            if before == after == "/":
                opens = closes = False  # src/**/tests
            if before in _SLASHES:  # \_x_ but not **a**/**b**
                opens = opens and found.length > 1 and further == "*"
            if after in _SLASHES and found.length == 1:
                is_line_break = after == "\\" and self.src[end + 1 : end + 2] in ("", "\n")
                closes = closes and is_line_break
            if marker != "_" and found.length > 1:
                # CommonMark's own rule also rejects these if there is punctuation inside.
                opens = opens or (_is_spaceless(before) and not after.isspace() and after != "")
                closes = closes or (_is_spaceless(after) and not before.isspace() and before != "")
            return Scanned(opens, closes, found.length)

    class Inline(ParserInline):
        def parse(self, src, md, env, tokens):  # type: ignore[no-untyped-def]
            state = State(src, md, env, tokens)
            self.tokenize(state)
            for rule in self.ruler2.getRules(""):
                rule(state)
            return state.tokens

    parser = MarkdownIt("commonmark", {"html": False})
    inline, parser.inline = parser.inline, Inline()
    parser.inline.ruler, parser.inline.ruler2 = inline.ruler, inline.ruler2
    parser.enable(["strikethrough", "table"]).disable("reference")
    parser.inline.ruler.before("escape", "backslash_in_path", _backslash_in_path)
    parser.inline.ruler.before("emphasis", "dunder", _dunder)
    parser.inline.ruler.before("emphasis", "glob", _glob)
    return parser


def _may_open(before: str, further: str) -> bool:
    if not before or before.isspace():
        return True
    return not before.isalnum() and not (before in _IN_IDENTIFIERS and further.isalnum())


def _may_close(after: str, further: str) -> bool:
    if not after or after.isspace():
        return True
    return not after.isalnum() and (after in _APOSTROPHES or not further.isalnum())


def _is_spaceless(character: str) -> bool:
    return (
        character != ""
        and not character.isascii()
        and unicodedata.category(character)[0] in "LM"
        and unicodedata.name(character, "").startswith(_SPACELESS)
    )


def _dunder(state: StateInline, silent: bool) -> bool:
    """Parse ``__init__`` as a name, not as emphasis."""
    found = _DUNDER.match(state.src, state.pos, state.posMax)
    if found is None or (state.pos and _is_in_word(state.src[state.pos - 1])):
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _glob(state: StateInline, silent: bool) -> bool:
    """Parse ``**/node_modules/**`` as a pattern, not as emphasis."""
    found = _GLOB.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.pending += found[0]
    state.pos = found.end()
    return True


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character in "_"


def _backslash_in_path(state: StateInline, silent: bool) -> bool:
    r"""Keep a backslash literal in paths such as ``C:\_new`` or ``\\server``."""
    at = state.pos
    if state.src[at] != "\\":
        return False
    start = at - len(_word_before(state.src, at))
    if not _PATH.match(state.src[start : _word_end(state.src, at)]):
        return False
    if not silent:
        state.pending += "\\"
    state.pos += 1
    return True


def _word_before(text: str, at: int) -> str:
    found = _WORD_BEFORE.search(text[max(0, at - 200) : at])
    return found[0] if found else ""


def _word_end(text: str, at: int) -> int:
    found = _WORD_AFTER.match(text, at)
    return found.end() if found else at
