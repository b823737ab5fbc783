"""``sb memories``: what is kept, and whose it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson, Limit, OfContact
from discreet.entrypoints.cli.searches import recall

if TYPE_CHECKING:
    from rich.console import Console

    from discreet.app import App
    from discreet.domain.ids import MemoryId
    from discreet.memory.history import MemoryVersion
    from discreet.oversight.memories import LabelledMemory

app = typer.Typer(help="What is kept, and whose it is.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What is kept, and whose it is."""


app.command("recall")(recall)


@app.command("list")
def list_memories(contact: OfContact = None, limit: Limit = 1000, as_json: AsJson = False) -> None:
    """Memories of everybody, the newest first, each with whose it is."""
    from discreet.entrypoints.cli.printing import Column, print_list
    from discreet.oversight import contacts, memories

    async def work(app: App) -> list[LabelledMemory]:
        of = None
        if contact is not None:
            of = (await contacts.find_contact(app.door, app.owner_id, contact)).contact.id
        return await memories.list_memories(app.door, app.owner_id, contact_id=of, limit=limit)

    columns: list[Column[LabelledMemory]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("WHOSE", lambda item: item.whose),
        Column("MEMORY", _text),
    ]
    print_list(in_app(work), columns, _record, as_json=as_json, empty="No memories yet.")


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The memory's id, from: sb memories list or recall")
]
OneAsJson = Annotated[bool, typer.Option("--json", help="One object, for programs.")]


@app.command("show")
def show_memory(memory_id: Id, as_json: OneAsJson = False) -> None:
    """One memory, with everything that is kept about it."""
    from discreet.oversight import memories

    wanted = _id(memory_id)
    _show(in_app(lambda app: memories.get_memory(app.door, app.owner_id, wanted)), as_json)


@app.command("history")
def show_history(memory_id: Id, as_json: AsJson = False) -> None:
    """The older versions of a memory, the newest first; also of one that was forgotten."""
    from discreet.entrypoints.cli.printing import Column, print_list, when
    from discreet.oversight import memories

    wanted = _id(memory_id)
    found = in_app(lambda app: memories.get_history(app.door, app.owner_id, wanted))
    columns: list[Column[MemoryVersion]] = [
        Column("VERSION", lambda item: str(item.version), whole=True),
        Column("UNTIL", lambda item: when(item.archived_at), whole=True),
        Column("ENDED BY", lambda item: item.change),
        Column("MEMORY", lambda item: item.content),
    ]
    print_list(found, columns, _version_record, as_json=as_json, empty="It was never changed.")


@app.command("restore")
def restore_memory(
    memory_id: Id,
    version: Annotated[
        int | None, typer.Option(min=1, help="Which version; the last one if none is named.")
    ] = None,
    as_json: OneAsJson = False,
) -> None:
    """Brings an older version back, exactly as it was: whose, when it expires, what it said."""
    from discreet.oversight import memories

    wanted = _id(memory_id)
    _show(in_app(lambda app: memories.restore(app.door, app.owner_id, wanted, version)), as_json)


@app.command("forget")
def forget_memory(memory_id: Id) -> None:
    """Takes a memory away. Its history keeps it: sb memories restore ID brings it back."""
    from discreet.entrypoints.cli.printing import print_text
    from discreet.oversight import memories

    wanted = _id(memory_id)
    gone = in_app(lambda app: memories.forget(app.door, app.owner_id, wanted))
    print_text(f"Forgotten, of {gone.whose}: {gone.content}")
    print(f"Back again: sb memories restore {gone.id}")


@app.command("update")
def update_memory(
    memory_id: Id,
    content: Annotated[str | None, typer.Option(help="What it says from now on.")] = None,
    salience: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="Its topics, in place of all; may be repeated.")
    ] = None,
    topic_key: Annotated[
        str | None, typer.Option(help="What it is filed under; '' for nothing.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="TIME", help="When it expires (ISO 8601); '' for never.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(help="Only if it is still at this version.")
    ] = None,
    as_json: OneAsJson = False,
) -> None:
    """Changes a memory of anybody's; the version before it stays in its history."""
    from discreet.memory.memories import MemoryChange
    from discreet.oversight import memories

    wanted = _id(memory_id)
    change = MemoryChange(
        content=content,
        salience=cast("Any", salience),
        topics=topic or None,
        topic_key=topic_key or None,
        expires_at=_moment(expires) if expires else None,
        clear=_cleared(topic_key, expires),
    )
    _show(
        in_app(
            lambda app: memories.update(
                app.door, app.owner_id, wanted, change, app.embedder(), expected=version
            )
        ),
        as_json,
    )


@app.command("reembed")
def reembed_texts() -> None:
    """Embeds everything anew after a change of DISCREET_EMBEDDER. It may be interrupted: started
    again, it goes on. Whoever chats meanwhile notices nothing."""
    from rich.progress import Progress

    from discreet.memory.reembedding import reembed

    with Progress(disable=not sys.stderr.isatty(), console=_console()) as bar:
        task = bar.add_task("Embedding", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        done = in_app(lambda app: reembed(app.door, app.owner_id, app.embedder(), show))
    print(f"{done:,} texts embedded." if done else "Every text is embedded already.")


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
    from discreet.domain.errors import BadInput

    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadInput(
            f"{text!r} is no time.", hint="Write it as 2027-01-31 or 2027-01-31T18:00."
        ) from None


def _show(item: LabelledMemory, as_json: bool) -> None:
    from discreet.entrypoints.cli.printing import print_json, print_text, when

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
