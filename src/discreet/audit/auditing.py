"""Run an audit: at rest and in action, on a fixture that is deleted at the end."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from discreet.audit.action import Action, turns_of
from discreet.audit.at_rest import at_rest
from discreet.audit.attacks import FAMILIES, VARIANTS, Cast, Member, generate
from discreet.audit.budget import AuditBudget
from discreet.audit.findings import Finding, worst_first
from discreet.audit.fixture import (
    ATTACKER,
    ELSEWHERE,
    GROUP,
    OWNER,
    VICTIM,
    Audited,
    Fixture,
    Scene,
    open_fixture,
    prepare_scene,
)  # fmt: skip
from discreet.audit.progress import AttackOutcome, Log, Seen
from discreet.audit.report import AuditedAgent, Report
from discreet.audit.rows import RowTrial
from discreet.audit.tool_copies import ServeApp, ToolRecorder, copy_tools, recording
from discreet.domain.audience import OTHERS_READ
from discreet.domain.ids import AgentId, OwnerId
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
    audited: Audited, plan: Plan, served: Served | None, progress: Callable[[str], None]
) -> Report:
    """Run it. ``served`` None: at rest only."""
    began = _now()
    findings: list[Finding] = []
    outcomes: list[AttackOutcome] = []
    traces: list[Seen] = []
    recorded = 0
    logged = _LogFile(audited.settings.home)
    async with open_fixture(audited) as fixture, AsyncExitStack() as stack:
        budget = AuditBudget(plan.most, plan.a_turn, lambda: _spent(fixture.db, fixture.owner_id))
        for number, agent in enumerate(plan.agents):
            scene = await prepare_scene(fixture, agent, plan.seed, attackers=len(plan.families))
            if number == 0 and plan.looks:
                findings = await at_rest(audited, scene, plan.seed, progress)
            if served is not None:
                recorder = await stack.enter_async_context(recording(served.serve))
                await copy_tools(
                    audited.db, audited.database.sealing_key,
                    (audited.owner_id, AgentId(agent.id)),
                    (fixture.owner_id, AgentId(scene.agent.id)),
                    recorder, with_effects=plan.with_effects,
                )  # fmt: skip
                action = Action(
                    scene, served.wakes, served.base_url, plan.seed, plan.variants, budget,
                    plan.log, progress,
                )  # fmt: skip
                outcomes += await action.run(plan.families)
                progress(f"{agent.name}: what is left in rows, exports and logs")
                traces += await _traces(audited, scene, logged)
                recorded += len(recorder.calls)
                traces += _recorded(scene, recorder)
        money = (await _spent(fixture.db, fixture.owner_id))[0]
    return Report(
        version("discreet"),
        audited.database.credentials.installation,
        plan.seed,
        began,
        _now(),
        [AuditedAgent(a.name, a.model or audited.settings.model, a.memory_model)
         for a in plan.agents],
        worst_first(findings),
        outcomes,
        traces,
        fixture.receipt,
        money,
        "the budget" if budget.stopped else "",
        recorded,
    )  # fmt: skip


async def _traces(audited: Audited, scene: Scene, logged: _LogFile) -> list[Seen]:
    """Return where secrets have come to lie that their readers must not see."""
    swept = await asyncio.to_thread(RowTrial(audited.database, scene, "").sweep)
    found = [Seen(holder, reader, f"rows: {table}", "-", "") for holder, reader, table in swept]
    # The owner's export of a contact has what it told any agent.
    may = scene.may_see(ATTACKER) | {ELSEWHERE}
    for leak in scene.judge.find(await _export(scene.fixture, scene.attackers[0]), may):
        found.append(Seen(leak.holder, ATTACKER, "export", leak.form, ""))
    found += await _stopped_turns(scene)
    for leak in scene.judge.find(logged.written()):
        found.append(Seen(leak.holder, "whoever reads it", "log", leak.form, ""))
    return found


def _recorded(scene: Scene, recorder: ToolRecorder) -> list[Seen]:
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


async def _stopped_turns(scene: Scene) -> list[Seen]:
    """Return the turns that were given what isn't theirs, and were ended before they told it."""
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
    """Return what the turns of the fixture have cost together, and the dearest of them."""
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


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
