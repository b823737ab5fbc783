"""``sb contacts link``, ``links`` and ``unlink``: merge contacts that are one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, Limit, Skip
from discreet.cli.runtime import in_app
from discreet.cli.typed_ids import whole_id

if TYPE_CHECKING:
    from discreet.contacts import Contact
    from discreet.services.linking import Link, LinkPreview, UndoPreview

Who = Annotated[
    str, typer.Argument(metavar="WHO", help="A contact: its id, address (platform:id) or name.")
]
Preview = Annotated[
    bool, typer.Option("--preview", help="Show what would change without changing it.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")]
AsOne = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def link(
    survivor: Annotated[
        str, typer.Argument(metavar="KEPT", help="The contact to keep: its id, address or name.")
    ],
    merged: Annotated[str, typer.Argument(metavar="OTHER", help="The contact to merge into it.")],
    preview: Preview = False,
    yes: Yes = False,
    as_json: AsOne = False,
) -> None:
    """Merge two contacts of one person into one conversation and memory. Can be undone."""
    from discreet.cli.asking import confirm
    from discreet.cli.printing import print_json, print_text
    from discreet.services import linking

    found = in_app(lambda app: linking.preview_link(app.db, app.owner_id, survivor, merged))
    if preview or not (yes or as_json):
        _show_preview(found, as_json=as_json)
    if preview:
        return
    confirm("Merge them?", yes=yes, otherwise="Nothing was merged.")
    made = in_app(
        lambda app: linking.link_contacts(
            app.db, app.owner_id, str(found.survivor.contact.id), str(found.merged.contact.id)
        )
    )
    if as_json:
        print_json(_record(made))
        return
    print_text(f"{', '.join(made.addresses) or found.merged.contact.label} now leads to"
               f" {found.survivor.contact.label}.")  # fmt: skip
    print_text(f"To undo it: sb contacts unlink {made.id}")


def links(
    who: Annotated[
        str | None, typer.Argument(metavar="[WHO]", help="Only this contact's links.")
    ] = None,
    limit: Limit = 100,
    skip: Skip = 0,
    as_json: AsJson = False,
) -> None:
    """List merged contacts, newest first."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.services import linking

    columns: list[Column[Link]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("KEPT", lambda item: item.survivor),
        Column("MERGED", lambda item: ", ".join(item.addresses) or item.merged_name
               or str(item.merged_id)),
        Column("PROOF", lambda item: item.proof, whole=True),
        Column("SINCE", lambda item: when(item.linked_at), whole=True),
        Column("UNDONE", lambda item: when(item.undone_at), whole=True),
    ]  # fmt: skip
    found = in_app(
        lambda app: linking.list_links(app.db, app.owner_id, who, limit=limit + 1, skip=skip)
    )
    print_page(
        found, columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No contacts have been merged.",
    )  # fmt: skip


def unlink(
    link: Annotated[
        str, typer.Argument(metavar="LINK", help="The link's id, from sb contacts links.")
    ],
    preview: Preview = False,
    yes: Yes = False,
    as_json: AsOne = False,
) -> None:
    """Undo a link. Everything it moved goes back to where it was."""
    from discreet.cli.asking import confirm
    from discreet.cli.printing import print_json, print_text
    from discreet.services import linking

    link = str(whole_id("link", link))
    found = in_app(lambda app: linking.preview_undo(app.db, app.owner_id, link))
    if preview or not (yes or as_json):
        _show_undo(found, as_json=as_json)
    if preview:
        return
    confirm("Undo it?", yes=yes, otherwise="Nothing was undone.")
    undone = in_app(lambda app: linking.undo_link(app.db, app.owner_id, link))
    if as_json:
        print_json({**_record(undone), "undone": True})
        return
    print_text(f"Undone. {', '.join(undone.addresses)} leads to the contact {undone.merged_id}.")


def _show_preview(found: LinkPreview, *, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text
    from discreet.domain.amounts import counted

    survivor, merged = found.survivor.contact, found.merged.contact
    if as_json:
        print_json(
            {
                "survivor_id": survivor.id,
                "merged_id": merged.id,
                "addresses": merged.addresses,
                "sessions": found.sessions,
                "messages": found.messages,
                "memories": found.memories,
                "known_already": found.known_already,
                "topics": found.topics,
                "tokens": found.tokens,
            }
        )
        return
    print_text(_called(merged))
    print_text(f"  becomes part of {_called(survivor)}")
    print_text(
        f"  with {counted(found.sessions, 'session')}, {counted(found.messages, 'message')},"
        f" {counted(found.memories, 'memory')}. All of these accounts will share"
        " one conversation and one memory."
    )
    if found.known_already:
        print_text(f"  {counted(found.known_already, 'memory')} stored by both; one copy is kept")
    if found.topics:
        print_text(f"  topics used by both: {', '.join(found.topics)} (both texts are kept)")
    if found.tokens:
        print_text(
            f"  {counted(found.tokens, 'token')} of the merged contact will stop working"
            " until you undo it"
        )


def _called(contact: Contact) -> str:
    return " ".join(part for part in (contact.name, ", ".join(contact.addresses)) if part) or str(
        contact.id
    )


def _show_undo(found: UndoPreview, *, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text
    from discreet.domain.amounts import counted

    if as_json:
        print_json(
            {
                **_record(found.link),
                "sessions": found.sessions,
                "messages": found.messages,
                "memories": found.memories,
                "said_since": found.said_since,
            }
        )
        return
    print_text(
        f"{', '.join(found.link.addresses) or found.link.merged_id}"
        " becomes a separate contact again"
    )
    print_text(
        f"  with {counted(found.sessions, 'session')}, {counted(found.messages, 'message')},"
        f" {counted(found.memories, 'memory')}"
    )
    if found.said_since:
        print_text(
            f"  {counted(found.said_since, 'message')} it sent since the link,"
            f" and the memories from them, stay with {found.link.survivor}"
        )


def _record(item: Link) -> Mapping[str, Any]:
    return {
        "id": item.id,
        "survivor_id": item.survivor_id,
        "survivor": item.survivor,
        "merged_id": item.merged_id,
        "merged_name": item.merged_name,
        "addresses": item.addresses,
        "proof": item.proof,
        "linked_at": item.linked_at,
        "undone_at": item.undone_at,
    }
