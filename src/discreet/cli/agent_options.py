"""The options of ``sb agents create`` and ``set``, and the change that they ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from discreet.cli.options import checked
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.schemas.agents import AgentChange

MAX_FILE_BYTES = 1_000_000
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
        help="The model's context size in tokens. 0 removes the setting; the size is then "
        "looked up or learned.",
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
        "--drafts/--no-drafts", help="Hold its answers for your approval: sb drafts list."
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
            "the agent talks to. A file is added, or replaces the text with its name; a folder "
            "replaces all texts."
        ),
    ),
]
RunReminders = Annotated[
    bool | None,
    typer.Option(
        "--run-reminders/--say-reminders",
        help="Whether a due reminder starts a turn or only sends its text (the default).",
    ),
]
NoReference = Annotated[
    bool, typer.Option("--no-reference", help="Remove all published reference texts.")
]


RemoveReference = Annotated[
    str | None,
    typer.Option(
        "--remove-reference",
        metavar="TITLE",
        help="Remove one published text; sb agents show lists the titles.",
    ),
]


def change_of(
    instructions: str | None, model: str | None, fallback_models: list[str] | None, **others: Any
) -> AgentChange:
    """Return the change that the options ask for.

    Raises:
        BadInput: a value is invalid, or the file of instructions can't be read.
    """
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
