"""``sb budgets``: limit what everyone together may use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from discreet.cli.options import AsJson, checked
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from decimal import Decimal

    from discreet.schemas.limits import UsageBudget

app = typer.Typer(
    help="Limit what all contacts together may use in a day.",
    no_args_is_help=True,
)

OfAgent = Annotated[
    str | None,
    typer.Option("--agent", metavar="NAME", help="Only this agent. Default: all agents together."),
]


@app.command("list")
def list_budgets(as_json: AsJson = False) -> None:
    """List the budgets and today's usage."""
    from discreet.services import budgets

    found = in_app(lambda app: budgets.list_budgets(app.db, app.owner_id))
    _print(found, as_json=as_json)


@app.command("set")
def set_budget(
    agent: OfAgent = None,
    tokens_a_day: Annotated[
        int | None,
        typer.Option(
            "--tokens-a-day", metavar="N", min=1, help="Input and output tokens per UTC day."
        ),
    ] = None,
    money_a_day: Annotated[
        str | None,
        typer.Option("--money-a-day", metavar="USD", help="US dollars per UTC day, such as 5.00."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set a budget, replacing an existing one.

    When it is used up, contacts are told once, and no model is called for them until midnight UTC.
    You and the terminal are still answered.
    """
    from discreet.cli.limits import money
    from discreet.schemas.limits import BudgetToSet
    from discreet.services import budgets

    wanted = checked(
        BudgetToSet, agent=agent, tokens_a_day=tokens_a_day, money_a_day=money(money_a_day)
    )
    found = in_app(lambda app: budgets.set_budget(app.db, app.owner_id, wanted))
    _print(found, as_json=as_json)


@app.command("remove")
def remove(agent: OfAgent = None, as_json: AsJson = False) -> None:
    """Remove a budget."""
    from discreet.services import budgets

    found = in_app(lambda app: budgets.remove_budget(app.db, app.owner_id, agent))
    _print(found, as_json=as_json)


def _print(found: Sequence[UsageBudget], *, as_json: bool) -> None:
    from discreet.cli.printing import Column, print_list

    columns: list[Column[UsageBudget]] = [
        Column("AGENT", lambda one: one.agent or "(all)"),
        Column("TOKENS TODAY", lambda one: f"{one.tokens:,}"),
        Column("OF", lambda one: _or_dash(one.tokens_a_day, ",")),
        Column("MONEY TODAY", lambda one: f"${one.money:,.2f}"),
        Column("OF", lambda one: _or_dash(one.money_a_day, ",.2f", "$")),
    ]
    empty = "No budgets. Set one: sb budgets set --money-a-day 5"
    print_list(
        found, columns, lambda one: one.model_dump(mode="json"), as_json=as_json, empty=empty
    )


def _or_dash(number: int | Decimal | None, form: str, sign: str = "") -> str:
    return "-" if number is None else f"{sign}{number:{form}}"
