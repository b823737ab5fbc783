"""The results of mutants, in a file written line by line.

An interrupted run can be resumed, and several runs can share the work. A result stays valid
until the mutated text, or the test that noticed it, changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutation.mutant import FUNCTION, ROOT, Mutant, definition_of

NOTICED = ("killed", "hung")


@dataclass(frozen=True, slots=True)
class Result:
    """``by``: the test that noticed the mutant. ``tried``: the digest of what was tried."""

    name: str
    kind: str
    fate: str
    by: str
    seconds: float
    tried: str


@dataclass(frozen=True, slots=True)
class Results:
    """The results that still count, by mutant name."""

    file: Path

    def read(self, mutants: Iterable[Mutant]) -> Mapping[str, Result]:
        if not self.file.exists():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines()
        found = {one.name: one for one in (Result(**json.loads(line)) for line in lines)}
        return {
            mutant.name: one
            for mutant in mutants
            if (one := found.get(mutant.name)) and one.tried == digest_of(mutant, one.by)
        }

    def add(self, mutant: Mutant, fate: str, by: str, seconds: float) -> None:
        """Write it at once, in one piece, because others may be writing too."""
        tried = digest_of(mutant, by)
        one = Result(mutant.name, mutant.kind, fate, by, round(seconds, 1), tried)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, (json.dumps(asdict(one)) + "\n").encode())
        finally:
            os.close(file)


def digest_of(mutant: Mutant, by: str, root: Path = ROOT) -> str:
    """Return a digest of the mutant, of the text that it changes, and of the test that noticed it.

    Without such a test: of those that it names.
    """
    parts = [mutant.name, mutant.sql, *(f"{e.path}\0{e.old}\0{e.new}" for e in mutant.edits)]
    for path in sorted({edit.path for edit in mutant.edits}):
        name = path.removeprefix(FUNCTION)
        parts.append(definition_of(name) if name != path else (root / path).read_text("utf-8"))
    for test in (by,) if by else mutant.tests:
        file = root / test.partition("::")[0]
        parts.append(file.read_text("utf-8") if file.is_file() else test)
    return hashlib.sha256("\0\0".join(parts).encode()).hexdigest()[:16]


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
