"""``sb audit``: prove that this installation keeps people apart, or show where it doesn't."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.audit.findings import Finding

app = typer.Typer(help="Prove that people are kept apart.", invoke_without_command=True)


@app.callback()
def audit(
    context: typer.Context,
    seed: Annotated[
        str | None,
        typer.Option("--seed", metavar="TEXT", help="Repeat an audit. Default: a new seed."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", metavar="NAME", help="Only this agent.")
    ] = None,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", metavar="FILE", help="Also write the findings as SARIF 2.1.0."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Audit this installation while it runs. The exit code is 1 if something leaks.

    Makes up an owner, people and secrets, tries to get at them in every way it knows, and deletes
    everything it made.
    """
    if context.invoked_subcommand is not None:
        return
    from importlib.metadata import version

    from discreet.audit.findings import leaks, worst_first
    from discreet.audit.sarif import as_sarif
    from discreet.cli.printing import print_json

    found, receipt = in_app(lambda app: _run(app, agent, _seed(seed), quiet=as_json))
    found = worst_first(found)
    if sarif is not None:
        text = json.dumps(as_sarif(found, version("discreet")), indent=1)
        sarif.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"findings": [asdict(one) for one in found], "erased": receipt})
    else:
        _print(found)
    if leaks(found):
        raise typer.Exit(1)


def _seed(given: str | None) -> str:
    import secrets

    return given if given is not None else secrets.token_hex(4)


async def _run(
    app: App, agent: str | None, seed: str, *, quiet: bool
) -> tuple[list[Finding], dict[str, int]]:
    from discreet.audit.at_rest import at_rest
    from discreet.audit.stage import Audited, open_stage, set_scene
    from discreet.services.agents import get_agent, list_agents

    installation = Audited(app.settings, app.database, app.db, app.owner_id, app.embedder())
    if agent is None:
        agents = await list_agents(app.db, app.owner_id)
    else:
        agents = [await get_agent(app.db, app.owner_id, agent)]
    progress = (lambda _: None) if quiet else _say
    async with open_stage(installation) as stage:
        scene = await set_scene(stage, agents[0], seed, attackers=1)
        found = await at_rest(installation, scene, seed, progress)
    return found, stage.receipt


def _say(line: str) -> None:
    import sys

    print(f"  {line} ...", file=sys.stderr, flush=True)


def _print(found: list[Finding]) -> None:
    from discreet.cli.printing import counted, print_text

    for one in found:
        print_text(f"{one.severity:<8} {one.id}: {one.what}")
        if one.where:
            print_text(f"         {one.where}")
        print_text(f"         {one.to_do}")
    leaked = sum(one.severity == "leak" for one in found)
    warned = sum(one.severity == "warning" for one in found)
    print_text(f"{counted(leaked, 'leak')}, {counted(warned, 'warning')}.")
