"""``sb pairing``: approve or deny strangers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.schemas.admission import Pairing

app = typer.Typer(help="Approve or deny strangers who want to write.", no_args_is_help=True)

CodeOrAddress = Annotated[
    str,
    typer.Argument(metavar="CODE", help="The code they gave you, or their address (platform:id)."),
]


@app.command("list")
def list_pairings(as_json: AsJson = False) -> None:
    """List pending requests, newest first. Codes are not shown; ask the person for theirs."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import admission

    columns: list[Column[Pairing]] = [
        Column("ADDRESS", lambda item: item.address or "-", whole=True),
        Column("NAME", lambda item: f"{item.name} (group)" if item.of_group else item.name),
        Column("AGENT", lambda item: item.agent),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
        Column("SAID", lambda item: f"{item.said} (+{item.held - 1})" if item.held > 1
               else item.said),
    ]  # fmt: skip
    found = in_app(lambda app: admission.list_pairings(app.db, app.owner_id))
    print_list(found, columns, _record, as_json=as_json, empty="No pending requests.")


@app.command("approve")
def approve(who: CodeOrAddress) -> None:
    """Approve a request. Messages they already sent are answered."""
    from discreet.cli.printing import print_text
    from discreet.domain.amounts import counted
    from discreet.services import admission

    done = in_app(lambda app: admission.decide_pairing(app.db, app.owner_id, who, let_in=True))
    print_text(
        f"{done.pairing.label} may now write to {done.pairing.agent};"
        f" {counted(done.messages, 'held message')} will be answered."
    )


@app.command("deny")
def deny(who: CodeOrAddress) -> None:
    """Deny a request. Their messages are deleted, and they can't ask again."""
    from discreet.cli.printing import print_text
    from discreet.services import admission

    done = in_app(lambda app: admission.decide_pairing(app.db, app.owner_id, who, let_in=False))
    pairing = done.pairing
    print_text(
        f"{pairing.label} is denied. To change your mind: sb pairing approve {pairing.address}"
    )


def _record(item: Pairing) -> Mapping[str, Any]:
    return item.model_dump(exclude={"state"})
