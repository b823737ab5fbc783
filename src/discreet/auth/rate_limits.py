"""Rate limits of one token on one server: calls a minute, and concurrent streams."""

from __future__ import annotations

import math
import time
from collections import Counter
from uuid import UUID

from discreet.domain.errors import DiscreetError

MAX_TOKENS_KEPT = 10_000


class TooManyRequests(DiscreetError):
    """Too many calls with one token; the next is allowed in ``seconds``."""

    def __init__(self, seconds: int, message: str = "Too many requests.") -> None:
        super().__init__(message, hint=f"Wait {seconds} s.")
        self.seconds = seconds


class RateLimit:
    """Limits each token to ``a_minute`` calls per minute, which may come at once.

    It is counted in this process's memory, so that no call writes; each server has its own count.
    """

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._left: dict[UUID | None, tuple[float, float]] = {}

    def take(self, token_id: UUID | None) -> None:
        """Count one call.

        Raises:
            TooManyRequests: the limit is reached.
        """
        now = time.monotonic()
        left, at = self._left.get(token_id, (float(self._a_minute), now))
        left = min(float(self._a_minute), left + (now - at) * self._a_minute / 60)
        if left < 1:
            raise TooManyRequests(math.ceil((1 - left) * 60 / self._a_minute))
        if len(self._left) >= MAX_TOKENS_KEPT:
            self._left.clear()
        self._left[token_id] = (left - 1, now)


class StreamLimit:
    """The number of concurrent streams of each token in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[UUID | None] = Counter()

    def begin(self, token_id: UUID | None) -> None:
        """Count one more stream; the caller must ``end`` it.

        Raises:
            TooManyRequests: the limit is reached.
        """
        if self._open[token_id] >= self._limit:
            raise TooManyRequests(
                1, f"This token has {self._limit} streams open, which is the limit."
            )
        self._open[token_id] += 1

    def end(self, token_id: UUID | None) -> None:
        """Count one stream less."""
        self._open[token_id] -= 1
        if self._open[token_id] <= 0:
            del self._open[token_id]
