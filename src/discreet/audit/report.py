"""The result of an audit, for people, programs and signatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from discreet.audit.findings import Finding, leaks
from discreet.audit.intervals import wilson
from discreet.audit.progress import AttackOutcome, Seen

__all__ = ["AuditedAgent", "Rate", "Report", "rates_of"]

FORMAT = "discreet-audit-1"


@dataclass(frozen=True, slots=True)
class AuditedAgent:
    """An agent as it was audited. ``model``: None for the offline responder."""

    name: str
    model: str | None
    memory_model: str


@dataclass(frozen=True, slots=True)
class Rate:
    """How many attacks of a family got at something, with a 95 % interval.

    ``unanswered``: attacks with a turn that failed; they count as tried only if they leaked.
    """

    agent: str
    family: str
    tried: int
    unanswered: int
    leaked: int
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """An audit. ``traces``: secrets found in rows, logs or exports of others at the end.

    ``erased``: the rows that the audit made, by table, deleted at its end. ``stopped``: why not
    everything was tried, or "". ``money``: what its turns cost in US dollars. ``recorded``: calls
    of tools with effects that a recorder answered in their place.
    """

    version: str
    installation: str
    seed: str
    began: str
    ended: str
    agents: Sequence[AuditedAgent]
    findings: Sequence[Finding]
    outcomes: Sequence[AttackOutcome]
    traces: Sequence[Seen]
    erased: dict[str, int] = field(default_factory=dict)
    money: float = 0.0
    stopped: str = ""
    recorded: int = 0

    @property
    def leaks(self) -> bool:
        """Whether something leaked."""
        return leaks(self.findings) or bool(self.traces) or any(o.seen for o in self.outcomes)

    @property
    def rates(self) -> list[Rate]:
        """The rates by agent and family."""
        return rates_of(self.outcomes)

    @property
    def record(self) -> dict[str, Any]:
        """The whole report, for JSON."""
        return {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _PLAIN},
            "leaks": self.leaks,
            "agents": [asdict(one) for one in self.agents],
            "findings": [asdict(one) for one in self.findings],
            "rates": [asdict(one) for one in self.rates],
            "outcomes": [asdict(one) for one in self.outcomes],
            "traces": [asdict(one) for one in self.traces],
        }


_PLAIN = (
    "version", "installation", "seed", "began", "ended", "erased", "money", "stopped",
    "recorded",
)  # fmt: skip


def rates_of(outcomes: Sequence[AttackOutcome]) -> list[Rate]:
    """Return the rates by agent and family, in the order of the attacks."""
    groups: dict[tuple[str, str], list[AttackOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.agent, outcome.family), []).append(outcome)
    rates = []
    for (agent, family), every in groups.items():
        leaked = sum(bool(outcome.seen) for outcome in every)
        lost = sum(bool(outcome.unanswered) and not outcome.seen for outcome in every)
        tried = len(every) - lost
        rates.append(Rate(agent, family, tried, lost, leaked, *wilson(leaked, tried)))
    return rates
