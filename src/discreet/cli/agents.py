"""``sb agents``: create and configure agents."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli import agent_tools, deleting_agents
from discreet.cli.agent_options import (
    ContextTokens,
    Drafts,
    FallbackModels,
    Handover,
    HandoverMinutes,
    Instructions,
    MemoryModelOption,
    Model,
    Name,
    NoReference,
    Reference,
    RemoveReference,
    Role,
    RunReminders,
    UnknownReply,
    change_of,
)
from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.references import Published
    from discreet.services.agents import Agent
    from discreet.services.references import ReferenceFiles

app = typer.Typer(help="Create and configure agents.", no_args_is_help=True)
app.add_typer(agent_tools.app, name="tools")

MAX_SKIPPED = 20


@app.command("list")
def list_agents(as_json: AsJson = False) -> None:
    """List all agents."""
    from discreet.cli.printing import Column, print_list
    from discreet.services import agents

    columns: list[Column[Agent]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("NAME", lambda item: item.name),
        Column("ROLE", lambda item: item.role),
        Column("MODEL", lambda item: item.model or "default"),
        Column("MEMORY", lambda item: item.memory_model),
    ]
    found = in_app(lambda app: agents.list_agents(app.db, app.owner_id))
    print_list(
        found,
        columns,
        _record,
        as_json=as_json,
        empty="No agents yet. Create one: sb agents create NAME",
    )


@app.command("show")
def show_agent(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show an agent's role, model, instructions and reference texts."""
    from discreet.cli.printing import print_json
    from discreet.services import agents, references

    async def work(app: App) -> tuple[Agent, dict[str, int]]:
        agent = await agents.get_agent(app.db, app.owner_id, name)
        return agent, await references.list_references(app.db, app.owner_id, agent.id)

    agent, texts = in_app(work)
    if as_json:
        print_json({**_record(agent), "references": texts})
    else:
        _print(agent, texts)


@app.command("create")
def create_agent(
    name: Name,
    role: Role = None,
    instructions: Instructions = None,
    model: Model = None,
    context_tokens: ContextTokens = None,
    fallback_models: FallbackModels = None,
    memory_model: MemoryModelOption = None,
    drafts: Drafts = None,
    handover: Handover = None,
    handover_minutes: HandoverMinutes = None,
    unknown_reply: UnknownReply = None,
    run_reminders: RunReminders = None,
    reference: Reference = None,
) -> None:
    """Create an agent."""
    from discreet.services import references

    change = change_of(
        instructions,
        model,
        fallback_models,
        role=role,
        memory_model=memory_model,
        context_tokens=context_tokens,
        holds_answers=drafts,
        waits_for_person=None if handover is None else handover == "wait",
        person_minutes=handover_minutes,
        unknown_reply=unknown_reply,
        runs_reminders=run_reminders,
    )
    read = references.read_references(reference) if reference is not None else None
    texts = None if read is None else references.ReferenceChange(read.texts)

    async def work(app: App) -> tuple[Agent, Published | None]:
        embedder = None if texts is None else app.embedder()
        return await references.create_with_texts(
            app.db, app.owner_id, name, change, texts, embedder
        )

    agent, published = in_app(work)
    _report(f"{agent.name} is ready: sb chat --agent {agent.name!r}", published, read)
    _warn_of_models(model, fallback_models)


@app.command("set")
def set_agent(
    name: Name,
    role: Role = None,
    instructions: Instructions = None,
    model: Model = None,
    context_tokens: ContextTokens = None,
    fallback_models: FallbackModels = None,
    memory_model: MemoryModelOption = None,
    drafts: Drafts = None,
    handover: Handover = None,
    handover_minutes: HandoverMinutes = None,
    unknown_reply: UnknownReply = None,
    run_reminders: RunReminders = None,
    reference: Reference = None,
    no_reference: NoReference = False,
    remove_reference: RemoveReference = None,
) -> None:
    """Change an agent's settings. Options you leave out stay as they are."""
    from discreet.services import references

    if no_reference and (reference is not None or remove_reference is not None):
        other = "--reference" if reference is not None else "--remove-reference"
        raise BadInput(f"{other} and --no-reference can't be used together.")
    change = change_of(
        instructions,
        model,
        fallback_models,
        role=role,
        memory_model=memory_model,
        context_tokens=context_tokens,
        holds_answers=drafts,
        waits_for_person=None if handover is None else handover == "wait",
        person_minutes=handover_minutes,
        unknown_reply=unknown_reply,
        runs_reminders=run_reminders,
    )
    removed = [] if remove_reference is None else [remove_reference]
    if not (change.names_anything or reference is not None or no_reference or removed):
        raise BadInput(
            "Nothing to change.", hint="Name the settings to change; see: sb agents set --help"
        )
    read = references.read_references(reference) if reference is not None else None
    texts = None
    if read is not None or no_reference or removed:
        texts = references.ReferenceChange(
            () if read is None else read.texts,
            removed,
            replace_all=no_reference or (reference is not None and reference.is_dir()),
        )

    async def work(app: App) -> tuple[Agent, Published | None]:
        for title in removed:
            await references.check_published(app.db, app.owner_id, name, title)
        embedder = None if texts is None else app.embedder()
        return await references.set_agent(app.db, app.owner_id, name, change, texts, embedder)

    agent, published = in_app(work)
    _report(f"{agent.name} was changed.", published, read)
    _warn_of_models(model, fallback_models)


@app.command("test")
def test_agent(name: Name) -> None:
    """Ask an agent's models a short question to check that they work. It costs a few tokens."""
    from discreet.cli.printing import print_text
    from discreet.services import agents
    from discreet.turn.model_check import ModelCheck, ask_model

    async def work(app: App) -> tuple[Agent, list[ModelCheck]]:
        agent = await agents.get_agent(app.db, app.owner_id, name)
        named = [agent.model or app.settings.model, *agent.fallback_models]
        return agent, [await ask_model(app.settings, model) for model in named if model]

    agent, checks = in_app(work)
    if not checks:
        print_text(f"{agent.name} has no model; the built-in responder answers.")
        return
    for check in checks:
        outcome = check.problem or f"answers ({check.seconds:.1f} s)."
        print_text(f"{check.model}: {outcome}")
    if checks[0].problem is not None:
        raise typer.Exit(1)


@app.command("rename")
def rename_agent(
    name: Name,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME", help="Its new name.")],
) -> None:
    """Rename an agent. Its conversations, memories and channels stay as they are."""
    from discreet.cli.printing import print_text
    from discreet.services import agents

    agent = in_app(lambda app: agents.rename_agent(app.db, app.owner_id, name, new_name))
    print_text(f"{name} is now called {agent.name}.")


app.command("delete")(deleting_agents.delete)


@app.command("pause")
def pause_agent(name: Name) -> None:
    """Pause an agent. It stops answering, and incoming messages wait."""
    from discreet.cli.printing import print_text
    from discreet.services import agents

    agent = in_app(lambda app: agents.pause_agent(app.db, app.owner_id, name))
    print_text(f"{agent.name} is paused. Resume it: sb agents resume {shlex.quote(agent.name)}")


@app.command("resume")
def resume_agent(name: Name) -> None:
    """Resume a paused agent. It first answers the messages that waited."""
    from discreet.cli.printing import print_text
    from discreet.services import agents

    agent = in_app(lambda app: agents.resume_agent(app.db, app.owner_id, name))
    print_text(f"{agent.name} is answering again.")


def _warn_of_models(model: str | None, fallback_models: list[str] | None) -> None:
    """Warn now, rather than when the first person writes, that a model can't work."""
    names = [name for name in (model, *(fallback_models or ())) if name]
    names = [name for name in names if name not in ("default", "none")]
    if not names:
        return
    import asyncio

    from discreet.domain.text import terminal_text
    from discreet.settings import load_settings
    from discreet.turn.model_check import check_setup

    for check in asyncio.run(check_setup(load_settings(), names)):
        problem = terminal_text(f"{check.model} can't be used yet. {check.problem}")
        print(f"sb: {problem}", file=sys.stderr)


def _report(line: str, published: Published | None, read: ReferenceFiles | None) -> None:
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted

    print_text(line)
    if published is not None:
        print_text(
            f"{counted(published.texts, 'reference text')} published, "
            f"in {counted(published.passages, 'passage')}."
        )
        if published.removed:
            print_text(f"No longer published: {', '.join(published.removed)}.")
    if read is not None and read.skipped:
        named = ", ".join(read.skipped[:MAX_SKIPPED])
        more = len(read.skipped) - MAX_SKIPPED
        print_text(f"Skipped: {named}{f' and {more} more' if more > 0 else ''}.")


def _print(agent: Agent, texts: Mapping[str, int]) -> None:
    from discreet.cli.printing import print_text, when
    from discreet.domain.amounts import counted

    print_text(agent.name)
    for title, value in (
        ("id", str(agent.id)),
        ("role", agent.role or "-"),
        ("model", agent.model or "default"),
        *([("fallback", ", ".join(agent.fallback_models))] if agent.fallback_models else []),
        *([("context", f"{agent.context_tokens:,} tokens")] if agent.context_tokens else []),
        ("memory model", agent.memory_model),
        ("answers", "wait for your approval" if agent.holds_answers else "are sent at once"),
        ("reminders", "start a turn" if agent.runs_reminders else "send their text"),
        (
            "asked for you",
            f"{'is silent' if agent.waits_for_person else 'goes on'}, for"
            f" {agent.person_minutes} minutes",
        ),
        *([("knows nothing", agent.unknown_reply)] if agent.unknown_reply else []),
        *([("paused since", when(agent.paused_at))] if agent.paused_at else []),
        ("changed", when(agent.updated_at)),
        (
            "holds",
            f"{counted(agent.open_sessions, 'open session')}, {counted(agent.memories, 'memory')}",
        ),
    ):
        print_text(f"  {title:<13} {value}")
    print_text("\nInstructions")
    print_text("  " + (agent.instructions.strip() or "-").replace("\n", "\n  "))
    print_text("\nReference texts")
    for title, passages in texts.items():
        print_text(f"  {title} ({counted(passages, 'passage')})")
    if not texts:
        print_text("none (publish some: sb agents set NAME --reference DIR)")


def _record(agent: Agent) -> Mapping[str, Any]:
    return {
        "id": agent.id,
        "name": agent.name,
        "role": agent.role,
        "instructions": agent.instructions,
        "model": agent.model,
        "context_tokens": agent.context_tokens,
        "fallback_models": agent.fallback_models,
        "memory_model": agent.memory_model,
        "holds_answers": agent.holds_answers,
        "waits_for_person": agent.waits_for_person,
        "person_minutes": agent.person_minutes,
        "unknown_reply": agent.unknown_reply,
        "runs_reminders": agent.runs_reminders,
        "paused_at": agent.paused_at,
        "reference_texts": agent.reference_texts,
        "open_sessions": agent.open_sessions,
        "memories": agent.memories,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
    }
