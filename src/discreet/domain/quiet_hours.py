"""Hours of the day in which the owner gets no notices that can wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time

_WRITTEN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``start`` to ``end`` in the owner's time zone; across midnight if ``end`` is earlier."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> QuietHours:
        """Parse hours such as ``22:00-07:00``.

        Raises:
            ValueError: the text isn't two different times.
        """
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be two times, such as 22:00-07:00")
        hours = cls(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
        if hours.start == hours.end:
            raise ValueError("must be two different times, such as 22:00-07:00")
        return hours

    def contain(self, now: datetime) -> bool:
        """Return whether a local time is within these hours."""
        at = now.time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end
