"""Rate limits of one token on one server: calls a minute, and concurrent streams."""

from __future__ import annotations

import math
import time
from collections import Counter
from uuid import UUID

from discreet.domain.errors import DiscreetError

MAX_TOKENS_KEPT = 10_000


class TooMany(DiscreetError):
    """Too many calls of one token; it may call again in ``seconds``."""

    def __init__(self, seconds: int, message: str = "Too many requests with this token.") -> None:
        super().__init__(message, hint=f"Wait {seconds} s.")
        self.seconds = seconds


class Pace:
    """How fast each token may call: ``a_minute`` calls, as many of them at once. Kept by this
    process alone, so that no call writes; several servers admit as much each."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left: dict[UUID | None, tuple[float, float]] = {}

    def take(self, token_id: UUID | None) -> None:
        """One call.

        Raises:
            TooMany: none is left now.
        """
        now = time.monotonic()
        left, at = self._left.get(token_id, (float(self._a_minute), now))
        left = min(float(self._a_minute), left + (now - at) * self._a_minute / 60)
        if left < 1:
            raise TooMany(math.ceil((1 - left) * 60 / self._a_minute))
        if len(self._left) >= MAX_TOKENS_KEPT:
            self._left.clear()
        self._left[token_id] = (left - 1, now)


class Streams:
    """The number of concurrent streams of each token in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[UUID | None] = Counter()

    def begin(self, token_id: UUID | None) -> None:
        """One more; whoever begins it ends it.

        Raises:
            TooMany: there are as many as may be.
        """
        if self._open[token_id] >= self._limit:
            raise TooMany(1, f"This token has {self._limit} streams open, which is the limit.")
        self._open[token_id] += 1

    def end(self, token_id: UUID | None) -> None:
        """One less."""
        self._open[token_id] -= 1
        if self._open[token_id] <= 0:
            del self._open[token_id]
