"""Weights for the features of ranking, fitted to sets of conversations that each weigh the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.recall_sets import Conversation
from discreet.memory.ranking import FEATURES

Floats = npt.NDArray[np.float64]

L2 = 1e-3
BY_HAND = ("salience", "age")
"""Weights that these conversations say nothing about."""
FREE = [at for at, name in enumerate(FEATURES) if name not in BY_HAND]
STEPS = 15


def fit(
    sets: Sequence[Sequence[Conversation]], start: Floats | None = None, *, l2: float = L2
) -> Floats:
    """Weights that make the evidence likely, as a softmax over a conversation's turns (Newton's
    method, with the step halved until it helps). Shape (len(FEATURES),)."""
    parts = [
        (one, 1 / (len(sets) * sum(len(each.questions) for each in of_set)))
        for of_set in sets
        for one in of_set
        if one.questions
    ]
    weights = np.zeros(len(FREE)) if start is None else start[FREE]
    tables = [np.ascontiguousarray(one.table[:, :, FREE]) for one, _ in parts]
    wanted = [one.evidence / one.evidence.sum(axis=1, keepdims=True) for one, _ in parts]
    shares = [share for _, share in parts]
    loss = _loss(weights, tables, wanted, shares, l2)
    for _ in range(STEPS if start is None else 4):
        slope, curve = _slope_and_curve(weights, tables, wanted, shares, l2)
        step, size = np.linalg.solve(curve, slope), 1.0
        while size > 1e-4:
            lower = _loss(weights - size * step, tables, wanted, shares, l2)
            if lower < loss:
                break
            size /= 2
        else:
            break
        weights, gained, loss = weights - size * step, loss - lower, lower
        if gained < 1e-5:
            break
    result = np.zeros(len(FEATURES))
    result[FREE] = weights
    return result


def _likely(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _loss(weights: Floats, tables: list, wanted: list, shares: list[float], l2: float) -> float:  # type: ignore[type-arg]
    loss = l2 / 2 * float(weights @ weights)
    for table, evidence, share in zip(tables, wanted, shares, strict=True):
        scores = table @ weights.astype(np.float32)
        scores -= scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        loss -= share * float((evidence * logs).sum())
    return loss


def _slope_and_curve(
    weights: Floats,
    tables: list,
    wanted: list,
    shares: list[float],
    l2: float,  # type: ignore[type-arg]
) -> tuple[Floats, Floats]:
    slope, curve = l2 * weights, np.diag(np.full(len(weights), l2))
    for table, evidence, share in zip(tables, wanted, shares, strict=True):
        likely = _likely(table @ weights.astype(np.float32))
        flat = table.reshape(-1, table.shape[2])
        slope = slope + share * ((likely - evidence).astype(np.float32).ravel() @ flat)
        means = np.matmul(likely[:, None, :], table)[:, 0, :]
        scaled = flat * np.sqrt(likely).ravel()[:, None]
        curve += share * (scaled.T @ scaled - means.T @ means)
    return slope, curve
