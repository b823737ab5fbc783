"""The findings of an audit: severity, place and next step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Severity", "leaks", "worst_first"]

Severity = Literal["leak", "warning", "note"]
"""``leak``: somebody can see, change or learn what isn't theirs, or a guard against it is missing
or was changed. ``warning``: something that makes one likelier. ``note``: what wasn't checked."""

_ORDER: tuple[Severity, ...] = ("leak", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``id``: its kind, the same in every report; ``to_do``: one sentence."""

    id: str
    severity: Severity
    what: str
    where: str
    to_do: str


def leaks(findings: Iterable[Finding]) -> bool:
    """Return whether one of them is a leak."""
    return any(finding.severity == "leak" for finding in findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return them by severity, then by kind and place."""
    return sorted(findings, key=lambda one: (_ORDER.index(one.severity), one.id, one.where))
