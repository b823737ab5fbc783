"""``sb contacts erase`` and ``erasures``: delete a contact and everything about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.notice import Notice
from discreet.cli.options import AsJson, Limit, Skip
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.services.erasing import Erased, Erasure, ErasurePreview

Who = Annotated[
    str, typer.Argument(metavar="WHO", help="A contact: its id, address (platform:id) or name.")
]


def erase(
    who: Who,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be erased without erasing it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Permanently erase a contact and everything kept about it.

    To keep a copy, run sb contacts export first.
    """
    from discreet.cli.asking import confirm
    from discreet.services import erasing

    with Notice() as notice:
        notice.show("Counting.")
        found = in_app(lambda app: erasing.preview_erasure(app.db, app.owner_id, who))
        notice.clear()
        if preview or not (yes or as_json):
            _show_preview(found, as_json=as_json)
        if preview:
            return
        confirm("Erase it permanently?", yes=yes, otherwise="Nothing was removed.")
        notice.show("Removing.")
        contact = str(found.entry.contact.id)
        erased = in_app(
            lambda app: erasing.erase_contact(
                app.db, app.owner_id, contact, app.settings.home, app.tools
            )
        )
    _show_receipt(erased, as_json=as_json)


def erasures(limit: Limit = 100, skip: Skip = 0, as_json: AsJson = False) -> None:
    """List past erasures: when and how much, but not who."""
    from discreet.cli.printing import Column, print_page, when
    from discreet.services import erasing

    columns: list[Column[Erasure]] = [
        Column("RECEIPT", lambda item: str(item.id), whole=True),
        Column("ERASED", lambda item: when(item.erased_at), whole=True),
        Column("ROWS", lambda item: _counted(item.counts)),
    ]
    found = in_app(
        lambda app: erasing.list_erasures(app.db, app.owner_id, limit=limit + 1, skip=skip)
    )
    print_page(
        found, columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="No contact has been erased.",
    )  # fmt: skip


def _show_preview(found: ErasurePreview, *, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text

    contact = found.entry.contact
    if as_json:
        print_json(
            {"contact_id": contact.id, "addresses": contact.addresses, "counts": found.counts}
        )
        return
    print_text(" ".join(part for part in (contact.name, ", ".join(contact.addresses)) if part)
               or str(contact.id))  # fmt: skip
    print_text(f"  {_counted(found.counts)}")


def _show_receipt(erased: Erased, *, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when

    if as_json:
        print_json(erased.shown.model_dump())
        return
    print_text(f"Erased. Receipt {erased.erasure.id}:")
    for kind, count in erased.erasure.counts.items():
        if count:
            print_text(f"  {_words(kind):<26} {count:>9,}")
    if erased.backups:
        print_text("These backups still contain it. sb restore erases it again, by the list beside")
        print_text("them (discreet-erasures.jsonl); keep that list with them:")
        for one in erased.backups:
            print_text(f"  {one.file} ({when(one.made_at)})")
    for file in erased.unlisted:
        print_text(
            f"The list could not be written: {file.file}: {file.why}. The server tries again."
        )
    print_text("Not erased: backups that were moved, archives from sb contacts export, and copies")
    print_text("kept by the platform, by a model's provider and in your own conversations.")


def _counted(counts: Mapping[str, int]) -> str:
    found = [f"{_words(kind)} {count:,}" for kind, count in counts.items() if count]
    return ", ".join(found) or "nothing"


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def _record(item: Erasure) -> Mapping[str, Any]:
    return {"id": item.id, "counts": item.counts, "erased_at": item.erased_at}
