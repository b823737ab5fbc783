"""``sb contacts``: who writes to the agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson

if TYPE_CHECKING:
    from discreet.oversight.contacts import ContactActivity

app = typer.Typer(help="Who writes to the agents.", no_args_is_help=True)


@app.command("list")
def list_contacts(as_json: AsJson = False) -> None:
    """Every contact, whoever wrote last first."""
    from discreet.entrypoints.cli.printing import Column, print_list, when
    from discreet.oversight import contacts

    found = in_app(lambda app: contacts.list_contacts(app.door, app.owner_id))
    columns: list[Column[ContactActivity]] = [
        Column("ID", lambda item: str(item.contact.id), whole=True),
        Column("NAME", lambda item: item.contact.name),
        Column("ADDRESSES", _addresses),
        Column("LAST MESSAGE", lambda item: when(item.last_message_at), whole=True),
    ]
    print_list(
        found, columns, _record, as_json=as_json, empty="No contacts yet: nobody has written."
    )


@app.command("show")
def show_contact(
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="An id, an address platform:id, or a name.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One object, for programs.")] = False,
) -> None:
    """One contact: its addresses, sessions and memories."""
    from discreet.entrypoints.cli.printing import counted, print_json, print_text, when
    from discreet.oversight import contacts

    found = in_app(lambda app: contacts.find_contact(app.door, app.owner_id, who))
    if as_json:
        print_json(_record(found))
        return
    contact = found.contact
    print_text(contact.label)
    for title, value in (
        ("id", str(contact.id)),
        ("type", contact.type),
        ("name", contact.name or "-"),
        ("aliases", ", ".join(found.entry.aliases) or "-"),
        ("addresses", ", ".join(contact.addresses) or "-"),
        ("note", found.entry.note or "-"),
        ("since", when(contact.created_at)),
        ("last message", when(found.last_message_at)),
        (
            "holds",
            f"{counted(found.sessions, 'session')}, {counted(found.messages, 'message')}, "
            f"{counted(found.memories, 'memory')}",
        ),
    ):
        print_text(f"  {title:<13} {value}")
    print_text(f"\nsb sessions list --contact {contact.id}")
    print_text(f"sb memories list --contact {contact.id}")


def _addresses(item: ContactActivity) -> str:
    addresses = ", ".join(item.contact.addresses)
    return addresses if item.contact.type == "external" else f"{addresses} ({item.contact.type})"


def _record(item: ContactActivity) -> Mapping[str, Any]:
    return {
        "id": item.contact.id,
        "type": item.contact.type,
        "name": item.contact.name,
        "aliases": item.entry.aliases,
        "note": item.entry.note,
        "addresses": item.contact.addresses,
        "sessions": item.sessions,
        "messages": item.messages,
        "memories": item.memories,
        "last_message_at": item.last_message_at,
        "created_at": item.contact.created_at,
    }
