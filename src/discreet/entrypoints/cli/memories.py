"""``sb memories``: what is kept, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson, Limit, OfContact

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.oversight.memories import LabelledMemory

app = typer.Typer(help="What is kept, and whose it is.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """What is kept, and whose it is."""


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
    }
