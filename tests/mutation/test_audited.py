"""Which mutants ``scripts/audit-mutants`` draws."""

from __future__ import annotations

from collections import Counter

from tests.mutation.audited import drawn
from tests.mutation.of_source import of_source


def test_they_are_drawn_evenly_from_all_classes_by_the_seed_alone() -> None:
    mutants = of_source()
    classes = {mutant.kind for mutant in mutants}
    picked = drawn(mutants, "2026-12-24", 2 * len(classes))
    assert set(Counter(mutant.kind for mutant in picked).values()) == {2}
    assert picked == drawn(mutants, "2026-12-24", 2 * len(classes))
    assert picked != drawn(mutants, "2026-12-25", 2 * len(classes))
    assert len({mutant.name for mutant in drawn(mutants, "x", 10**6)}) == len(mutants)
