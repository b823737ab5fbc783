"""``sb reminders``: what contacts have asked to be reminded of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.schemas.reminders import Reminder

app = typer.Typer(
    help="List and cancel the reminders that contacts asked for.", no_args_is_help=True
)


@app.command("list")
def list_reminders(
    contact: Annotated[
        str | None,
        typer.Option("--contact", metavar="WHO", help="Only this contact, by id, address or name."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List upcoming reminders, the next one first."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.domain.recurrence import described
    from discreet.services import reminders

    columns: list[Column[Reminder]] = [
        Column("ID", lambda item: reminders.short_id(item.id), whole=True),
        Column("DUE", lambda item: when(item.due_at), whole=True),
        Column("OF", lambda item: item.whose),
        Column("AGENT", lambda item: item.agent),
        Column("RECURS", lambda item: described(item.rule) or "-"),
        Column("TEXT", lambda item: item.text),
    ]
    found = in_app(lambda app: reminders.list_reminders(app.db, app.owner_id, contact))
    print_list(found, columns, _record, as_json=as_json, empty="No reminders.")


@app.command("cancel")
def cancel_reminder(
    which: Annotated[
        str, typer.Argument(metavar="ID", help="The reminder's id, or its first six characters.")
    ],
) -> None:
    """Cancel a reminder. The contact isn't told."""
    from discreet.cli.printing import print_text
    from discreet.services import reminders

    gone = in_app(lambda app: reminders.cancel_reminder(app.db, app.owner_id, which))
    print_text(f"The reminder of {gone.whose} is cancelled: {gone.text}")


def _record(item: Reminder) -> Mapping[str, Any]:
    return item.model_dump()
