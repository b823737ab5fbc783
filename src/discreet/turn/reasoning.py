"""Separate a model's reasoning from its answer.

Models mark reasoning in their text in several ways, and a tag may be split between chunks at any
character. A tag in code (a fence, or backticks) is text: somebody may have asked about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Habit", "Habits", "Splitter"]

_NAME = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning|reason|scratchpad|inner_monologue)"
_MARK = re.compile(
    rf"(?P<open><{_NAME}(?:\s[^<>\n]{{0,80}})?>"
    r"|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>"
    r"|<\|channel\|>(?:analysis|commentary)[^<\n]{0,80}<\|message\|>)"
    rf"|(?P<close></{_NAME}\s{{0,8}}>"
    r"|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>"
    r"|<\|channel\|>final[^<\n]{0,80}<\|message\|>)"
    r"|(?P<drop><\|(?:end|return)\|>|<\|start\|>assistant)"
    r"|(?P<code>`+|~{3,})",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(
    rf"(?:</?[a-z_:]{{0,20}}|</?{_NAME}\s[^<>\n]{{0,80}}|\[/?[a-z]{{0,5}}|◁/?[a-z]{{0,5}}"
    r"|<\|[a-z_]{0,16}\|?(?:>[^<\n]{0,90}(?:<(?:\|[a-z]{0,8}\|?)?)?)?|`+|~+)\Z",
    re.IGNORECASE,
)
"""An incomplete tag at the end of the text so far."""
LONGEST_MARK = 200
_THINKERS = re.compile(r"(?i)\br1\b|qwq|reasoner|thinking|magistral")

Habit = Literal["unknown", "marked", "unmarked"]
"""How a model writes reasoning. ``marked``: it marks where reasoning begins, or writes none;
``unmarked``: only a closing tag tells; ``unknown``: it hasn't finished an answer yet.
"""


@dataclass
class Habits:
    """The habits of models, learned from their finished answers while the process lives."""

    _learned: dict[str, Habit] = field(default_factory=dict)
    _saying_ends: set[str] = field(default_factory=set)

    def says_ends(self, model: str) -> bool:
        """Return whether a model has ever said why an answer ends."""
        return model in self._saying_ends

    def of(self, model: str) -> Habit:
        """Return the habit of a model, by its key."""
        guessed: Habit = "unmarked" if _THINKERS.search(model) else "unknown"
        return self._learned.get(model, guessed)

    def learn(
        self, model: str, *, closed_alone: bool, finished: bool, says_ends: bool = False
    ) -> None:
        """Take an answer into account.

        ``finished``: the model ended it. One that was cut off shows nothing: a closing tag might
        have followed. A model that closed reasoning once without opening it isn't trusted again.
        """
        if says_ends:
            self._saying_ends.add(model)
        if closed_alone:
            self._learned[model] = "unmarked"
        elif finished and self._learned.get(model) != "unmarked":
            self._learned[model] = "marked"


@dataclass
class Splitter:
    """One answer while it streams: ``feed`` it chunks, then call ``finish``.

    Attributes:
        closed_alone: A closing tag came without an opening one; everything before it was reasoning.
        began_marked: The first text was reasoning that was marked as such.
        said: Characters of the answer so far; it falls when they turn out to be reasoning.
    """

    closed_alone: bool = False
    began_marked: bool = False
    said: int = 0
    _held: str = ""
    _last: str = ""
    _depth: int = 0
    _code: str = ""
    _shown: list[str] = field(default_factory=list)
    _hidden: list[str] = field(default_factory=list)
    _since_close: list[str] | None = None

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._shown)

    @property
    def reasoning(self) -> str:
        """The reasoning so far."""
        return "".join(self._hidden).strip()

    @property
    def _has_text(self) -> bool:
        return self._depth > 0 or any(not shown.isspace() for shown in self._shown)

    def think(self, text: str) -> None:
        """Add reasoning that was sent separately, in its own field."""
        self._hidden.append(text)
        self.began_marked |= bool(text.strip()) and not self._has_text

    def feed(self, chunk: str) -> None:
        """Add the next characters."""
        self._take(self._held + chunk, final=False)

    def finish(self) -> None:
        """Process the end of the answer."""
        self._take(self._held, final=True)
        if self._depth and self._since_close:
            # A tag that was only mentioned was mistaken for a nested block. What follows the last
            # closing tag is the answer; otherwise there would be none.
            answer = "".join(self._since_close)
            self._hidden = ["".join(self._hidden).removesuffix(answer)]
            self._depth = 0
            self._put(answer)

    def _take(self, text: str, *, final: bool) -> None:
        at = 0
        while found := _MARK.search(text, at):
            # At the end of the text so far, a run of backticks may continue, and a quoted tag may
            # end.
            if not final and found.end() == len(text) and (found["code"] or self._may_be_quoted):
                break
            if not final and self._is_open_question(found, text):
                break
            self._put(text[at : found.start()])
            self._mark(found, text)
            at = found.end()
        rest = text[at:]
        keep = len(rest)
        if not final:
            tail = max(0, len(rest) - LONGEST_MARK)
            begun = found or _UNFINISHED.search(rest, tail)
            if begun is not None:
                keep = begun.start() - at if begun is found else begun.start()
        self._put(rest[:keep])
        self._held = rest[keep:]

    @property
    def _may_be_quoted(self) -> bool:
        return bool(self._code) or self._last == "`"

    def _is_open_question(self, found: re.Match[str], text: str) -> bool:
        """Return whether a tag follows a backtick that may or may not begin code."""
        if found["code"] or len(self._code) not in (1, 2):
            return False
        rest = text[found.end() :]
        return self._code not in rest and "\n" not in rest and len(rest) < LONGEST_MARK

    def _mark(self, found: re.Match[str], text: str) -> None:
        if found["code"]:
            self._put(found[0])
            if not self._depth:
                self._pass_code(found[0])
        elif self._is_code(found, text):
            self._put(found[0])
        elif found["open"]:
            self.began_marked |= not self._has_text
            self._depth += 1
        elif found["close"]:
            self._close()

    def _is_code(self, found: re.Match[str], text: str) -> bool:
        if self._depth:  # a closing tag that the reasoning only mentions
            return self._last == "`" and text[found.end() : found.end() + 1] == "`"
        if len(self._code) in (1, 2):
            line = text[found.end() :].partition("\n")[0]
            if self._code in line:
                return True
            self._code = ""  # an unclosed backtick isn't code
        return bool(self._code)

    def _pass_code(self, run: str) -> None:
        if not self._code:
            self._code = run
        elif run == self._code or (len(self._code) >= 3 and run.startswith(self._code)):
            self._code = ""

    def _close(self) -> None:
        self._since_close = None
        if not self._depth:
            self.closed_alone = True
            self._hidden.extend(self._shown)
            self._shown.clear()
            self.said = 0
            self._code = ""
        else:
            self._depth -= 1
            if self._depth:
                self._since_close = []
        if self._hidden:
            self._hidden.append("\n")

    def _put(self, text: str) -> None:
        if not text:
            return
        self._last = text[-1]
        if self._depth:
            self._hidden.append(text)
            if self._since_close is not None:
                self._since_close.append(text)
            return
        if len(self._code) in (1, 2) and "\n" in text:
            self._code = ""  # an unclosed backtick ends with its line
        self._shown.append(text)
        self.said += len(text)
