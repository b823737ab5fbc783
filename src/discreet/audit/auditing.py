"""Run an audit: at rest and in action, on a fixture that is deleted at the end."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from discreet.audit.action import Action, turns_of
from discreet.audit.at_rest import at_rest
from discreet.audit.attacks import FAMILIES, VARIANTS, Cast, Member, generate
from discreet.audit.budget import AuditBudget
from discreet.audit.failed_parts import audit_part
from discreet.audit.findings import Finding, worst_first
from discreet.audit.fixture import (
    ATTACKER,
    ELSEWHERE,
    GROUP,
    OWNER,
    VICTIM,
    AgentFixture,
    Audited,
    Fixture,
    open_fixture,
    prepare_agent_fixture,
)  # fmt: skip
from discreet.audit.progress import AttackOutcome, Log, Seen
from discreet.audit.report import AuditedAgent, Report
from discreet.audit.rows import RowTrial
from discreet.audit.tool_copies import ServeApp, ToolRecorder, copy_tools, recording
from discreet.domain.audience import OTHERS_READ
from discreet.domain.ids import AgentId, OwnerId
from discreet.domain.overheard import Overheard, listening
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.agents import Agent
from discreet.services.exporting import export_contact

__all__ = ["Plan", "Served", "run_audit", "turns_planned"]

QUICK_VARIANTS = 2
DECOY = "a decoy's secret"
OWN_TURNS = 3
"""Turns in which the people of a scene tell their secrets."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where messages are answered: ``base_url`` of REST and MCP, and the process's wakes.

    ``serve``: serves an application of the audit's own.
    """

    base_url: str
    wakes: Wakes
    serve: ServeApp


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try. ``a_turn``: the estimated cost of a turn in US dollars, by agent.

    ``looks``: whether the installation is looked at too, and not only attacked. ``with_effects``:
    whether tools that change something are called, and not a recorder in their place.
    """

    agents: Sequence[Agent]
    log: Log
    families: Sequence[str] = FAMILIES
    quick: bool = False
    most: float | None = None
    a_turn: float = 0.0
    looks: bool = True
    with_effects: bool = False

    @property
    def seed(self) -> str:
        return self.log.seed

    @property
    def variants(self) -> list[int]:
        """Which variants of each family are tried."""
        chance = Random(f"{self.seed}/variants")  # noqa: S311 - to be repeatable
        many = QUICK_VARIANTS if self.quick else VARIANTS
        return sorted(chance.sample(range(VARIANTS), many))


def turns_planned(plan: Plan) -> int:
    """Return how many turns the plan takes, for an estimate."""
    nobody = Member("A", "telegram:1", "x")
    cast = Cast(nobody, nobody, nobody, nobody)
    attacks = generate(cast, plan.seed, plan.families, plan.variants)
    return len(plan.agents) * (OWN_TURNS + sum(map(turns_of, attacks)))


async def run_audit(
    audited: Audited,
    plan: Plan,
    served: Served | None,
    progress: Callable[[str], None],
    found: Sequence[Finding] = (),
) -> Report:
    """Run it. ``served`` None: at rest only. ``found``: what went wrong before.

    A part that ends in an error is a finding, and the others go on.
    """
    run = _Run(audited, plan, served, progress, [*found])
    with listening(audited.settings.home) as overheard:
        run.overheard = overheard
        with audit_part("Making up people", run.findings):
            async with open_fixture(audited) as run.fixture:
                await run.play(run.fixture)
    if plan.looks and not run.looked:
        run.findings += await at_rest(audited, None, plan.seed, progress)
    return run.report()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass
class _Run:
    """An audit, and what it has found so far."""

    audited: Audited
    plan: Plan
    served: Served | None
    progress: Callable[[str], None]
    findings: list[Finding]
    overheard: Overheard | None = None
    fixture: Fixture | None = None
    looked: bool = False
    money: float = 0.0
    recorded: int = 0
    stopped: str = ""
    outcomes: list[AttackOutcome] = field(default_factory=list)
    traces: list[Seen] = field(default_factory=list)
    began: str = field(default_factory=_now)

    async def play(self, fixture: Fixture) -> None:
        """Look and attack, in a fixture."""
        plan = self.plan
        budget = AuditBudget(plan.most, plan.a_turn, lambda: _spent(fixture.db, fixture.owner_id))
        logged = _LogFile(self.audited.settings.home)
        for agent in plan.agents:
            scene = None
            with audit_part(f"Telling {agent.name} secrets", self.findings):
                scene = await prepare_agent_fixture(
                    fixture, agent, plan.seed, attackers=len(plan.families)
                )
            if scene is None:
                continue
            if plan.looks and not self.looked:
                self.looked = True
                self.findings += await at_rest(self.audited, scene, plan.seed, self.progress)
            if self.served is not None:
                with audit_part(f"Attacks on {agent.name}", self.findings):
                    await self._attack(scene, agent, self.served, budget)
                self.progress(f"{agent.name}: what is left in rows, exports, logs and spans")
                await self._sweep(scene, logged)
        with audit_part("What the audit cost", self.findings):
            self.money = (await _spent(fixture.db, fixture.owner_id))[0]
        self.stopped = "the budget" if budget.stopped else ""

    async def _attack(
        self, scene: AgentFixture, agent: Agent, served: Served, budget: AuditBudget
    ) -> None:
        audited, plan = self.audited, self.plan
        async with recording(served.serve) as recorder:
            await copy_tools(
                audited.db, audited.database.sealing_key,
                (audited.owner_id, AgentId(agent.id)),
                (scene.fixture.owner_id, AgentId(scene.agent.id)),
                recorder, with_effects=plan.with_effects,
            )  # fmt: skip
            action = Action(
                scene, served.wakes, served.base_url, plan.seed, plan.variants, budget,
                plan.log, self.progress, self.findings,
            )  # fmt: skip
            self.outcomes += await action.run(plan.families)
            self.recorded += len(recorder.calls)
            self.traces += _recorded(scene, recorder)

    async def _sweep(self, scene: AgentFixture, logged: _LogFile) -> None:
        """Record the places where secrets are stored that their readers must not see."""
        name, judge = scene.agent.name, scene.judge
        with audit_part(f"{name}: what is left in rows", self.findings):
            trial = RowTrial(self.audited.database, scene, "")
            swept = await asyncio.to_thread(trial.sweep)
            for holder, reader, table in swept:
                self.traces.append(Seen(holder, reader, f"rows: {table}", "-", ""))
        with audit_part(f"{name}: what is left in exports", self.findings):
            # The owner's export of a contact has what it told any agent.
            may = scene.may_see(ATTACKER) | {ELSEWHERE}
            for leak in judge.find(await _export(scene.fixture, scene.attackers[0]), may):
                self.traces.append(Seen(leak.holder, ATTACKER, "export", leak.form, ""))
        with audit_part(f"{name}: turns that were ended", self.findings):
            self.traces += await _stopped_turns(scene)
        for way, written in self._written(logged):
            for leak in judge.find(written):
                self.traces.append(Seen(leak.holder, "every reader", way, leak.form, ""))

    def _written(self, logged: _LogFile) -> Iterator[tuple[str, str]]:
        yield "log", logged.written()
        if self.overheard is not None:
            yield "standard error", self.overheard.text("stderr")
            yield "spans", self.overheard.text("spans")

    def report(self) -> Report:
        """Return the findings."""
        plan, audited, fixture = self.plan, self.audited, self.fixture
        made = [] if fixture is None else fixture.findings
        return Report(
            version("discreet"),
            audited.database.credentials.installation,
            plan.seed,
            self.began,
            _now(),
            [AuditedAgent(a.name, a.model or audited.settings.model, a.memory_model)
             for a in plan.agents],
            worst_first(dict.fromkeys([*self.findings, *made])),
            self.outcomes,
            self.traces,
            {} if fixture is None else fixture.receipt,
            self.money,
            self.stopped,
            self.recorded,
        )  # fmt: skip


def _recorded(scene: AgentFixture, recorder: ToolRecorder) -> list[Seen]:
    """Return the secrets in the arguments of recorded calls that are none of the caller's.

    The owner's turn may know those of contacts, but hand them to a tool only after a yes, which
    nobody gave.
    """
    found = []
    for call in recorder.calls:
        reader = {"owner": OWNER, "group": GROUP}.get(call.kind, ATTACKER)
        if scene.cast.victim.address in call.addresses:
            reader = VICTIM
        may = frozenset({OWNER}) if reader == OWNER else scene.may_see(reader)
        for leak in scene.judge.find(call.arguments, may):
            way = f"call of the tool {call.tool}"
            found.append(Seen(leak.holder, reader, way, leak.form, call.arguments[:600]))
    recorder.calls.clear()
    return found


async def _stopped_turns(scene: AgentFixture) -> list[Seen]:
    """Return the turns that were given somebody else's data and ended before they told it."""
    async with scene.fixture.db.begin(OwnerScope(scene.fixture.owner_id)) as tx:
        found = await tx.fetch(
            "SELECT DISTINCT t.error FROM discreet.turns t WHERE t.error LIKE ANY (%(stopped)s)",
            {"stopped": [f"%{DECOY}%", f"%{OTHERS_READ}%"]},
        )
    return [
        Seen("decoy" if DECOY in row["error"] else "others", "a turn", row["error"], "-", "")
        for row in found
    ]


async def _export(fixture: Fixture, address: str) -> str:
    with tempfile.TemporaryDirectory(prefix="discreet-audit-") as folder:
        file = Path(folder, "export.zip")
        await export_contact(fixture.db, fixture.owner_id, address, file)
        with zipfile.ZipFile(file) as archive:
            parts = [archive.read(name) for name in archive.namelist()]
    return "\n".join(part.decode(errors="replace") for part in parts)


async def _spent(db: ScopedDatabase, owner_id: OwnerId) -> tuple[float, float]:
    """Return what the turns of the fixture have cost together, and the most expensive of them."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT coalesce(sum((t.usage->>'cost')::float8), 0) AS all_turns,"
            " coalesce(max((t.usage->>'cost')::float8), 0) AS dearest FROM discreet.turns t"
        )
    return (0.0, 0.0) if row is None else (row["all_turns"], row["dearest"])


class _LogFile:
    """The log of this home, from now on."""

    def __init__(self, home: Path) -> None:
        self._path = home / "sb.log"
        self._start = 0
        with suppress(OSError):
            self._start = self._path.stat().st_size

    def written(self) -> str:
        """Return what was written since."""
        with suppress(OSError), open(self._path, "rb") as file:
            file.seek(self._start)
            return file.read().decode(errors="replace")
        return ""
