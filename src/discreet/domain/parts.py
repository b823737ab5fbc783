"""A cache of the parts of answers that are being sent: each answer is rendered once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from discreet.domain.ids import MessageId
from discreet.domain.outbound import Outbound

MAX_KEPT = 16
"""Answers of one channel whose parts are kept at the same time."""

Part = TypeVar("Part")
Part_co = TypeVar("Part_co", covariant=True)


class Cut(Protocol[Part_co]):
    """The parts of a text; ``plain``: see ``Outbound``."""

    def __call__(self, text: str, *, plain: bool) -> Sequence[Part_co]: ...


class SplitCache(Generic[Part]):
    """The parts of answers, by the id of each answer."""

    def __init__(self, cut: Cut[Part]) -> None:
        self._cut = cut
        self._kept: dict[MessageId, tuple[str, Sequence[Part]]] = {}

    def part(self, outbound: Outbound) -> Part:
        """Give the part that is to be sent."""
        text, parts = self._kept.pop(outbound.message_id, ("", ()))
        if text != outbound.text or not parts:
            text, parts = outbound.text, self._cut(outbound.text, plain=outbound.plain)
        if outbound.part + 1 < len(parts):
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[outbound.message_id] = (text, parts)
        return parts[outbound.part]
