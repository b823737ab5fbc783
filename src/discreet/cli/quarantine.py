"""``sb quarantine``: inspect messages whose sender could not be resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, Limit, Skip
from discreet.cli.runtime import in_app
from discreet.cli.typed_ids import whole_id

if TYPE_CHECKING:
    from discreet.schemas.quarantine import QuarantinedMessage

app = typer.Typer(
    help="Inspect and retry messages whose sender could not be resolved.", no_args_is_help=True
)


@app.command("list")
def list_quarantine(limit: Limit = 100, skip: Skip = 0, as_json: AsJson = False) -> None:
    """List quarantined messages, oldest first."""
    from discreet.cli.printing import Column, print_page
    from discreet.services import quarantine

    columns: list[Column[QuarantinedMessage]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("CHANNEL", lambda item: f"{item.platform} to {item.agent}"),
        Column("REASON", lambda item: item.reason),
        Column("TEXT", lambda item: str(item.inbound.get("text", ""))),
    ]
    found = in_app(
        lambda app: quarantine.list_quarantine(app.db, app.owner_id, limit=limit + 1, skip=skip)
    )
    print_page(
        found, columns, _record, limit=limit, skip=skip, as_json=as_json,
        empty="The quarantine is empty.",
    )  # fmt: skip


@app.command("retry")
def retry(
    quarantined_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One message's id. Default: all.")
    ] = None,
) -> None:
    """Try again now to resolve the senders."""
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted
    from discreet.services import quarantine

    wanted = None if quarantined_id is None else whole_id("quarantined message", quarantined_id)
    done = in_app(lambda app: quarantine.retry_quarantine(app.db, app.owner_id, wanted))
    tried, released = done.tried, done.released
    if not tried:
        print_text("Nothing is in quarantine.")
        return
    print_text(f"{released} of {counted(tried, 'message')} matched to a contact.")
    if released < tried:
        print_text("To see why the others failed: sb quarantine list")


def _record(item: QuarantinedMessage) -> Mapping[str, Any]:
    return item.model_dump()
