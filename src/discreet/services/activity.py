"""Activity per day over the last days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase


@dataclass(frozen=True, slots=True)
class DayActivity:
    """One day (UTC).

    ``cost`` is in US dollars, ``tokens`` are in and out; ``seconds``: median duration of a turn, or
    None.
    """

    day: date
    messages: int
    answers: int
    tokens: int
    cost: float
    seconds: float | None


async def activity_of_days(db: ScopedDatabase, owner_id: OwnerId, days: int) -> list[DayActivity]:
    """Return messages, answers, tokens, cost and durations of the last days, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            """WITH days AS (
                 SELECT (timezone('UTC', clock_timestamp())::date - n) AS day
                   FROM generate_series(0, %(days)s - 1) n),
               said AS (
                 SELECT timezone('UTC', m.created_at)::date AS day,
                        count(*) FILTER (WHERE m.direction = 'in') AS messages,
                        count(*) FILTER (WHERE m.direction = 'out') AS answers
                   FROM discreet.messages m
                  WHERE m.created_at > statement_timestamp() - %(days)s * interval '1 day'
                  GROUP BY 1),
               done AS (
                 SELECT timezone('UTC', started_at)::date AS day,
                        sum(coalesce((usage->>'cost')::numeric, 0)) AS cost,
                        sum(coalesce((usage->>'input_tokens')::bigint, 0)
                            + coalesce((usage->>'output_tokens')::bigint, 0)) AS tokens,
                        percentile_cont(0.5) WITHIN GROUP (
                          ORDER BY extract(epoch FROM finished_at - started_at)) AS seconds
                   FROM discreet.turns
                  WHERE started_at > statement_timestamp() - %(days)s * interval '1 day'
                  GROUP BY 1)
               SELECT d.day, coalesce(s.messages, 0) AS messages,
                      coalesce(s.answers, 0) AS answers, coalesce(t.tokens, 0)::bigint AS tokens,
                      coalesce(t.cost, 0)::float8 AS cost, t.seconds::float8 AS seconds
                 FROM days d LEFT JOIN said s USING (day) LEFT JOIN done t USING (day)
                ORDER BY d.day""",
            {"days": days},
        )
    return [DayActivity(**row) for row in found]
