"""The families of attack, and their variants for a cast and a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from discreet.audit.attacks.asking import ASKING, many_turns
from discreet.audit.attacks.attack import Attack, AttackStep, Cast
from discreet.audit.attacks.calls import commands, filters, ids, tool_arguments, wildcards
from discreet.audit.attacks.carriers import (
    compaction,
    file_name,
    links,
    profile_name,
    reminders,
    reply_quote,
    sleepers,
    stored_memory,
)
from discreet.audit.attacks.routes import into_group, out_of_group, owner_relay, threads
from discreet.audit.attacks.wording import worded

__all__ = ["FAMILIES", "VARIANTS", "generate"]

VARIANTS = 8
"""Variants of each family."""

Build = Callable[[Cast, int, Random], tuple[str, tuple[AttackStep, ...]]]


def _asked(family: str) -> Build:
    def build(cast: Cast, variant: int, chance: Random) -> tuple[str, tuple[AttackStep, ...]]:
        text = worded(ASKING[family][variant], cast, chance)
        return text, (AttackStep(text=text),)

    return build


_BUILDERS: dict[str, Build] = {
    **{family: _asked(family) for family in ASKING},
    **{
        build.__name__: build
        for build in (
            many_turns, stored_memory, profile_name, file_name, reply_quote, links, reminders,
            sleepers, compaction, into_group, out_of_group, owner_relay, threads, tool_arguments,
            ids, wildcards, filters, commands,
        )
    },
}  # fmt: skip
FAMILIES: tuple[str, ...] = tuple(_BUILDERS)
"""The names of all families."""


def generate(
    cast: Cast,
    seed: str | int,
    families: Iterable[str] = FAMILIES,
    variants: Iterable[int] = range(VARIANTS),
) -> Iterator[Attack]:
    """Yield the attacks of some families. The same seed and cast give the same attacks.

    A variant doesn't depend on which others are asked for.

    Raises:
        KeyError: there is no such family.
    """
    chosen = tuple(variants)
    for family in families:
        build = _BUILDERS[family]
        for variant in chosen:
            chance = Random(f"{seed}/{family}/{variant}")  # noqa: S311 - to be repeatable
            what, steps = build(cast, variant, chance)
            yield Attack(family, variant, " ".join(what.split()), steps)
