"""``sb limits``: limit what contacts may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import OfContact, checked
from discreet.cli.runtime import in_app
from discreet.domain.errors import BadInput

if TYPE_CHECKING:
    from decimal import Decimal

    from discreet.schemas.limits import ContactLimits

app = typer.Typer(
    help="Limit what each contact may use. You and the terminal have no limits.",
    no_args_is_help=True,
)


@app.command("show")
def show(
    contact: OfContact = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the limits for everyone or for one contact."""
    from discreet.cli.printing import print_json
    from discreet.services import limits

    found = in_app(lambda app: limits.get_limits(app.db, app.owner_id, contact))
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print(found)


@app.command("set")
def set_limits(
    contact: OfContact = None,
    messages_a_minute: Annotated[
        int | None, typer.Option("--messages-a-minute", metavar="N", min=1)
    ] = None,
    waiting: Annotated[
        int | None,
        typer.Option(
            "--waiting", metavar="N", min=1, help="Maximum number of unanswered messages."
        ),
    ] = None,
    tokens_a_day: Annotated[
        int | None,
        typer.Option(
            "--tokens-a-day", metavar="N", min=1, help="Input and output tokens per UTC day."
        ),
    ] = None,
    money_a_day: Annotated[
        str | None,
        typer.Option("--money-a-day", metavar="USD", help="US dollars per UTC day, such as 0.50."),
    ] = None,
) -> None:
    """Set limits for everyone or for one contact. They apply from the next message."""
    from discreet.schemas.limits import ContactLimits
    from discreet.services import limits

    wanted = checked(
        ContactLimits,
        messages_a_minute=messages_a_minute,
        waiting=waiting,
        tokens_a_day=tokens_a_day,
        money_a_day=money(money_a_day),
    )
    if wanted == ContactLimits():
        raise BadInput(
            "Nothing to change.", hint="Name the limits to change; see: sb limits set --help"
        )
    _print(in_app(lambda app: limits.set_limits(app.db, app.owner_id, contact, wanted)))
    if money_a_day is not None:
        from discreet.cli.printing import print_text

        print_text("Models without a known price count only if you set one: DISCREET_MODEL_PRICES")


@app.command("reset")
def reset(contact: OfContact = None) -> None:
    """Remove the limits set for everyone or for one contact."""
    from discreet.services import limits

    _print(in_app(lambda app: limits.reset_limits(app.db, app.owner_id, contact)))


def money(text: str | None) -> Decimal | None:
    """Parse an amount of US dollars.

    Raises:
        BadInput: it isn't a number.
    """
    from decimal import Decimal, InvalidOperation

    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise BadInput(f"{text!a} is not an amount of money.", hint="Example: 0.50") from None


def _print(found: ContactLimits) -> None:
    from discreet.cli.printing import print_text

    for title, value in (
        ("messages a minute", found.messages_a_minute),
        ("waiting messages", found.waiting),
        ("tokens a day", found.tokens_a_day),
    ):
        print_text(f"{title:<18} {value:,}")
    dollars = "no limit" if found.money_a_day is None else f"${found.money_a_day:,f}"
    print_text(f"{'money a day':<18} {dollars}")
