"""``sb contacts tell``: message contacts before they write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.owner_messages import ToldContact, ToldContacts


def tell(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WHO TEXT", help="The contact and the text. With --label: only the text."
        ),
    ],
    label: Annotated[
        str | None,
        typer.Option("--label", metavar="LABEL", help="Tell every contact with this label."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="With --label: show who would get it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --label: don't ask.")] = False,
) -> None:
    """Message a contact first, where it wrote last. Contacts who wrote STOP get nothing."""
    from discreet.cli.asking import confirm
    from discreet.cli.printing import print_text
    from discreet.cli.takeover import until_delivered
    from discreet.domain.amounts import counted
    from discreet.services import owner_messages
    from discreet.serving import working

    if len(words) != (1 if label else 2):
        raise BadInput(
            "A contact and a text are needed.",
            hint='sb contacts tell WHO "TEXT", or: sb contacts tell --label LABEL "TEXT"',
        )
    text = words[-1]

    async def one(app: App) -> ToldContact:
        # It must be sent even if no server runs.
        async with working(app):
            told = await owner_messages.tell(app.db, app.owner_id, words[0], text)
            await until_delivered(app)
            return told

    async def many(app: App, *, only_preview: bool) -> ToldContacts:
        assert label is not None  # noqa: S101 - only called with one
        if only_preview:
            return await owner_messages.tell_labelled(
                app.db, app.owner_id, label, text, preview=True
            )
        async with working(app):
            told = await owner_messages.tell_labelled(
                app.db, app.owner_id, label, text, preview=False
            )
            await until_delivered(app)
            return told

    if label is None:
        print_text(f"Sent to {in_app(one).name}.")
        return
    would = in_app(lambda app: many(app, only_preview=True))
    _show(would)
    if preview:
        return
    if not would.sent:
        raise BadInput("Nobody would get it.")
    confirm(
        f"Send this to {counted(would.sent, 'contact')}?", yes=yes, otherwise="Nothing was sent."
    )
    done = in_app(lambda app: many(app, only_preview=False))
    print_text(f"Sent to {counted(done.sent, 'contact')}.")


def _show(told: ToldContacts) -> None:
    from discreet.cli.printing import print_text
    from discreet.services.owner_messages import WHY_NOT

    for item in told.items:
        why = "gets it" if item.outcome == "sent" else WHY_NOT[item.outcome]
        print_text(f"  {item.name}: {why}")
