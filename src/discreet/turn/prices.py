"""The cost of a request in US dollars, from the owner's prices or else from genai-prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from discreet.turn.result import Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from discreet.settings import Price

__all__ = ["Prices", "priced"]

MILLION = 1_000_000
ANY_MODEL = "*"


@dataclass(frozen=True, slots=True)
class Prices:
    """The owner's prices by model name. ``*`` applies to models without one."""

    own: Mapping[str, Price]

    def of(self, model: Model, usage: Usage) -> float | None:
        """Return the cost, or None if the price is unknown."""
        for name in (f"{model.system}:{model.model_name}", model.model_name):
            if name in self.own:
                return _by(self.own[name], usage)
        cost = _by_table(model, usage)
        if cost is None and ANY_MODEL in self.own:
            return _by(self.own[ANY_MODEL], usage)
        return cost


def priced(usage: Usage, model: Model, prices: Prices) -> Usage:
    """Return the usage with its cost."""
    cost = prices.of(model, usage)
    if cost is None:
        return replace(usage, unpriced_tokens=usage.input_tokens + usage.output_tokens)
    return replace(usage, cost=cost)


def _by(price: Price, usage: Usage) -> float:
    cached = price.input if price.cached is None else price.cached
    fresh = usage.input_tokens - usage.cached_tokens
    return (
        fresh * price.input + usage.cached_tokens * cached + usage.output_tokens * price.output
    ) / MILLION


def _by_table(model: Model, usage: Usage) -> float | None:
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    used = Tokens(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        return float(calc_price(used, model.model_name, provider_id=model.system).total_price)
    except (LookupError, ValueError):
        return None
