"""``sb contacts``: manage the people and groups who write to your agents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from discreet.cli import erasing, labels, links, owner_messages
from discreet.cli.access import noting
from discreet.cli.notice import Notice
from discreet.cli.options import AsJson, Limit, Skip
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.services.contact_activity import ContactActivity

app = typer.Typer(
    help="Manage the people and groups who write to your agents.", no_args_is_help=True
)
app.command("link")(links.link)
app.command("links")(links.links)
app.command("unlink")(links.unlink)
app.command("label", context_settings=labels.SIGNED)(labels.label_contact)
app.command("tell")(owner_messages.tell)
app.command("erase")(erasing.erase)
app.command("erasures")(erasing.erasures)

Who = Annotated[
    str, typer.Argument(metavar="WHO", help="A contact: its id, address (platform:id) or name.")
]


@app.command("list")
def list_contacts(
    limit: Limit = 100,
    skip: Skip = 0,
    label: Annotated[
        str | None, typer.Option("--label", metavar="LABEL", help="Only contacts with this label.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List contacts, most recently active first."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.services import contacts

    found = in_app(
        lambda app: contacts.list_recent_contacts(
            app.db, app.owner_id, limit=limit + 1, skip=skip, label=label
        )
    )
    columns: list[Column[ContactActivity]] = [
        Column("ID", lambda item: str(item.contact.id), whole=True),
        Column("NAME", lambda item: item.contact.name),
        Column("ADDRESSES", _addresses),
        Column("LAST MESSAGE", lambda item: when(item.last_message_at), whole=True),
    ]
    if any(item.entry.labels for item in found):
        columns.append(Column("LABELS", lambda item: ", ".join(item.entry.labels)))
    if any(item.states for item in found):
        columns.append(Column("STATE", lambda item: ", ".join(item.states)))
    print_page(
        found, columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No contacts yet." if label is None else "No contact has this label.",
    )  # fmt: skip


@app.command("show")
def show_contact(
    who: Who,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a contact's addresses, sessions and memories."""
    from discreet.cli.printing import print_json, print_text, when
    from discreet.domain.amounts import counted
    from discreet.services import contacts

    found = in_app(lambda app: contacts.find_contact(app.db, app.owner_id, who))
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
        *([("labels", ", ".join(found.entry.labels))] if found.entry.labels else []),
        *([("blocked", when(found.entry.blocked_at))] if found.entry.blocked_at else []),
        *([("on hold", when(found.entry.on_hold_at))] if found.entry.on_hold_at else []),
        *([("taken over", when(found.taken_over_at))] if found.taken_over_at else []),
        *([("state", ", ".join(found.states))] if found.states else []),
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


@app.command("block")
def block_contact(who: Who) -> None:
    """Block a contact. Its messages are dropped, and it isn't told."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.block_contact(app.db, app.owner_id, who))
    print_text(
        f"{entry.contact.label} is blocked. Unblock it: sb contacts unblock {entry.contact.id}"
    )


@app.command("unblock")
def unblock_contact(who: Who) -> None:
    """Unblock a contact. Messages that were waiting when it was blocked are answered."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.unblock_contact(app.db, app.owner_id, who))
    print_text(f"{entry.contact.label} is unblocked.")


@app.command("hold")
def hold_contact(who: Who) -> None:
    """Put a contact on hold. Neither retention nor erasure deletes its data."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.hold_contact(app.db, app.owner_id, who, on_hold=True))
    print_text(
        f"{entry.contact.label} is on hold. Release it: sb contacts release {entry.contact.id}"
    )


@app.command("release")
def release_contact(who: Who) -> None:
    """Release a contact from its hold."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.hold_contact(app.db, app.owner_id, who, on_hold=False))
    print_text(f"{entry.contact.label} is no longer on hold.")


@app.command("rename")
def rename_contact(
    who: Who, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
) -> None:
    """Rename a contact. The old name is kept as an alias."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.rename_contact(app.db, app.owner_id, who, name))
    print_text(f"{entry.contact.id} is now called {entry.contact.name}.")


@app.command("note")
def note_contact(
    who: Who,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The note; '' removes it.")],
) -> None:
    """Set a note that only you can see. It replaces the previous one."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    entry = in_app(lambda app: contacts.note_contact(app.db, app.owner_id, who, text))
    print_text(f"Note saved for {entry.contact.label}." if entry.note else "Note removed.")


@app.command("drafts")
def hold_answers(
    who: Who,
    hold: Annotated[
        Literal["on", "off", "default"],
        typer.Argument(metavar="on|off|default", help="default: use the agent's setting."),
    ],
) -> None:
    """Choose whether answers to a contact wait for your approval (sb drafts list)."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    chosen = {"on": True, "off": False, "default": None}[hold]
    entry = in_app(lambda app: contacts.hold_answers(app.db, app.owner_id, who, hold=chosen))
    outcome = {
        "on": "wait for your approval",
        "off": "are sent at once",
        "default": "follow the agent's setting",
    }[hold]
    print_text(f"Answers to {entry.contact.label} {outcome}.")


@app.command("export")
def export_contact(
    who: Who,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="The zip file to create.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Export everything kept about a contact to one archive that only you can read."""
    from discreet.cli.printing import print_json, print_text
    from discreet.services.exporting import export_contact as write_export

    with Notice() as notice:
        written = in_app(
            noting(
                "exported",
                lambda app: write_export(app.db, app.owner_id, who, to, progress=notice.show),
            )
        )
    if as_json:
        print_json(
            {
                "contact_id": written.contact_id,
                "file": str(written.file),
                "size": written.size,
                "counts": written.counts,
            }
        )
        return
    kept = ", ".join(
        f"{kind.replace('_', ' ')} {count:,}" for kind, count in written.counts.items() if count
    )
    print_text(f"Written: {written.file} ({written.size:,} bytes): {kept}.")
    print_text("To read it, unpack it and open contact.html.")


def _addresses(item: ContactActivity) -> str:
    addresses = ", ".join(item.contact.addresses)
    return addresses if item.contact.type == "external" else f"{addresses} ({item.contact.type})"


def _record(item: ContactActivity) -> Mapping[str, Any]:
    return item.shown.model_dump()
