"""Label contacts, by hand and by the channel through which they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from discreet.app import App

# "-staff" is a label here, not options.
SIGNED: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


def label_contact(
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="A contact: its id, address (platform:id) or name.")
    ],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="+LABEL|-LABEL...", help="Labels to add (+customer) or remove (-staff)."
        ),
    ],
) -> None:
    """Add labels to a contact (+customer) or remove them (-staff). Only you see labels."""
    from discreet.cli.printing import print_text
    from discreet.services import contacts

    add, remove = _signed(changes)
    found = in_app(
        lambda app: contacts.label_contact(app.db, app.owner_id, who, add=add, remove=remove)
    )
    labels = ", ".join(found.entry.labels) or "none"
    print_text(f"Labels of {found.contact.label}: {labels}.")


def label_channel(
    channel: Annotated[
        str,
        typer.Argument(metavar="CHANNEL", help="The channel: its name (@some_bot), account or id."),
    ],
    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="LABEL...", help="The labels. Without any, the channel gives none."),
    ] = None,
) -> None:
    """Set the labels that contacts get when they are admitted on a channel, from now on."""
    from discreet.cli.printing import print_text
    from discreet.services import channels

    async def work(app: App) -> tuple[str, tuple[str, ...]]:
        found = await channels.find_channel(app.db, app.owner_id, channel)
        await channels.set_contact_labels(app.db, app.owner_id, found.id, labels or ())
        now = await channels.find_channel(app.db, app.owner_id, channel)
        return now.label, now.contact_labels

    label, now = in_app(work)
    if now:
        print_text(f"People admitted on {label} from now on get these labels: {', '.join(now)}.")
    else:
        print_text(f"People admitted on {label} from now on get no labels.")


def _signed(changes: list[str]) -> tuple[set[str], set[str]]:
    add = {one[1:] for one in changes if one[:1] == "+"}
    remove = {one[1:] for one in changes if one[:1] == "-"}
    plain = [one for one in changes if one[:1] not in ("+", "-")]
    if plain:
        raise BadInput(
            f"{plain[0]!a} has no sign.",
            hint=f"Add it with +{plain[0]}, or remove it with -{plain[0]}.",
        )
    return add, remove
