"""``sb usage``: show what turns used, in tokens and money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from discreet.cli.options import AsJson
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.operations import UsageLine

BARS = "▁▂▃▄▅▆▇█"


def usage(
    by: Annotated[
        Literal["day", "agent", "contact", "model"],
        typer.Option("--by", help="What to group by."),
    ] = "day",
    days: Annotated[
        int,
        typer.Option(
            "--days", metavar="N", min=1, max=366, help="Number of UTC days, including today."
        ),
    ] = 14,
    as_json: AsJson = False,
) -> None:
    """Show what answers cost, in tokens and US dollars."""
    from discreet.cli.printing import Column, print_list, print_text
    from discreet.services.usage import get_usage

    async def work(app: App) -> tuple[list[UsageLine], list[UsageLine]]:
        lines = (await get_usage(app.db, app.owner_id, by, days)).items
        if by == "day":
            return lines, lines
        return lines, (await get_usage(app.db, app.owner_id, "day", days)).items

    lines, daily = in_app(work)
    columns: list[Column[UsageLine]] = [
        Column(by.upper(), lambda item: item.name),
        Column("TURNS", lambda item: f"{item.turns:,}"),
        Column("IN", lambda item: f"{item.input_tokens:,}"),
        Column("CACHED", lambda item: f"{item.cached_tokens:,}"),
        Column("OUT", lambda item: f"{item.output_tokens:,}"),
        Column("COST", money_of),
    ]
    print_list(lines, columns, _record, as_json=as_json, empty="No usage.")
    if not as_json and lines:
        print_text(f"\n{sparkline([_weight(item) for item in daily])}  {_total(daily)}")


def money_of(item: UsageLine) -> str:
    """Return the cost, or that it is unknown."""
    if not item.cost and item.unpriced_tokens:
        return "price unknown"
    return f"${item.cost:,.4f}" + (" + unknown" if item.unpriced_tokens else "")


def sparkline(values: Sequence[Decimal]) -> str:
    """Return one bar per value, scaled to the largest."""
    top = max(values, default=Decimal(0))
    if not top:
        return BARS[0] * len(values)
    return "".join(BARS[int(value * (len(BARS) - 1) / top)] for value in values)


def _weight(item: UsageLine) -> Decimal:
    return item.cost or Decimal(item.input_tokens + item.output_tokens) / 1_000_000


def _total(daily: Sequence[UsageLine]) -> str:
    from discreet.domain.amounts import counted

    tokens = sum(item.input_tokens + item.output_tokens for item in daily)
    cost = sum((item.cost for item in daily), Decimal(0))
    unknown = sum(item.unpriced_tokens for item in daily)
    text = f"${cost:,.4f} for {tokens:,} tokens in {counted(len(daily), 'day')}"
    return f"{text}; {unknown:,} of them have no known price (docs/models.md)" if unknown else text


def _record(item: UsageLine) -> Mapping[str, Any]:
    return item.model_dump(mode="json")
