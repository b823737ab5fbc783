"""Parse Markdown for these tests: tables under a heading, fenced blocks, links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: the page, the language after the backticks, its lines."""

    page: Path
    language: str
    lines: tuple[str, ...]


def all_pages() -> list[Path]:
    """Return every page about the project for its readers."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def section(page: Path, heading: str) -> str:
    """Return the text under a heading, up to the next of the same or a higher level."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next((n for n, line in enumerate(lines) if _title(line) == heading), None)
    assert start is not None, f"{page.name} has no heading {heading!r}"
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    found = []
    for line in lines[start + 1 :]:
        if re.match(rf"#{{1,{level}}} ", line):
            break
        found.append(line)
    return "\n".join(found)


def table(page: Path, heading: str) -> list[Row]:
    """Return the cells of the first table under a heading, without its header and backticks."""
    rows = []
    for line in section(page, heading).splitlines():
        if line.startswith("|"):
            rows.append(tuple(_cell(cell) for cell in line.strip().strip("|").split("|")))
        elif rows:
            break
    assert len(rows) > 2, f"{page.name}: no table under {heading!r}"
    return rows[2:]


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def fences(page: Path) -> Iterator[Fence]:
    """Yield the fenced blocks of a page, in order."""
    inside: list[str] | None = None
    language = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        mark = re.match(r"\s*```(\S*)", line)
        if mark and inside is None:
            inside, language = [], mark[1]
        elif mark and inside is not None:
            yield Fence(page, language, tuple(inside))
            inside = None
        elif inside is not None:
            inside.append(line)
    assert inside is None, f"{page.name}: a fenced block isn't closed"


def inline_code(page: Path) -> Iterator[str]:
    """Yield the text between single backticks outside fenced blocks."""
    text = re.sub(r"^\s*```.*?^\s*```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for found in re.finditer(r"`([^`]+)`", text):
        yield " ".join(found[1].split())


def links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links."""
    for found in re.finditer(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        yield found[1]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as the usual renderers name headings."""
    titles = (_title(line) for line in page.read_text(encoding="utf-8").splitlines())
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles if title}


def _title(line: str) -> str:
    found = re.match(r"#{1,6} (.*)", line)
    return found[1].strip() if found else ""


def _cell(text: str) -> str:
    return text.strip().replace("`", "")
