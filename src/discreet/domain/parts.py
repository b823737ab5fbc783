"""Cache the parts of answers being sent, so that each answer is rendered once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from discreet.domain.ids import MessageId
from discreet.domain.outbound import Outbound

MAX_KEPT = 16
"""Maximum number of answers cached per channel."""

Part = TypeVar("Part")
Part_co = TypeVar("Part_co", covariant=True)


class Cut(Protocol[Part_co]):
    """The parts of a text; for ``plain`` see ``Outbound``."""

    def __call__(self, text: str, *, plain: bool) -> Sequence[Part_co]: ...


class SplitCache(Generic[Part]):
    """Caches the parts of answers by answer id."""

    def __init__(self, cut: Cut[Part]) -> None:
        self._cut = cut
        self._kept: dict[MessageId, tuple[str, Sequence[Part]]] = {}

    def part(self, outbound: Outbound) -> Part:
        """Return the part to send."""
        text, parts = self._kept.pop(outbound.message_id, ("", ()))
        if text != outbound.text or not parts:
            text, parts = outbound.text, self._cut(outbound.text, plain=outbound.plain)
        if outbound.part + 1 < len(parts):
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[outbound.message_id] = (text, parts)
        return parts[outbound.part]
