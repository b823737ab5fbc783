"""The position of rows in their conversations, and averages per kind of line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from discreet.memory.bm25 import UNRELATED_ROWS, bm25, rarity_of

__all__ = ["Lines"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

SITTING_SECONDS = 3 * 3600
"""A longer silence ends a sitting: what people say in one sitting is about few things."""
FLOOR = 0.1
"""Minimum distance between the best row and the mean for it to count as a good match."""
SHRINKAGE = 5.0
"""Weight of the overall mean in a kind's mean, in rows."""
LENGTH_SHRINKAGE = 10.0
"""Spread of lengths at which half of the effect of length is removed."""


class Lines:
    """The rows of a scope by kind: lines of the agent, of people, and rows without neighbours.

    ``usual``: the rows that represent the usual values, if not all of them do.

    Attributes:
        lone: Whether each row has no neighbours.
        all_alone: Whether no row has neighbours.
        are_unrelated: Whether no row has neighbours and none is the agent's, as among memories.
            Every feature of conversations is 0 then.
    """

    def __init__(
        self,
        conversations: Ints,
        seconds: Floats,
        lengths: Floats,
        agents: Flags,
        usual: Flags | None = None,
    ) -> None:
        count = len(conversations)
        self.lone = conversations < 0
        self.all_alone = bool(self.lone.all())
        self.agents = agents if len(agents) else np.zeros(count, dtype=bool)
        self.are_unrelated = self.all_alone and not self.agents.any()
        self._usual = usual
        if self.are_unrelated:
            return
        self.log_lengths = np.log1p(np.maximum(lengths, 1.0))
        kinds = (self.lone, ~self.lone & self.agents, ~self.lone & ~self.agents)
        self._kinds = [kind for kind in kinds if kind.any()]
        self._same = np.zeros(count, dtype=bool)
        self._same[1:] = (conversations[1:] == conversations[:-1]) & ~self.lone[1:]
        silence = np.diff(seconds, prepend=seconds[:1]) > SITTING_SECONDS
        self._sitting_of = np.cumsum(~self._same | silence) - 1
        self.opening = (self._same & silence).astype(np.float64)

    def relative(self, values: Floats, unrelated: float = 0.0) -> Floats:
        """Return how far each row exceeds the usual value for its kind and length.

        Values are scaled to at most 1; unknown values give 0.
        ``unrelated`` is the value of a row that has nothing to do with the
        question. A long text matches anything a little, and the agent's answers are long, so rows
        are compared with others of their kind and length.
        """
        total = values.sum()
        if self.are_unrelated and self._usual is None and not np.isnan(total):  # all are known
            mean = (total + UNRELATED_ROWS * unrelated) / (len(values) + UNRELATED_ROWS)
            beyond: Floats = values - mean
            beyond /= max(float(beyond.max()), FLOOR)
            return beyond
        known = ~np.isnan(values)
        if not known.any():
            return np.zeros(len(values))
        usual = known if self._usual is None else known & self._usual
        counted = values[usual] if usual.any() else values[known]
        known_sum = counted.sum() + UNRELATED_ROWS * unrelated
        mean = known_sum / (len(counted) + UNRELATED_ROWS)
        rest = np.where(known, values - mean, 0.0)
        for kind in [] if self.are_unrelated else self._kinds:
            there = kind & usual
            count = there.sum()
            if not count:
                continue
            if len(self._kinds) > 1:
                rest[kind] -= rest[there].sum() / (count + SHRINKAGE)
            if not self.lone[kind][0]:
                middle = self.log_lengths[there].mean()
                lengths = self.log_lengths[there] - middle
                slope = lengths @ rest[there] / (lengths @ lengths + LENGTH_SHRINKAGE)
                rest[kind] -= slope * (self.log_lengths[kind] - middle)
        best = float(rest[known].max())
        return np.where(known, rest / max(best, FLOOR), 0.0)

    def unusual(self, values: Floats) -> Floats:
        """Return how far each row exceeds the mean of its kind; 0 for rows without neighbours."""
        result = np.zeros(len(values))
        for kind in self._kinds:
            if not self.lone[kind][0]:
                result[kind] = values[kind] - values[kind].mean()
        return result

    def neighbour(self, values: Floats, place: int) -> Floats:
        """Return the value of the row ``place`` lines on, if both are lines of people.

        The agent's answers are excluded: they repeat the subject of the question before them.
        """
        people = ~self.agents
        return self.shifted(values * people, place) * people

    def around(self, values: Floats, reach: int, *, itself: bool = True) -> Floats:
        """Return the mean over ``reach`` lines of people before and after each row.

        ``itself`` includes the row. The result is 0 for the agent's lines and where there are none.
        Shape (rows,) or (rows, n).
        """
        if self.all_alone:
            return values if itself else np.zeros_like(values)
        place, first, last = self._people(reach)
        there = values[place]
        summed = np.concatenate([np.zeros_like(there[:1]), np.cumsum(there, axis=0)])
        total, many = summed[last] - summed[first], (last - first).astype(np.float64)
        if not itself:
            total, many = total - there, many - 1
        many = np.maximum(many, 1.0)
        result = np.zeros_like(values)
        result[place] = total / (many if values.ndim == 1 else many[:, None])
        return result

    def _people(self, reach: int) -> tuple[Ints, Ints, Ints]:
        """Return people's rows, and the start and end of each row's neighbours in them.

        A row without neighbours gets an empty range.
        """
        place = np.flatnonzero(~self.agents)
        number = np.arange(len(place))
        same = np.cumsum(~self._same)[place]
        starts = np.flatnonzero(np.diff(same, prepend=-1))
        of_row = np.cumsum(np.diff(same, prepend=-1) != 0) - 1
        ends = np.append(starts[1:], len(place))
        return (
            place,
            np.maximum(number - reach, starts[of_row]),
            np.minimum(number + reach + 1, ends[of_row]),
        )

    def shifted(self, values: Floats, place: int) -> Floats:
        """Return the value of the row ``place`` lines on in the same conversation, or else 0."""
        for _ in range(abs(place)):
            moved = np.zeros(len(values))
            if place < 0:
                moved[1:] = np.where(self._same[1:], values[:-1], 0.0)
            else:
                moved[:-1] = np.where(self._same[1:], values[1:], 0.0)
            values = moved
        return values

    def by_sitting(self, frequencies: Floats, lengths: Floats) -> Floats:
        """Return BM25 of each row's whole sitting, as a share of the best sitting's."""
        starts = np.flatnonzero(np.diff(self._sitting_of, prepend=-1))
        if len(starts) == len(lengths):
            return np.zeros(len(lengths))
        whole: Floats = np.add.reduceat(frequencies, starts, axis=1)
        scores = bm25(whole, np.add.reduceat(lengths, starts), rarity_of(whole))
        return np.asarray(scores[self._sitting_of] / max(float(scores.max()), 1e-9))
