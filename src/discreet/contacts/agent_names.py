"""Resolve what the owner types to an agent's name: any case, or one of its words, if one fits."""

from __future__ import annotations

from discreet.contacts.names import folded
from discreet.domain.errors import BadInput, NotFound
from discreet.scope import Transaction

__all__ = ["agent_meant", "full_name"]

_MAX_LISTED = 20


async def full_name(tx: Transaction, typed: str) -> str:
    """Return the name of the agent that the owner means.

    Raises:
        NotFound: no agent is called like this; the message lists the agents.
        BadInput: several are.
    """
    rows = await tx.fetch_tuples("SELECT name FROM discreet.agents ORDER BY created_at, id")
    return agent_meant([row[0] for row in rows], typed)


def agent_meant(names: list[str], typed: str) -> str:
    """Return the one name that is meant: as typed, in another case, or with these words in it.

    Raises:
        NotFound, BadInput: as for ``full_name``.
    """
    if typed in names:
        return typed
    wanted = folded(typed)
    found = [name for name in names if folded(name) == wanted] or [
        name for name in names if wanted and set(wanted.split()) <= set(folded(name).split())
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(repr(name) for name in (found or names)[:_MAX_LISTED]) or "none"
    if found:
        raise BadInput(f"Several agents are called {typed!r}.", hint=f"Write one of: {listed}.")
    raise NotFound(f"There is no agent named {typed[:100]!r}.", hint=f"Agents: {listed}.")
