"""The results of mutants, in a file written line by line.

An interrupted run can be resumed, and several runs can share the work.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutant import ROOT, Mutant

NOTICED = ("killed", "hung")
FOLDERS = ("src", "tests", "docs")


@dataclass(frozen=True, slots=True)
class Result:
    """``by``: the test that noticed the mutant. ``sources``: the program version tried."""

    name: str
    kind: str
    fate: str
    by: str
    seconds: float
    sources: str


@dataclass(frozen=True, slots=True)
class Results:
    """The results for the current program, by mutant name."""

    file: Path
    sources: str

    def read(self) -> Mapping[str, Result]:
        if not self.file.exists():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines()
        found = [Result(**json.loads(line)) for line in lines]
        return {one.name: one for one in found if one.sources == self.sources}

    def add(self, mutant: Mutant, fate: str, by: str, seconds: float) -> None:
        """Write it at once, in one piece, because others may be writing too."""
        one = Result(mutant.name, mutant.kind, fate, by, round(seconds, 1), self.sources)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, (json.dumps(asdict(one)) + "\n").encode())
        finally:
            os.close(file)


def digest_of_sources(root: Path = ROOT) -> str:
    """Return a digest that identifies the state of the program and its tests."""
    digest = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def part_of(mutants: Sequence[Mutant], part: tuple[int, int]) -> list[Mutant]:
    """Return the k-th of n parts, each with some mutants of every class."""
    number, parts = part
    return list(mutants[number - 1 :: parts])


def score_table(mutants: Iterable[Mutant], results: Mapping[str, Result]) -> str:
    """The score of each class, as a table for a page. Those that the tests they name missed are yet
    to be tried with the whole suite; they count as not noticed."""
    fates: dict[str, Counter[str]] = defaultdict(Counter)
    for mutant in mutants:
        result = results.get(mutant.name)
        fate = "not tried" if result is None else result.fate
        fates[mutant.kind]["noticed" if fate in NOTICED else fate] += 1
    total = sum(fates.values(), Counter[str]())
    head = "| class | mutants | noticed | missed | survived | broken | not tried | score |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for kind, counts in [*sorted(fates.items()), ("all", total)]:
        tried = counts["noticed"] + counts["missed"] + counts["survived"]
        score = f"{100 * counts['noticed'] / tried:.0f} %" if tried else "–"
        cells = [counts[fate] for fate in ("noticed", "missed", "survived", "broken", "not tried")]
        lines.append(f"| {kind} | {counts.total()} | {' | '.join(map(str, cells))} | {score} |")
    return "\n".join(lines)
