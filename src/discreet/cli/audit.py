"""``sb audit``: prove that this installation keeps people apart, or show where it doesn't."""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack, redirect_stderr
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, cast

import typer

from discreet.cli import servers
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.audit.auditing import Plan
    from discreet.audit.findings import Finding
    from discreet.audit.report import Report
    from discreet.audit.schedule import AuditSchedule

app = typer.Typer(help="Prove that people are kept apart.", invoke_without_command=True)

SHORTEST = timedelta(hours=1)
"""Least time between two audits of a schedule."""
TURN_TOKENS = (4_000, 400)
"""Input and output tokens of a turn, for the estimate."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of an audit."""

    seed: str | None
    agent: str | None
    families: list[str]
    budget: float | None
    quick: bool
    at_rest: bool
    resume: bool
    with_effects: bool
    silent: bool


@app.callback()
def audit(
    context: typer.Context,
    quick: Annotated[
        bool, typer.Option("--quick", help="Try two variants of each attack, not eight.")
    ] = False,
    at_rest: Annotated[
        bool, typer.Option("--at-rest", help="Send no messages: only look.")
    ] = False,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="Only this agent.")
    ] = None,
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="TEXT", help="Repeat an audit. Default: a new seed."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="USD", min=0.0, help="Stop before its turns cost more than this."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted audit.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Also write the report as an HTML page."),
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="NAME", help="Only these families of attack."),
    ] = None,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", metavar="FILE", help="Also write the findings as SARIF 2.1.0."),
    ] = None,
    with_effects: Annotated[
        bool,
        typer.Option(
            "--with-effects",
            help="Also call tools that change something. By default a recorder"
            " answers in their place.",
        ),
    ] = False,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="TIME",
            help="Let the server repeat it with these options, such as every 24h or 7d.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Audit this installation while it runs. The exit code is 1 if something leaks.

    Makes up an owner, people and secrets, tries every known way to reach them, and deletes
    everything it made.
    """
    if context.invoked_subcommand is not None:
        return
    from discreet.audit.sarif import as_sarif
    from discreet.audit.schedule import AuditSchedule
    from discreet.cli.printing import print_json
    from discreet.domain.errors import BadInput

    if every is not None:
        if seed or family or resume or with_effects:
            raise BadInput("--every only works with --quick, --at-rest, --agent and --budget.")
        _set_schedule(every, AuditSchedule(0, quick, at_rest, budget, agent))
        return
    asked = _Asked(seed, agent, family or [], budget, quick, at_rest, resume, with_effects, as_json)
    made, page = in_app(lambda app: _run(app, asked))
    if report is not None:
        report.write_text(page, encoding="utf-8")
    if sarif is not None:
        text = json.dumps(as_sarif(made.findings, made.version), indent=1)
        sarif.write_text(text, encoding="utf-8")
    if as_json:
        print_json(made.record)
    else:
        _print(made)
    if made.leaks:
        raise typer.Exit(1)


@app.command("stop")
def stop() -> None:
    """Stop the scheduled audits."""
    from discreet.audit.schedule import remove_audit_schedule
    from discreet.cli.printing import print_text
    from discreet.settings import load_settings

    ended = remove_audit_schedule(load_settings().home)
    print_text("The server runs no more audits." if ended else "No audits are scheduled.")


@app.command("decoys")
def decoys(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the decoys. No other list shows them. Their secrets must appear nowhere else."""
    from dataclasses import asdict

    from discreet.cli.printing import print_json, print_text
    from discreet.services.decoys import list_decoys

    found = in_app(lambda app: list_decoys(app.db, app.owner_id))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        print_text(f"{one.agent}  {one.contact_id}  {one.fact}")
    if not found:
        print_text("No decoys yet. A running server creates them unless DISCREET_CANARIES=off.")


def _set_schedule(every: str, schedule: AuditSchedule) -> None:
    from discreet.audit.schedule import save_audit_schedule
    from discreet.auth.tokens import parse_lasting
    from discreet.cli.printing import print_text
    from discreet.domain.errors import BadInput
    from discreet.settings import load_settings

    interval = parse_lasting(every)
    if interval is None or interval < SHORTEST:
        raise BadInput("--every must be at least 1h.", hint="For example: --every 7d")
    save_audit_schedule(
        load_settings().home, replace(schedule, every_seconds=interval.total_seconds())
    )
    print_text(
        f"A running server (sb serve) audits every {every} from now on. The dashboard's settings"
        " and audit.html in the home show the result of the last one; sb audit stop ends it."
    )


@app.command("verify")
def verify(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A report of sb audit: the HTML page or the JSON file."
        ),
    ],
) -> None:
    """Check a report's signature, and say what it proves. The exit code is 1 if it was altered."""
    from discreet.audit.signing import KEY_FILE, fingerprint_of, own_key
    from discreet.audit.signing import verify as verify_signature
    from discreet.cli.printing import print_text
    from discreet.domain.errors import BadInput, DiscreetError
    from discreet.settings import load_settings

    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} can't be read: {error.strerror}.") from None
    try:
        signed = verify_signature(content)
    except BadInput as error:
        print_text(str(error))
        raise typer.Exit(1) from None
    home = load_settings().home
    print_text(f"Unaltered since it was signed with the key {signed.fingerprint}.")
    try:
        ours = (home / KEY_FILE).exists() and own_key(home).public_key().public_bytes_raw()
    except DiscreetError:
        ours = False
    if ours and fingerprint_of(ours) == signed.fingerprint:
        print_text(f"That is the key of this installation, {home}.")
    else:
        print_text("That isn't this installation's key. Ask the operator for its fingerprint.")
    print_text(
        "A signature doesn't show that the operator is honest, that the key is theirs, or that"
        " another audit would find the same."
    )


async def _run(app: App, asked: _Asked) -> tuple[Report, str]:
    from discreet.audit.auditing import Served, run_audit
    from discreet.audit.failed_parts import audit_part
    from discreet.audit.fixture import Audited
    from discreet.audit.last_report import keep
    from discreet.domain.overheard import OverheardStream
    from discreet.serving import working
    from discreet.tracing import tracing

    audited = Audited(app.settings, app.database, app.db, app.owner_id, app.embedder())
    plan = await _plan(app, asked)
    progress = (lambda _: None) if asked.silent else _say
    home = app.settings.home
    found: list[Finding] = []
    heard = cast("TextIO", OverheardStream(sys.stderr, home))
    async with AsyncExitStack() as stack:
        stack.enter_context(redirect_stderr(heard))
        stack.enter_context(tracing(home=home, auditing=True))
        served = None
        if not asked.at_rest and servers.serve_here and servers.serve_app:
            with audit_part("Serving for the attacks", found):
                base_url = await stack.enter_async_context(servers.serve_here(app))
                await stack.enter_async_context(working(app))
                served = Served(base_url, app.wakes, servers.serve_app)
        made = await run_audit(audited, plan, served, progress, found)
    plan.log.end()
    return made, keep(app.settings.home, made)


async def _plan(app: App, asked: _Asked) -> Plan:
    """Decide what to try, and say what it may cost.

    Raises:
        BadInput: there is a budget, and no price for a model; or no such family.
    """
    import secrets

    from discreet.audit.attacks import FAMILIES
    from discreet.audit.auditing import Plan, turns_planned
    from discreet.audit.progress import Log
    from discreet.domain.errors import BadInput
    from discreet.services.agents import get_agent, list_agents
    from discreet.turn.model_check import check_setup

    if asked.agent is None:
        agents = await list_agents(app.db, app.owner_id)
    else:
        agents = [await get_agent(app.db, app.owner_id, asked.agent)]
    home = app.settings.home
    log = Log.resume(home) if asked.resume else Log.begin(home, asked.seed or secrets.token_hex(4))
    models = {one.model or app.settings.model for one in agents} - {None}
    for check in await check_setup(app.settings, [one for one in models if one]):
        raise BadInput(
            f"{check.model} can't work: {check.problem}", hint="See: sb agents test, or --at-rest."
        )
    prices = [await _price(app, one.model or app.settings.model) for one in agents]
    known = [price for price in prices if price is not None]
    if asked.budget is not None and len(known) < len(prices):
        raise BadInput(
            "A model has no price, so the budget can't be enforced.",
            hint="Set its price: DISCREET_MODEL_PRICES, see docs/models.md.",
        )
    unknown = set(asked.families) - set(FAMILIES)
    if unknown:
        raise BadInput(
            f"There is no family of attack {unknown.pop()!a}.",
            hint=f"They are: {', '.join(FAMILIES)}.",
        )
    families = asked.families or FAMILIES
    plan = Plan(
        agents, log, families, asked.quick, asked.budget, max(known, default=0.0),
        with_effects=asked.with_effects,
    )  # fmt: skip
    if not asked.silent and not asked.at_rest:
        turns = turns_planned(plan)
        cost = f", about ${turns * plan.a_turn:.2f}" if plan.a_turn else ""
        unpriced = "" if len(known) == len(prices) else " (a model has no price)"
        _say(f"Seed {plan.seed}: {turns} turns{cost}{unpriced}")
    return plan


async def _price(app: App, model: str | None) -> float | None:
    """Return the estimated cost of a turn; None if the price is unknown."""
    if model is None:
        return 0.0
    from discreet.turn.models import open_model
    from discreet.turn.prices import Prices
    from discreet.turn.result import Usage

    settings = app.settings
    key = settings.model_api_key
    opened = await open_model(
        model, base_url=settings.model_base_url, key=None if key is None else key.get_secret_value()
    )
    used = Usage(requests=1, input_tokens=TURN_TOKENS[0], output_tokens=TURN_TOKENS[1])
    return Prices(settings.model_prices).of(opened, used)


def _say(line: str) -> None:
    from discreet.domain.text import terminal_text

    print(f"  {terminal_text(line)}", file=sys.stderr, flush=True)


def _print(made: Report) -> None:
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted

    for one in made.findings:
        print_text(f"{one.severity:<8} {one.id}: {one.what}")
        if one.where:
            print_text(f"         {one.where}")
        print_text(f"         {one.to_do}")
    for rate in made.rates:
        if rate.leaked:
            print_text(
                f"leak     {rate.agent}, {rate.family}: {rate.leaked} of {rate.tried} attacks "
                f"reached a secret ({rate.low:.0%} to {rate.high:.0%})"
            )
    for trace in made.traces:
        print_text(f"leak     {trace.way}: a secret of the {trace.holder}, open to {trace.reader}")
    lost = sum(rate.unanswered for rate in made.rates)
    if lost:
        print_text(f"note     {counted(lost, 'attack')} got no answer, and prove nothing.")
    tried = len(made.outcomes)
    if made.stopped:
        print_text(f"Stopped by {made.stopped}: {counted(tried, 'attack')} tried.")
    warned = sum(one.severity == "warning" for one in made.findings)
    print_text("Report: audit.html and audit.json in the home. Check one: sb audit verify FILE")
    held = "Something leaks." if made.leaks else "Nothing leaks."
    print_text(
        f"{held} {counted(tried, 'attack')} and {counted(warned, 'warning')}; seed {made.seed};"
        f" {counted(sum(made.erased.values()), 'row')} made and deleted."
    )
