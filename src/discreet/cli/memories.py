"""``sb memories``: list, search and edit memories."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from discreet.cli.options import AsJson, Limit, OfContact, Skip
from discreet.cli.runtime import in_app
from discreet.cli.searches import recall
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from discreet.app import App
    from discreet.domain.ids import MemoryId
    from discreet.memory.history import MemoryVersion
    from discreet.services.memories import LabelledMemory

app = typer.Typer(help="What is kept, and whose it is.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What is kept, and whose it is."""


app.command("recall")(recall)


@app.command("list")
def list_memories(
    contact: OfContact = None, limit: Limit = 100, skip: Skip = 0, as_json: AsJson = False
) -> None:
    """List all memories, newest first, with the contact each belongs to."""
    from discreet.cli.printing import Column, print_page
    from discreet.services import contacts, memories

    async def work(app: App) -> list[LabelledMemory]:
        of = None
        if contact is not None:
            of = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        return await memories.list_memories(
            app.db, app.owner_id, contact_id=of, limit=limit + 1, skip=skip
        )

    columns: list[Column[LabelledMemory]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("WHOSE", lambda item: item.whose),
        Column("MEMORY", _text),
    ]
    print_page(
        in_app(work), columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No memories yet.",
    )  # fmt: skip


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The memory's id, from sb memories list or recall.")
]
OneAsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command("show")
def show_memory(memory_id: Id, as_json: OneAsJson = False) -> None:
    """Show a memory with all its fields."""
    from discreet.services import memories

    wanted = _id(memory_id)
    _show(in_app(lambda app: memories.get_memory(app.db, app.owner_id, wanted)), as_json)


@app.command("history")
def show_history(memory_id: Id, as_json: AsJson = False) -> None:
    """List older versions of a memory, newest first, including forgotten memories."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import memories

    wanted = _id(memory_id)
    found = in_app(lambda app: memories.get_history(app.db, app.owner_id, wanted))
    columns: list[Column[MemoryVersion]] = [
        Column("VERSION", lambda item: str(item.version), whole=True),
        Column("UNTIL", lambda item: when(item.archived_at), whole=True),
        Column("ENDED BY", lambda item: item.change),
        Column("MEMORY", lambda item: item.content),
    ]
    print_list(found, columns, _version_record, as_json=as_json, empty="No older versions.")


@app.command("restore")
def restore_memory(
    memory_id: Id,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version to restore. Default: the latest.")
    ] = None,
    as_json: OneAsJson = False,
) -> None:
    """Restore an older version of a memory exactly as it was."""
    from discreet.services import memories

    wanted = _id(memory_id)
    _show(in_app(lambda app: memories.restore(app.db, app.owner_id, wanted, version)), as_json)


@app.command("forget")
def forget_memory(memory_id: Id) -> None:
    """Forget a memory. Its history is kept: sb memories restore ID brings it back."""
    from discreet.cli.printing import print_text
    from discreet.services import memories

    wanted = _id(memory_id)
    gone = in_app(lambda app: memories.forget(app.db, app.owner_id, wanted))
    print_text(f"Forgotten, of {gone.whose}: {gone.content}")
    print(f"To undo: sb memories restore {gone.id}")


@app.command("update")
def update_memory(
    memory_id: Id,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The new text.")] = None,
    content: Annotated[str | None, typer.Option(help="The new text, as an option.")] = None,
    salience: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic; can be repeated. Replaces all current topics."),
    ] = None,
    topic_key: Annotated[str | None, typer.Option(help="The topic key; '' removes it.")] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="The expiry time (ISO 8601); '' for never.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only change it if this is still its version.")
    ] = None,
    as_json: OneAsJson = False,
) -> None:
    """Change a memory. The previous version stays in its history."""
    from discreet.memory.memories import MemoryChange
    from discreet.services import memories

    if text is not None and content is not None:
        raise BadInput("The new text was given twice.", hint="Leave out --content.")
    wanted = _id(memory_id)
    change = MemoryChange(
        content=text if content is None else content,
        salience=cast("Any", salience),
        topics=topic or None,
        topic_key=topic_key or None,
        expires_at=_moment(expires) if expires else None,
        clear=_cleared(topic_key, expires),
    )
    _show(
        in_app(
            lambda app: memories.update(
                app.db, app.owner_id, wanted, change, app.embedder(), expected=version
            )
        ),
        as_json,
    )


@app.command("reembed")
def reembed_texts() -> None:
    """Recompute all embeddings after DISCREET_EMBEDDER changed. You can interrupt it; the next run
    continues. Chats keep working meanwhile."""
    from rich.progress import Progress

    from discreet.memory.reembedding import reembed

    with Progress(disable=not sys.stderr.isatty(), console=_console()) as bar:
        task = bar.add_task("Embedding", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        done = in_app(lambda app: reembed(app.db, app.owner_id, app.embedder(), show))
    print(f"{done:,} texts embedded." if done else "All texts are already embedded.")


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def _cleared(
    topic_key: str | None, expires: str | None
) -> frozenset[Literal["topic_key", "expires_at"]]:
    """What was given as nothing shall be empty."""
    cleared: set[Literal["topic_key", "expires_at"]] = set()
    if topic_key == "":
        cleared.add("topic_key")
    if expires == "":
        cleared.add("expires_at")
    return frozenset(cleared)


def _id(text: str) -> MemoryId:
    from discreet.domain.ids import MemoryId, parse_uuid

    return MemoryId(parse_uuid(text, "memory id"))


def _moment(text: str) -> datetime:

    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadInput(
            f"{text!r} is not a date or time.", hint="Examples: 2027-01-31, 2027-01-31T18:00."
        ) from None


def _show(item: LabelledMemory, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when

    if as_json:
        print_json(_record(item))
        return
    for title, value in (
        ("memory", str(item.id)),
        ("whose", f"{item.whose}, with {item.agent}"),
        ("version", f"{item.version}, of {when(item.updated_at)}"),
        ("kept", f"{when(item.created_at)}, by {item.source}"),
        ("expires", when(item.expires_at)),
        ("salience", item.salience),
        ("topic key", item.topic_key or "-"),
        ("topics", ", ".join(item.topics) or "-"),
        ("summary", item.summary or "-"),
    ):
        print_text(f"{title:<10} {value}")
    print_text(f"\n{item.content}")


def _version_record(item: MemoryVersion) -> Mapping[str, Any]:
    return asdict(item)


def _text(item: LabelledMemory) -> str:
    return item.content if item.salience == "medium" else f"[{item.salience}] {item.content}"


def _record(item: LabelledMemory) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "agent_id": item.agent_id,
        "agent": item.agent,
        "contact_id": item.contact_id,
        "whose": item.whose,
        "content": item.content,
        "summary": item.summary,
        "topic_key": item.topic_key,
        "topics": item.topics,
        "salience": item.salience,
        "source": item.source,
        "version": item.version,
        "expires_at": item.expires_at,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "used_at": item.used_at,
        "metadata": item.metadata,
    }
