"""``sb agents``: create and configure agents."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from discreet.cli import agent_tools, deleting_agents
from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.agents import AgentChange
    from discreet.schemas.references import Published
    from discreet.services.agents import Agent
    from discreet.services.references import ReferenceFiles

app = typer.Typer(help="Create and configure agents.", no_args_is_help=True)
app.add_typer(agent_tools.app, name="tools")

MAX_FILE_BYTES = 1_000_000
MAX_SKIPPED = 20

Name = Annotated[str, typer.Argument(metavar="NAME", help="The agent's name.")]
Role = Annotated[
    str | None, typer.Option("--role", metavar="TEXT", help="A short description of its role.")
]
Instructions = Annotated[
    str | None,
    typer.Option(
        "--instructions",
        metavar="FILE|TEXT",
        help="The agent's instructions: a text file, or the text itself.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help=("A model as provider:name (see pydantic-ai); 'default' removes the setting."),
    ),
]
ContextTokens = Annotated[
    int | None,
    typer.Option(
        "--context-tokens",
        metavar="N",
        min=0,
        help="The model's context size in tokens. 0 removes the setting: the size is then "
        "known or learned.",
    ),
]
FallbackModels = Annotated[
    list[str] | None,
    typer.Option(
        "--fallback-model",
        metavar="MODEL",
        help=(
            "A model that answers when the agent's own fails. Repeat it for several, in order; "
            "'none' removes all."
        ),
    ),
]
MemoryModelOption = Annotated[
    Literal["per_contact", "shared"] | None,
    typer.Option(
        "--memory-model",
        help=(
            "per_contact: a separate memory for each contact. shared: one memory for "
            "everyone, as in a family."
        ),
    ),
]
Drafts = Annotated[
    bool | None,
    typer.Option(
        "--drafts/--no-drafts", help="Its answers wait for your approval: sb drafts list."
    ),
]
Handover = Annotated[
    Literal["wait", "go-on"] | None,
    typer.Option(
        "--handover",
        help="When somebody asks for a person: wait silently for you (the default), or keep "
        "answering.",
    ),
]
HandoverMinutes = Annotated[
    int | None,
    typer.Option(
        "--handover-minutes",
        metavar="N",
        min=1,
        help="Minutes that it waits for you before it answers again. Default: 60.",
    ),
]
UnknownReply = Annotated[
    str | None,
    typer.Option(
        "--unknown-reply",
        metavar="TEXT",
        help='Its reply without a model when it knows nothing, such as "I\'ll ask the host."',
    ),
]
Reference = Annotated[
    Path | None,
    typer.Option(
        "--reference",
        metavar="PATH",
        help=(
            "A file, or a folder of files (.md, .txt, .pdf, .docx, .html), to publish to everyone "
            "the agent talks to. Replaces all current ones."
        ),
    ),
]
RunReminders = Annotated[
    bool | None,
    typer.Option(
        "--run-reminders/--say-reminders",
        help="A reminder that is due starts a turn, or only says its text (the default).",
    ),
]
NoReference = Annotated[
    bool, typer.Option("--no-reference", help="Remove all published reference texts.")
]


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
    from discreet.services import agents, references

    change = _change(
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
    texts = None if read is None else read.texts

    async def work(app: App) -> tuple[Agent, Published | None]:
        agent = await agents.create_agent(app.db, app.owner_id, name, change)
        if texts is None:
            return agent, None
        return agent, await references.publish(
            app.db, app.owner_id, agent.id, texts, app.embedder()
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
) -> None:
    """Change an agent's settings. Options you leave out stay as they are."""
    from discreet.services import agents, references

    if reference is not None and no_reference:
        raise BadInput("--reference and --no-reference can't be used together.")
    change = _change(
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
    if not (change.names_anything or reference is not None or no_reference):
        raise BadInput(
            "Nothing to change.", hint="Name the settings to change; see: sb agents set --help"
        )
    read = references.read_references(reference) if reference is not None else None
    texts = None if read is None else read.texts

    async def work(app: App) -> tuple[Agent, Published | None]:
        agent = await agents.change_agent(app.db, app.owner_id, name, change)
        if texts is None and not no_reference:
            return agent, None
        return agent, await references.publish(
            app.db, app.owner_id, agent.id, texts or (), app.embedder()
        )

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
    print_text(f"{name} is called {agent.name} now.")


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


def _change(
    instructions: str | None, model: str | None, fallback_models: list[str] | None, **others: Any
) -> AgentChange:
    from discreet.schemas.agents import AgentChange

    named = fallback_models or None  # typer gives an empty list if none is named
    if named and "none" in named and len(named) > 1:
        raise BadInput("--fallback-model none can't be combined with other models.")

    return checked(
        AgentChange,
        instructions=None if instructions is None else _instructions(instructions),
        model="" if model == "default" else model,
        fallback_models=[] if named == ["none"] else named,
        **others,
    )


def _instructions(given: str) -> str:
    """Return the text of a file, or else the instructions themselves.

    The name of a missing file is an error, not an instruction.
    """
    if any(space in given.strip() for space in (" ", "\n")) and not Path(given).is_file():
        return given
    return _read(Path(given))


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror}.",
            hint="Name a text file, or write the instructions in quotation marks.",
        ) from None
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{path} is larger than {MAX_FILE_BYTES:,} bytes.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8.", hint="Save it as UTF-8 text.") from None


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
        ("reminders", "start a turn" if agent.runs_reminders else "say their text"),
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
