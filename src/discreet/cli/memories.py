"""``sb memories``: list, search and edit memories."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.access import noting
from discreet.cli.options import AsJson, Limit, OfContact, Skip, checked
from discreet.cli.runtime import in_app
from discreet.cli.searches import SalienceName, Since, Until, in_utc, recall
from discreet.cli.typed_ids import whole_id
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from discreet.app import App
    from discreet.domain.ids import MemoryId
    from discreet.schemas.memories import Memory, MemoryVersion

app = typer.Typer(help="List, search, add and change memories.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Print memories and the contact that each belongs to."""


app.command("recall")(recall)


@app.command("list")
def list_memories(
    contact: OfContact = None,
    since: Since = None,
    until: Until = None,
    expired: Annotated[bool, typer.Option("--expired", help="Include expired memories.")] = False,
    limit: Limit = 100,
    skip: Skip = 0,
    as_json: AsJson = False,
) -> None:
    """List all memories, newest first, with the contact each belongs to."""
    from discreet.cli.printing import Column, print_page
    from discreet.schemas.memories import ListMemories
    from discreet.schemas.pages import MAX_PAGE
    from discreet.services import contacts, memories

    async def work(app: App) -> list[Memory]:
        of = None
        if contact is not None:
            of = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        found: list[Memory] = []
        cursor, first = None, skip
        while len(found) <= limit:
            request = ListMemories(
                limit=min(limit + 1 - len(found), MAX_PAGE),
                cursor=cursor,
                since=in_utc(since),
                until=in_utc(until),
                include_expired=expired,
            )
            page = await memories.list_memories(app.context, request, contact_id=of, skip=first)
            found, cursor, first = found + page.items, page.next, 0
            if cursor is None:
                break
        return found

    columns: list[Column[Memory]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("WHOSE", whose),
        Column("MEMORY", _text),
    ]
    print_page(
        in_app(noting("read", work)), columns, record, limit=limit, skip=skip, as_json=as_json,
        empty="No memories yet.",
    )  # fmt: skip


Id = Annotated[
    str, typer.Argument(metavar="ID", help="The memory's id, or its first six characters.")
]
OneAsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


TopicKey = Annotated[
    str | None,
    typer.Option(help="A key for one fact; a new value replaces the old one. '' removes it."),
]
Topic = Annotated[list[str] | None, typer.Option(help="A topic; can be repeated.")]
Expires = Annotated[
    str | None, typer.Option(metavar="TIME", help="The expiry time (ISO 8601); '' for never.")
]
IfVersion = Annotated[
    int | None, typer.Option(min=1, help="Only if this is still the memory's version.")
]


@app.command("add")
@app.command("remember")
def remember(
    content: Annotated[str, typer.Argument(metavar="TEXT", help="What to remember.")],
    contact: Annotated[
        str | None,
        typer.Option(metavar="WHO", help="The contact it belongs to. Default: the owner."),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The agent it belongs to. Default: the first agent."),
    ] = None,
    summary: Annotated[str, typer.Option(help="A short form of the text.")] = "",
    topic_key: TopicKey = None,
    topic: Topic = None,
    salience: Annotated[SalienceName, typer.Option()] = SalienceName.medium,
    expires: Expires = None,
    replaces: Annotated[
        str | None, typer.Option(metavar="ID", help="The memory to replace.")
    ] = None,
    as_json: OneAsJson = False,
) -> None:
    """Create a memory, in a contact's scope or in your own."""
    from discreet.auth.scopes import agent_named, bearer_of_owner, scope_to_write
    from discreet.cli.printing import print_json, print_text
    from discreet.domain.ids import MemoryId
    from discreet.schemas.memories import Remember, Remembered
    from discreet.services import contacts, memories
    from discreet.services.context import in_scope

    given = checked(
        Remember,
        content=content,
        summary=summary,
        topic_key=topic_key or None,
        topics=topic or [],
        salience=salience.value,
        expires_at=_moment(expires) if expires else None,
        replaces=None if replaces is None else _id(replaces),
    )

    async def work(app: App) -> Remembered:
        owner, contact_id = bearer_of_owner(app.owner_id), None
        if contact is not None:
            contact_id = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        agent_id = None if agent is None else await agent_named(app.db, owner, agent)
        scope = await scope_to_write(app.db, owner, agent_id, contact_id)
        made = await memories.remember(in_scope(app.db, scope, app.embedder, "cli"), given)
        shown = await memories.get_memory(app.context, MemoryId(made.id))
        return Remembered(**dict(shown), may_replace=made.may_replace)

    made = in_app(noting("changed", work))
    if as_json:
        print_json(record(made) | {"may_replace": [record(older) for older in made.may_replace]})
        return
    _show(made, as_json)
    if made.may_replace:
        print_text("\nIt may contradict or update an existing memory:")
        for older in made.may_replace:
            print_text(f"{older.id}  {older.content}")
        print_text("To let it replace one of them, repeat the command with --replaces ID.")


@app.command("show")
def show_memory(memory_id: Id, as_json: OneAsJson = False) -> None:
    """Show a memory with all its fields."""
    from discreet.services import memories

    wanted = _id(memory_id)
    _show(in_app(noting("read", lambda app: memories.get_memory(app.context, wanted))), as_json)


@app.command("history")
def show_history(memory_id: Id, as_json: AsJson = False) -> None:
    """List older versions of a memory, newest first, including forgotten memories."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import memories

    wanted = _id(memory_id)
    asked = noting("read", lambda app: memories.get_history(app.context, wanted))
    found = in_app(asked).items
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
    from discreet.schemas.memories import Restore
    from discreet.services import memories

    wanted, given = _id(memory_id), checked(Restore, version=version)
    back = noting("changed", lambda app: memories.restore(app.context, wanted, given))
    _show(in_app(back), as_json)


@app.command("forget")
def forget_memory(memory_id: Id, version: IfVersion = None) -> None:
    """Forget a memory. Its history is kept; sb memories restore ID restores it."""
    from discreet.cli.printing import print_text
    from discreet.services import memories

    wanted = _id(memory_id)
    forgetting = noting(
        "changed", lambda app: memories.forget(app.context, wanted, expected=version)
    )
    gone = in_app(forgetting)
    print_text(f"Forgotten, from {whose(gone)}: {gone.content}")
    print(f"To undo: sb memories restore {gone.id}")


@app.command("update")
def update_memory(
    memory_id: Id,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The new text.")] = None,
    content: Annotated[str | None, typer.Option(help="The new text, as an option.")] = None,
    summary: Annotated[str | None, typer.Option(help="A short form of the text.")] = None,
    salience: Annotated[SalienceName | None, typer.Option()] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic; can be repeated. Replaces all current topics."),
    ] = None,
    topic_key: TopicKey = None,
    expires: Expires = None,
    version: IfVersion = None,
    as_json: OneAsJson = False,
) -> None:
    """Change a memory. The previous version stays in its history."""
    from discreet.schemas.memories import MemoryPatch
    from discreet.services import memories

    if text is not None and content is not None:
        raise BadInput("The new text was given twice.", hint="Omit --content.")
    wanted = _id(memory_id)
    changed: dict[str, Any] = {
        "content": text if content is None else content,
        "summary": summary,
        "salience": None if salience is None else salience.value,
        "topics": topic or None,
    }
    changed = {name: value for name, value in changed.items() if value is not None}
    if topic_key is not None:
        changed["topic_key"] = topic_key or None
    if expires is not None:
        changed["expires_at"] = _moment(expires) if expires else None
    given = checked(MemoryPatch, **changed)
    _show(
        in_app(
            noting(
                "changed",
                lambda app: memories.update(app.context, wanted, given, expected=version),
            )
        ),
        as_json,
    )


@app.command("reembed")
def reembed_texts() -> None:
    """Recompute all embeddings after DISCREET_EMBEDDER changed.

    You can interrupt it; the next run continues. Chats keep working meanwhile.
    """
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


def _id(text: str) -> MemoryId:
    from discreet.domain.ids import MemoryId

    return MemoryId(whole_id("memory", text))


def _moment(text: str) -> datetime:

    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise BadInput(
            f"{text!r} is not a date or time.", hint="Examples: 2027-01-31, 2027-01-31T18:00."
        ) from None


def _show(item: Memory, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when

    if as_json:
        print_json(record(item))
        return
    for title, value in (
        ("memory", str(item.id)),
        ("whose", f"{whose(item)}, with {item.agent}"),
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


def _version_record(item: MemoryVersion) -> dict[str, Any]:
    return item.model_dump()


def _text(item: Memory) -> str:
    return item.content if item.salience == "medium" else f"[{item.salience}] {item.content}"


def whose(item: Memory) -> str:
    """Return the label of the contact that a memory belongs to."""
    return "" if item.whose is None else item.whose.label


def record(item: Memory) -> dict[str, Any]:
    """Return a memory as JSON, with a label instead of names and addresses."""
    return {**item.model_dump(exclude={"may_replace"}), "whose": whose(item)}
