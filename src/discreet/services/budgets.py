"""Daily budgets for all contacts together, of one agent or of all agents."""

from __future__ import annotations

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import OwnerId
from discreet.schemas.limits import BudgetToSet, UsageBudget
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.agents import get_agent

__all__ = ["budgets_today", "list_budgets", "remove_budget", "set_budget"]


async def list_budgets(db: ScopedDatabase, owner_id: OwnerId) -> tuple[UsageBudget, ...]:
    """Return all budgets with today's usage; the one for all agents comes first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await budgets_today(tx)


async def budgets_today(tx: Transaction) -> tuple[UsageBudget, ...]:
    """Return the same in an owner's transaction."""
    found = await tx.fetch(
        """SELECT a.name AS agent, b.tokens_a_day, b.money_a_day, b.tokens, b.money
             FROM gate.show_budgets() b LEFT JOIN discreet.agents a ON a.id = b.agent_id
            ORDER BY a.name NULLS FIRST"""
    )
    return tuple(UsageBudget(**row) for row in found)


async def set_budget(
    db: ScopedDatabase, owner_id: OwnerId, wanted: BudgetToSet
) -> tuple[UsageBudget, ...]:
    """Set a budget, replacing an existing one, from the next message on; return all budgets.

    Raises:
        NotFound: there is no such agent.
        BadInput: neither tokens nor money are limited.
    """
    if wanted.tokens_a_day is None and wanted.money_a_day is None:
        raise BadInput(
            "Nothing to limit.",
            hint="Give a number of tokens or an amount of money, or remove the budget.",
        )
    agent_id = await _agent_id(db, owner_id, wanted.agent)
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.execute(
            """INSERT INTO discreet.budgets (agent_id, tokens_a_day, money_a_day)
               VALUES (%(agent)s, %(tokens)s, %(money)s)
               ON CONFLICT (owner_id, agent_id) DO UPDATE SET
                 tokens_a_day = excluded.tokens_a_day, money_a_day = excluded.money_a_day""",
            {"agent": agent_id, "tokens": wanted.tokens_a_day, "money": wanted.money_a_day},
        )
        await _end_silence(tx)
        return await budgets_today(tx)


async def remove_budget(
    db: ScopedDatabase, owner_id: OwnerId, agent: str | None
) -> tuple[UsageBudget, ...]:
    """Remove the budget of an agent, or of all agents together; return the remaining ones.

    Raises:
        NotFound: there is no such agent, or it has no budget.
    """
    agent_id = await _agent_id(db, owner_id, agent)
    async with db.begin(OwnerScope(owner_id)) as tx:
        removed = await tx.fetch(
            "DELETE FROM discreet.budgets WHERE agent_id IS NOT DISTINCT FROM %(agent)s"
            " RETURNING 1",
            {"agent": agent_id},
        )
        if not removed:
            raise NotFound("There is no such budget.", hint="See: sb budgets list")
        await _end_silence(tx)
        return await budgets_today(tx)


async def _agent_id(db: ScopedDatabase, owner_id: OwnerId, agent: str | None) -> object:
    return None if agent is None else (await get_agent(db, owner_id, agent)).id


async def _end_silence(tx: Transaction) -> None:
    """Let the next message of everyone be checked again."""
    await tx.execute("DELETE FROM discreet.limit_hits WHERE kind = 'budget'")
