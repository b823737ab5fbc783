"""``sb drafts``: read answers before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.services.held_answers import HeldAnswer

app = typer.Typer(
    help="Read answers before they are sent. To hold them: sb agents set NAME --drafts",
    no_args_is_help=True,
)
Which = Annotated[
    str, typer.Argument(metavar="ID", help="A draft's id, or its first six characters.")
]


@app.command("list")
def list_drafts(as_json: AsJson = False) -> None:
    """List answers that wait for your approval, oldest first."""
    from discreet.cli.printing import Column, print_list, when
    from discreet.services import held_answers

    columns: list[Column[HeldAnswer]] = [
        Column("ID", lambda item: str(item.id), whole=True),
        Column("TO", lambda item: item.whose),
        Column("AGENT", lambda item: item.agent),
        Column("SINCE", lambda item: when(item.created_at), whole=True),
        Column("ASKED", lambda item: item.asked),
        Column("ANSWER", lambda item: item.text),
    ]
    found = in_app(lambda app: held_answers.list_held_answers(app.db, app.owner_id))
    print_list(found, columns, _record, as_json=as_json, empty="No answer waits for approval.")


@app.command("approve")
def approve(which: Which) -> None:
    """Send an answer as it is."""
    _send(which, None)


@app.command("edit")
def edit(
    which: Which,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text to send instead.")],
) -> None:
    """Send a different text instead of an answer."""
    _send(which, text)


@app.command("reject")
def reject(which: Which) -> None:
    """Discard an answer without sending it. To write one yourself, use sb takeover."""
    from discreet.cli.printing import print_text
    from discreet.services import held_answers

    held = in_app(lambda app: held_answers.reject_answer(app.db, app.owner_id, which))
    print_text(f"The answer to {held.whose} is not sent. To write yourself: sb takeover")


def _send(which: str, text: str | None) -> None:
    from discreet.cli.printing import print_text
    from discreet.cli.takeover import until_delivered
    from discreet.services import held_answers
    from discreet.serving import working

    async def work(app: App) -> HeldAnswer:
        # It must be sent even if no server runs.
        async with working(app):
            held = await held_answers.approve_answer(app.db, app.owner_id, which, text=text)
            await until_delivered(app)
            return held

    held = in_app(work)
    print_text(f"Sent to {held.whose}.")


def _record(item: HeldAnswer) -> Mapping[str, Any]:
    return item.model_dump()
