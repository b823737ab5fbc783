"""The cost of an audit: an estimate beforehand, and a stop before the budget is exceeded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["AuditBudget", "OverBudget"]

MARGIN = 2.0
"""The reserve for a turn, as a multiple of the most expensive turn so far, or of the estimate."""


class OverBudget(Exception):
    """The next attack could exceed the budget, so it isn't made."""


@dataclass
class AuditBudget:
    """Money in US dollars.

    ``most``: None for no limit. ``a_turn``: the estimate for one turn. ``spent_so_far``: asks what
    the audit's turns have cost. ``stopped``: whether an attack was left out.
    """

    most: float | None
    a_turn: float
    spent_so_far: Callable[[], Awaitable[tuple[float, float]]]
    spent: float = 0.0
    stopped: bool = False
    _reserved: float = 0.0

    @asynccontextmanager
    async def of(self, turns: int) -> AsyncIterator[None]:
        """Reserve what an attack may cost while it runs.

        Raises:
            OverBudget: it could exceed the budget.
        """
        cost = turns * self.a_turn * MARGIN
        if self.most is not None and self.spent + self._reserved + cost > self.most:
            self.stopped = True
            raise OverBudget
        self._reserved += cost
        try:
            yield
        finally:
            self._reserved -= cost
            self.spent, dearest = await self.spent_so_far()
            self.a_turn = max(self.a_turn, dearest)
