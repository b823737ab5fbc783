"""Confidence intervals of rates."""

from __future__ import annotations

from math import sqrt

__all__ = ["wilson"]

Z95 = 1.959964
"""The standard normal quantile for a two-sided interval of 95 percent."""


def wilson(hits: int, tried: int) -> tuple[float, float]:
    """Return the 95 % score interval (Wilson 1927) of a rate; none tried: nothing is known."""
    if tried == 0:
        return 0.0, 1.0
    rate, z2 = hits / tried, Z95 * Z95
    middle = (rate + z2 / (2 * tried)) / (1 + z2 / tried)
    half = Z95 * sqrt(rate * (1 - rate) / tried + z2 / (4 * tried * tried)) / (1 + z2 / tried)
    return max(0.0, middle - half), min(1.0, middle + half)
