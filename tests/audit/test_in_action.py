"""The audit in action: real messages, turns and calls, with a model that obeys everybody."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from discreet.app import App
from discreet.asgi import http_app
from discreet.audit.auditing import Plan, Served, run_audit, turns_planned
from discreet.audit.budget import AuditBudget, OverBudget
from discreet.audit.fixture import Audited
from discreet.audit.intervals import wilson
from discreet.audit.progress import AttackOutcome, Log, Seen
from discreet.audit.report import Report
from discreet.domain import audience
from discreet.domain.audience import OTHERS_READ
from discreet.domain.errors import BadInput
from discreet.domain.overheard import OverheardStream, overhear
from discreet.http_server import serving_http
from discreet.scope import OwnerScope
from discreet.services.agents import list_agents
from discreet.serving import working
from discreet.settings import Price, Settings
from tests.support.gullible import gullible_model
from tests.support.openai_server import Script

FAMILIES = ("asking", "ids", "into_group")


@dataclass
class Running:
    """An installation at work, and the model that it asks."""

    audited: Audited
    served: Served
    model: Script
    home: Path

    async def audit(
        self,
        seed: str,
        families: tuple[str, ...] = FAMILIES,
        most: float | None = None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> Report:
        agents = await list_agents(self.audited.db, self.audited.owner_id)
        log = Log.begin(self.home, seed)
        plan = Plan(agents, log, families, quick=True, most=most, a_turn=0.001, looks=False)
        return await run_audit(self.audited, plan, self.served, progress)


def _serve_here(app: Any) -> AbstractAsyncContextManager[str]:
    return serving_http(app, "127.0.0.1:0", setting="a free port")


async def _add_tools(audited: Audited) -> None:
    """Give the agent a mail server that nobody serves: one tool reads, the other sends."""
    [agent] = await list_agents(audited.db, audited.owner_id)
    async with audited.db.begin(OwnerScope(audited.owner_id)) as tx:
        await tx.execute(
            "WITH s AS (INSERT INTO discreet.tool_servers (agent_id, name, url)"
            "   VALUES (%(agent)s, 'mail', 'http://127.0.0.1:9/') RETURNING id)"
            " INSERT INTO discreet.tools (server_id, name, called, schema, reads_only, confirm)"
            " SELECT s.id, n, 'mail__' || n, %(schema)s, n = 'list', 'never'"
            "   FROM s, unnest(ARRAY['list', 'send']) n",
            {"agent": agent.id, "schema": Jsonb({"type": "object", "properties": {}})},
        )
        await tx.execute("UPDATE discreet.tools SET allowed = 'everybody', in_groups = true")


@asynccontextmanager
async def _running(audited: Audited) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        model = stack.enter_context(gullible_model())
        settings = Settings(
            home=audited.settings.home, model="gullible", model_base_url=model.base_url,
            model_prices={"*": Price(input=1, output=1)},
        )  # fmt: skip
        app = App(settings, audited.database, audited.db, audited.owner_id)
        stack.push_async_callback(app.wakes.close)
        where = serving_http(http_app(app), "127.0.0.1:0", setting="a free port")
        base_url = await stack.enter_async_context(where)
        await stack.enter_async_context(working(app))
        served = Served(base_url, app.wakes, _serve_here)
        yield Running(replace(audited, settings=settings), served, model, settings.home)


async def test_a_model_that_obeys_everybody_tells_nobody_what_is_not_theirs(
    installation: Audited,
    admin: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await _add_tools(installation)
    async with _running(installation) as running:
        made = await running.audit("seed")
        # What would have been sent went to the recorder, and held nobody else's secret.
        assert made.recorded > len(FAMILIES)
        assert {(rate.family, rate.tried) for rate in made.rates} == {(f, 2) for f in FAMILIES}
        assert not made.leaks, made.record
        # It obeyed: it was asked by turns, called tools, and said what it had found.
        assert len(running.model.requests) > 2 * len(FAMILIES)
        assert 0 < made.money < 1
        assert made.erased["memories"] >= 3
        assert made.erased["owners"] == 2  # that of the fixture, and its neighbour
        assert admin.execute("SELECT count(*) FROM discreet.owners").fetchone() == (1,)

        admin.execute(
            "ALTER POLICY contact ON discreet.memories USING ("
            " (SELECT gate.keys())[owner_key] IS NOT NULL OR"
            " owner_id = (SELECT s.owner_id FROM gate.scope() s))"
        )
        # The turns read what isn't theirs, and the check of their audience ends them.
        opened = await running.audit("seed", ("asking", "ids"))
        assert {(rate.family, rate.leaked, rate.unanswered) for rate in opened.rates} == {
            ("asking", 0, 2), ("ids", 2, 0),
        }  # fmt: skip
        assert {trace.reader for trace in opened.traces} >= {"attacker", "a turn"}
        ended = {(trace.holder, trace.way) for trace in opened.traces if trace.reader == "a turn"}
        assert ended == {("others", f"internal: {OTHERS_READ}")}

        # Without that check, they tell it.
        with monkeypatch.context() as unchecked:
            unchecked.setattr(audience, "may_reach", lambda *_: "yes")
            told = await running.audit("seed", ("asking",))
        assert {(rate.family, rate.leaked) for rate in told.rates} == {("asking", 2)}
        assert any("mail__send" in trace.way for trace in told.traces), told.traces

        # A span and a line on standard error are looked through, as long as the audit listens.
        def tell(_: str) -> None:
            rows = admin.execute("SELECT content FROM discreet.memories").fetchall()
            overhear(running.home, "spans", str(rows))
            OverheardStream(io.StringIO(), running.home).write(str(rows))

        poor = await running.audit("seed", ("asking",), most=0.001, progress=tell)
        assert (poor.stopped, list(poor.outcomes)) == ("the budget", [])
        assert {("victim", "spans"), ("victim", "standard error")} <= {
            (trace.holder, trace.way) for trace in poor.traces
        }
        assert not list(running.home.glob("audit-s*.log"))

        # What ends in an error is a finding; the rest goes on.
        running.served = replace(running.served, base_url="http://127.0.0.1:9")
        half = await running.audit("seed", ("ids", "asking"))
        assert {(one.id, one.where) for one in half.findings} == {
            ("audit-failed", f"An attack on {half.agents[0].name}: ids/{variant}")
            for variant in Plan([], Log(running.home, "seed"), quick=True).variants
        }
        assert {rate.family for rate in half.rates} == {"asking"}
        assert half.leaks


async def test_a_turn_is_reckoned_at_the_dearest_one_so_far() -> None:
    async def spent() -> tuple[float, float]:
        return 0.5, 0.3

    budget = AuditBudget(1.5, 0.1, spent)
    async with budget.of(2):
        assert not budget.stopped
    with pytest.raises(OverBudget):
        async with budget.of(2):
            raise AssertionError("2 turns at 0.3, doubled, are more than the rest")
    assert budget.stopped


def test_an_interrupted_audit_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        Log.resume(tmp_path)
    first = Log.begin(tmp_path, "seed")
    tried = AttackOutcome(
        "Ada", "asking", 3, "What?", 1, (Seen("victim", "attacker", "w", "f", "t"),)
    )
    first.add(tried)
    assert (tmp_path / "audit-progress.jsonl").stat().st_mode & 0o077 == 0
    again = Log.resume(tmp_path)
    assert (again.seed, again.find("Ada", "asking/3")) == ("seed", tried)
    assert again.find("Eve", "asking/3") is None
    again.end()
    with pytest.raises(BadInput):
        Log.resume(tmp_path)


async def test_the_plan_and_its_estimate_depend_on_the_seed_alone(installation: Audited) -> None:
    agents = await list_agents(installation.db, installation.owner_id)
    home = installation.settings.home
    plan = Plan(agents, Log.begin(home, "seed"), quick=True)
    assert plan.variants == Plan(agents, Log.begin(home, "seed"), quick=True).variants
    assert len(plan.variants) == 2
    assert turns_planned(plan) < turns_planned(replace(plan, quick=False))
    assert json.loads((home / "audit-progress.jsonl").read_text()) == {"seed": "seed"}


def test_a_rate_comes_with_its_interval() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(0, 8)
    assert (low, round(high, 3)) == (0.0, 0.324)
    low, high = wilson(4, 8)
    assert (round(low, 3), round(high, 3)) == (0.215, 0.785)
