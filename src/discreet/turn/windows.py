"""The context size of a model: set by the owner, known from a table, or learned.

A learned size is kept while the process lives, by model and endpoint. It reveals nothing about
anybody's messages. A sender could provoke an error with a text of their own, so a learned size is
never below that of a small model, and is forgotten after an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from discreet.turn.escaping import tokens
from discreet.turn.prompt import Budget
from discreet.turn.tools import ToolSpec

__all__ = ["Fit", "Windows", "fit"]

LEAST_WINDOW = 1_024
LEARNED_SECONDS = 3_600.0
MARGIN = 0.8
"""Share of the context that is used, because token estimates are too low for some texts."""
ANSWER_SHARE, TOOLS_SHARE = 4, 3
"""At most a fourth of the context is for the answer, and a third for tools."""
LEAST_TOTAL = 256


@dataclass(frozen=True, slots=True)
class Fit:
    """What goes into a context: the prompt's budget, the tools, and tokens for the answer."""

    budget: Budget
    specs: tuple[ToolSpec, ...]
    answer: int


@dataclass
class Windows:
    """The learned context sizes of models, in tokens."""

    clock: Callable[[], float] = time.monotonic
    _learned: dict[str, tuple[int, float]] = field(default_factory=dict)

    def of(self, model: str, known: int | None) -> int | None:
        """Return the context size of a model; ``known``: from the owner or a table."""
        learned, until = self._learned.get(model, (None, 0.0))
        if learned is None or self.clock() > until:
            return known
        return learned if known is None else min(known, learned)

    def learn(self, model: str, window: int) -> None:
        """Store a size that a provider named or that was found out."""
        self._learned[model] = (max(window, LEAST_WINDOW), self.clock() + LEARNED_SECONDS)


def fit(
    window: int | None, density: float, base: Budget, specs: Sequence[ToolSpec], answer: int
) -> Fit:
    """Return what fits a context of ``window`` tokens.

    ``density``: actual tokens per estimated token.
    """
    if window is None:
        return Fit(base, tuple(specs), answer)
    answer = min(answer, window // ANSWER_SHARE)
    chosen = _tools(specs, int(window / density) // TOOLS_SHARE)
    left = (window - answer) * MARGIN / density - _size(chosen)
    return Fit(base.within(max(int(left), LEAST_TOTAL)), chosen, answer)


@dataclass(frozen=True, slots=True)
class _Short:
    """A tool in few words: its required arguments, without their descriptions."""

    name: str
    description: str
    schema: dict[str, Any]
    effect: str


def _tools(specs: Sequence[ToolSpec], room: int) -> tuple[ToolSpec, ...]:
    """Return the tools in full, in short, or as many of the short ones as fit."""
    if _size(specs) <= room:
        return tuple(specs)
    chosen: list[ToolSpec] = []
    for spec in specs:
        chosen.append(_shortened(spec))
        if _size(chosen) > room:
            chosen.pop()
            break
    return tuple(chosen)


def _shortened(spec: ToolSpec) -> _Short:
    properties = spec.schema.get("properties", {})
    needed = spec.schema.get("required") or list(properties)[:1]
    kept = {name: {"type": properties[name].get("type", "string")} for name in needed}
    schema = {"type": "object", "properties": kept, "required": list(needed)}
    return _Short(spec.name, spec.description, schema, spec.effect)


def _size(specs: Sequence[ToolSpec]) -> int:
    # As sent, including the protocol's overhead; braces and quotes are a token each.
    return sum(
        tokens(f"{spec.name} {spec.description} {spec.schema}") * 3 // 2 + 24 for spec in specs
    )
