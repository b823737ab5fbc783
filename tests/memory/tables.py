"""Questions and their answers, read from the tables in ``asked``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

ASKED = Path(__file__).parent / "asked"
LATER = ("pt", "tr", "hi", "ko", "ar")
LANGUAGES = ("de", "es", "fr", "pt", "ru", "tr", "ar", "hi", "zh", "ja", "ko")


@dataclass(frozen=True, slots=True)
class Line:
    """A stored text and the question for it.

    ``mark``: "=" if the question shares a word with its answer, "~" if it doesn't, else "?".
    """

    text: str
    questions: list[tuple[str, str]] = field(default_factory=list)
    speaker: str = ""
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A newer fact that replaced an older one."""

    language: str
    kind: str
    older: str
    newer: str
    question: str


def distractors() -> list[str]:
    """Return one line each, in eight languages; English first."""
    return list(_lines("distractors.txt"))


def newer_facts(name: str = "newer_facts.txt") -> list[Pair]:
    blocks: list[list[str]] = []
    for line in _lines(name):
        if line.startswith(("- ", "+ ", "? ")):
            blocks[-1].append(line[2:])
        else:
            blocks.append(line.split(" ", 1))
    return [Pair(*block) for block in blocks]


def language(code: str) -> list[Line]:
    """Return the texts of one language with their questions; the last ones have none."""
    return _asked_for(_lines(f"languages/{code}.txt"))


def language_held_back(code: str) -> list[Line]:
    """Return the texts of one language that were written last, with their questions."""
    fresh = f"fresh/{code}.txt"
    known = f"held_back/languages/{code}.txt"
    return _asked_for(_lines(fresh if (ASKED / fresh).exists() else known))


def language_later(code: str) -> list[Line]:
    """Return texts of one language in ``LATER``, written after all others, with their questions."""
    return _asked_for(_lines(f"later/{code}.txt"))


def near_misses() -> list[tuple[str, str]]:
    """Return pairs of facts that are both true."""
    lines = [
        line[2:] for line in _lines("later/near_misses.txt") if line[1] == " " and line[0] in "-+"
    ]
    return list(zip(lines[::2], lines[1::2], strict=True))


def small_scopes(name: str = "small_scopes.txt") -> list[list[Line]]:
    """Return scopes of 5 to 50 memories."""
    more = distractors()
    scopes: list[tuple[int, list[str]]] = []
    for line in _lines(name):
        if line.startswith("## "):
            scopes.append((int(line[3:]), []))
        else:
            scopes[-1][1].append(line)
    filled = []
    for size, lines in scopes:
        scope = _asked_for(iter(lines))
        filled.append([*scope, *map(Line, more[: max(size - len(scope), 0)])])
    return filled


def sample(name: str) -> list[Line]:
    """Return the lines of chat, long_answers or notes."""
    return _asked_for(_lines(f"samples/{name}.txt"), spoken=name != "notes")


def _asked_for(lines: Iterator[str], *, spoken: bool = False) -> list[Line]:
    found: list[Line] = []
    said_at = None
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "@":
            said_at = datetime.fromisoformat(rest).replace(tzinfo=UTC)
        elif mark in ("?", "=", "~"):
            found[-1].questions.append((mark, rest))
        elif mark != ".":
            speaker, text = line.split(": ", 1) if spoken else ("", line)
            found.append(Line(text, [], speaker, said_at))
    return found


def _lines(name: str) -> Iterator[str]:
    for line in (ASKED / name).read_text(encoding="utf-8").splitlines():
        if line and not (line.startswith("# ")):
            yield line
