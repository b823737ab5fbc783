"""Usage of turns in tokens and money: by day, agent, contact and model."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from discreet.contacts.labels import CONTACT_LABEL, party_label
from discreet.domain.ids import OwnerId
from discreet.schemas.limits import NearLimit
from discreet.schemas.operations import Usage, UsageBy, UsageLine
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.budgets import budgets_today

__all__ = ["NearLimit", "UsageBy", "UsageLine", "get_usage", "near_budgets", "near_limits"]

MAX_LINES = 1_000
WARN_AT = Decimal("0.8")
"""The share of a limit at which the owner is warned."""
_MAX_SHOWN = 20

_SUMS = """
    count(*) AS turns,
    coalesce(sum((t.usage->>'requests')::bigint), 0)::bigint AS requests,
    coalesce(sum((t.usage->>'input_tokens')::bigint), 0)::bigint AS input_tokens,
    coalesce(sum((t.usage->>'output_tokens')::bigint), 0)::bigint AS output_tokens,
    coalesce(sum((t.usage->>'cached_tokens')::bigint), 0)::bigint AS cached_tokens,
    coalesce(sum((t.usage->>'estimated_tokens')::bigint), 0)::bigint AS estimated_tokens,
    coalesce(sum((t.usage->>'unpriced_tokens')::bigint), 0)::bigint AS unpriced_tokens,
    coalesce(sum((t.usage->>'cost')::numeric), 0) AS cost
"""
_DAY = "(t.started_at AT TIME ZONE 'UTC')::date"
_LABEL = CONTACT_LABEL.format(row="t")
_GROUPS: dict[UsageBy, tuple[str, str]] = {
    "day": (f"{_DAY}::text AS name, false AS shared", _DAY),
    "agent": ("a.name AS name, false AS shared", "a.id, a.name"),
    "contact": (f"{_LABEL} AS name, t.shared", "t.owner_id, t.contact_id, t.shared"),
    "model": ("coalesce(t.model, '-') AS name, false AS shared", "coalesce(t.model, '-')"),
}

# Thousands of contacts may have written today, and looking up the limits of one takes as long as
# adding up its turns. The lowest limit of anybody rules nearly all of them out.
_NEAR_THE_LOWEST = """
    coalesce(sum((t.usage->>'input_tokens')::bigint + (t.usage->>'output_tokens')::bigint), 0)
      >= %(warn)s * (SELECT least(min(l.tokens_a_day), min(usual.tokens_a_day))
                       FROM gate.show_limits(NULL) usual LEFT JOIN discreet.limits l ON true)
    OR coalesce(sum((t.usage->>'cost')::numeric), 0)
      >= %(warn)s * (SELECT least(min(l.money_a_day), min(usual.money_a_day))
                       FROM gate.show_limits(NULL) usual LEFT JOIN discreet.limits l ON true)
"""


async def get_usage(db: ScopedDatabase, owner_id: OwnerId, by: UsageBy, days: int) -> Usage:
    """Return the usage of the last ``days`` days (UTC, including today), grouped by ``by``.

    Days are in order and without gaps; everything else is sorted by cost.
    """
    columns, groups = _GROUPS[by]
    async with db.begin(OwnerScope(owner_id)) as tx:
        today: date = await tx.value("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
        found = await tx.fetch(
            f"""SELECT {columns}, {_SUMS}
                  FROM discreet.turns t JOIN discreet.agents a ON a.id = t.agent_id
                 WHERE t.started_at >= (%(first)s::date::timestamp AT TIME ZONE 'UTC')
                   AND t.usage IS NOT NULL
                 GROUP BY {groups}
                 ORDER BY cost DESC, input_tokens DESC, name LIMIT %(limit)s""",
            {"first": today - timedelta(days=days - 1), "limit": MAX_LINES},
        )
    lines = [_line(dict(row), by) for row in found]
    items = _every_day(lines, today, days) if by == "day" else lines
    return Usage(by=by, days=days, items=items)


async def near_limits(tx: Transaction) -> tuple[NearLimit, ...]:
    """Return contacts that have used four fifths of a daily limit, and budgets nearly used up.

    Contacts that have reached the limit are not included; budgets are.
    """
    found = await tx.fetch(
        f"""SELECT a.name AS agent, {_LABEL} AS label, t.contact_id, of_it.kind,
                   of_it.share::float AS share
              FROM (SELECT t.agent_id, t.owner_id, t.contact_id, t.shared,
                           coalesce(sum((t.usage->>'input_tokens')::bigint
                                        + (t.usage->>'output_tokens')::bigint), 0) AS tokens,
                           coalesce(sum((t.usage->>'cost')::numeric), 0) AS money
                      FROM discreet.turns t
                     WHERE t.started_at >= date_trunc('day', statement_timestamp(), 'UTC')
                       AND t.contact_id IS NOT NULL
                     GROUP BY t.agent_id, t.owner_id, t.contact_id, t.shared
                    HAVING {_NEAR_THE_LOWEST}) t
              JOIN discreet.agents a ON a.id = t.agent_id
             CROSS JOIN LATERAL gate.show_limits(t.contact_id) l
             CROSS JOIN LATERAL (VALUES
               ('tokens_a_day', t.tokens / l.tokens_a_day),
               ('money_a_day', t.money / l.money_a_day)) of_it (kind, share)
             WHERE of_it.share >= %(warn)s AND of_it.share < 1
             ORDER BY of_it.share DESC LIMIT %(limit)s""",
        {"warn": WARN_AT, "limit": _MAX_SHOWN},
    )
    return await near_budgets(tx) + tuple(
        NearLimit(
            agent=row["agent"],
            whose=party_label(row["label"], shared=False),
            kind=row["kind"],
            contact_id=row["contact_id"],
            share=row["share"],
        )
        for row in found
    )


async def near_budgets(tx: Transaction) -> tuple[NearLimit, ...]:
    """Return the budgets of which at least four fifths are used."""
    near = []
    for budget in await budgets_today(tx):
        shares: dict[Literal["tokens_a_day", "money_a_day"], Decimal | None] = {
            "tokens_a_day": _share(budget.tokens, budget.tokens_a_day),
            "money_a_day": _share(budget.money, budget.money_a_day),
        }
        near += [
            NearLimit(
                agent=budget.agent or "all agents",
                whose="Everyone together",
                contact_id=None,
                kind=kind,
                share=float(share),
            )
            for kind, share in shares.items()
            if share is not None and share >= WARN_AT
        ]
    return tuple(near)


def _share(used: int | Decimal, most: int | Decimal | None) -> Decimal | None:
    return None if most is None else Decimal(used) / Decimal(most)


def _line(row: dict[str, object], by: UsageBy) -> UsageLine:
    name, shared = row.pop("name"), bool(row.pop("shared"))
    if by == "contact":
        name = party_label(None if name is None else str(name), shared=shared)
    return UsageLine(name=str(name), **row)  # type: ignore[arg-type]


def _every_day(lines: list[UsageLine], today: date, days: int) -> list[UsageLine]:
    found = {line.name: line for line in lines}
    names = [str(today - timedelta(days=back)) for back in range(days - 1, -1, -1)]
    return [found.get(name) or _unused(name) for name in names]


def _unused(name: str) -> UsageLine:
    counts = {one: 0 for one in UsageLine.model_fields if one not in ("name", "cost")}
    return UsageLine(name=name, cost=Decimal(0), **counts)
