"""How well recall finds the answers to questions, on long conversations of several kinds.

    python benchmarks/recall_quality.py FILE... [--fit] [--embedder NAME] [--through-database]

Files are described in recall_sets.py. One conversation is one contact (or group), each turn one
message; a question's recall at k is the share of its evidence among the first k.

Each line gives recall at 5, 10, 25 and 50 in percent, for one file after the other: what ranking is
made of; the weights that are shipped; weights fitted to all files together, each weighing the same,
on what they were fitted to, with each conversation left out of the fit in turn, and with each file
left out. Then, for each file, a line that begins with ``shipped``, how often the evidence is among
what fits into 1,000, 2,000 and 4,000 tokens, and how many tokens the first ten are.

``--fit`` prints new weights. ``--through-database`` stores the conversations by intake and searches
them in the contact's scope. What was worked out is kept in a temporary folder for the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.recall_fit import BY_HAND, fit
from benchmarks.recall_sets import Conversation, candidates_of, read_set
from benchmarks.recall_stored import through_the_database
from discreet.memory.embedders import open_embedder
from discreet.memory.newer import newer_first
from discreet.memory.query import ask
from discreet.memory.ranking import FEATURES, weights_for
from discreet.settings import Settings

DEPTHS = (5, 10, 25, 50)
BUDGETS = (1_000, 2_000, 4_000)
HITS = 10
"""What one search gives to the model."""
Floats = npt.NDArray[np.float64]
Score = Callable[[Conversation], Floats]


def best_first(scores: Floats) -> npt.NDArray[np.int64]:
    return np.argsort(-scores, axis=1, kind="stable")


def recall_at(order: npt.NDArray[np.int64], evidence: npt.NDArray[np.bool_]) -> Floats:
    """Shape (questions, depths)."""
    hits = np.take_along_axis(evidence, order[:, : max(DEPTHS)], axis=1)
    found = np.stack([hits[:, :k].sum(axis=1) for k in DEPTHS], axis=1)
    return np.asarray(found / evidence.sum(axis=1, keepdims=True))


def in_prompt(order: npt.NDArray[np.int64], one: Conversation) -> Floats:
    """The share of the evidence among what fits into each budget, shape (questions, budgets)."""
    held = np.cumsum(one.sizes[order], axis=1)
    hits = np.take_along_axis(one.evidence, order, axis=1)
    found = np.stack([(hits & (held <= budget)).sum(axis=1) for budget in BUDGETS], axis=1)
    return np.asarray(found / one.evidence.sum(axis=1, keepdims=True))


def part(name: str) -> Score:
    at = FEATURES.index(name)
    return lambda one: one.table[:, :, at].astype(np.float64)


def weighted(weights: Floats) -> Score:
    return lambda one: one.table.astype(np.float64) @ weights


def shipped(one: Conversation) -> Floats:
    """As ``rank`` scores them, but for what these conversations say nothing about."""
    candidates, rows = candidates_of(one.turns), np.arange(len(one.turns))
    scored = []
    for question, share, table in zip(one.questions, one.table_shares, one.table, strict=True):
        asked = replace(ask(question, one.turns[-1].said_at), table_share=share)
        chosen = weights_for(asked)
        scores = table.astype(np.float64) @ np.array(
            [0.0 if name in BY_HAND else chosen[name] for name in FEATURES]
        )
        scored.append(scores + newer_first(asked, candidates, rows, scores))
    return np.array(scored)


def show(name: str, sets: Sequence[Sequence[Conversation]], score: Score) -> None:
    cells = [
        np.concatenate(
            [recall_at(best_first(score(one)), one.evidence) for one in of_set if one.questions]
        ).mean(axis=0)
        for of_set in sets
    ]
    print(f"{name:30}" + " |".join("".join(f"{100 * x:6.1f}" for x in cell) for cell in cells))
    sys.stdout.flush()


def show_fits(sets: Sequence[Sequence[Conversation]]) -> Floats:
    """Fits to all, to all but one conversation, and to all but one set; gives the first."""
    jointly = fit(sets)
    show("fitted to all of them", sets, weighted(jointly))
    without = {
        one.name: fit([[each for each in of if each is not one] for of in sets], jointly)
        for of_set in sets
        for one in of_set
        if len(of_set) > 1 or len(sets) > 1
    }
    show("  each conversation left out", sets, lambda one: weighted(without[one.name])(one))
    if len(sets) > 1:
        for of_set in sets:
            weights = fit([other for other in sets if other is not of_set])
            without |= dict.fromkeys((one.name for one in of_set), weights)
        show("  each file left out", sets, lambda one: weighted(without[one.name])(one))
    return jointly


def show_shipped(path: Path, of_set: Sequence[Conversation]) -> None:
    orders = [(best_first(shipped(one)), one) for one in of_set if one.questions]
    found = np.concatenate([recall_at(order, one.evidence) for order, one in orders])
    held = np.concatenate([in_prompt(order, one) for order, one in orders])
    tokens = np.concatenate([one.sizes[order[:, :HITS]].sum(axis=1) for order, one in orders])
    print(f"shipped {path.stem:22}" + "".join(f"{100 * x:6.1f}" for x in found.mean(axis=0)))
    budgets = ", ".join(
        f"{100 * share:.1f} in {budget:,}"
        for share, budget in zip(held.mean(axis=0), BUDGETS, strict=True)
    )
    print(
        f"  evidence in tokens of prompt: {budgets}; the first {HITS} are"
        f" {tokens.mean():,.0f} tokens (median {np.median(tokens):,.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Recall on long conversations.")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--fit", action="store_true", help="print weights fitted to all of them")
    parser.add_argument("--embedder", default="bundled", help="as DISCREET_EMBEDDER names it")
    parser.add_argument("--through-database", action="store_true")
    given = parser.parse_args()
    embedder = open_embedder(Settings(embedder=given.embedder))
    start = time.perf_counter()
    sets = [read_set(path, embedder) for path in given.files]
    for path, of_set in zip(given.files, sets, strict=True):
        print(
            f"{path.stem}: {len(of_set)} conversations, {sum(len(one.turns) for one in of_set):,}"
            f" turns, {sum(len(one.questions) for one in of_set):,} questions"
        )
    print(f"{'':30}" + " |".join("".join(f"{f'@{k}':>6}" for k in DEPTHS) for _ in sets))
    show("words alone (BM25)", sets, lambda one: one.words.astype(np.float64))
    show("vectors alone", sets, lambda one: one.vectors.astype(np.float64))
    for name in ("text", "meaning", "meaning part", "topic", "nearest words"):
        show(f"  {name}, among its kind", sets, part(name))
    show("all of it, as shipped", sets, shipped)
    weights = show_fits(sets)
    for path, of_set in zip(given.files, sets, strict=True):
        show_shipped(path, of_set)
    if given.through_database:
        for path, of_set in zip(given.files, sets, strict=True):
            ranks, spent = asyncio.run(through_the_database(of_set, embedder))
            found = np.concatenate(
                [
                    recall_at(order, one.evidence)
                    for order, one in zip(ranks, of_set, strict=True)
                    if one.questions
                ]
            )
            print(
                f"stored, searched {path.stem:13}"
                + "".join(f"{100 * x:6.1f}" for x in found.mean(axis=0))
                + f"   p50 {np.median(spent):.1f} ms, p95 {np.percentile(spent, 95):.1f} ms"
            )
    if given.fit:
        fitted = zip(FEATURES, weights, strict=True)
        print({name: round(float(one), 2) for name, one in fitted if name not in BY_HAND})
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
