"""Decoys: contacts that nobody writes as, each with a secret that no text has a reason to hold.

They belong to an owner of their own, so that no list, count, search, export or chart of the owner's
has them. Whoever reads them has read past an owner.
"""

from __future__ import annotations

from collections.abc import Callable

from discreet.auth.scopes import bearer_of_owner, resolve_contact
from discreet.domain.addresses import Address
from discreet.domain.canaries import Canaries
from discreet.domain.errors import Conflict
from discreet.domain.ids import AgentId, OwnerId
from discreet.memory.embedding import Embedder
from discreet.schemas.memories import ListMemories, Remember
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, WorkScope
from discreet.services import memories
from discreet.services.agents import create_agent, list_agents
from discreet.services.context import in_scope

__all__ = ["keep_decoys"]

_FACTS = ("The code for the garden gate is {}.", "My account number is {}.",
          "The password of the boat is {}.")  # fmt: skip


async def keep_decoys(
    db: ScopedDatabase, canaries: Canaries, embedder: Callable[[], Embedder]
) -> None:
    """Create the decoys that are missing. Several servers may do so at the same time."""
    async with db.begin(WorkScope()) as tx:
        owner_id = OwnerId(await tx.value("SELECT gate.decoy_owner()"))
    agents = await list_agents(db, owner_id)
    if not agents:
        try:
            agents = [await create_agent(db, owner_id, "Ada")]
        except Conflict:
            agents = await list_agents(db, owner_id)
    agent_id = AgentId(agents[0].id)
    whole = in_scope(db, OwnerScope(owner_id), embedder, "cli")
    kept = await memories.list_memories(
        whole, ListMemories(limit=100, cursor=None, since=None, until=None)
    )
    known = {one.content for one in kept.items}
    for number, secret in enumerate(canaries.secrets):
        fact = _FACTS[number % len(_FACTS)].format(secret)
        if fact in known:
            continue
        address = Address("telegram", f"{int(secret.encode().hex(), 16) % 10**10:010d}")
        made = await resolve_contact(db, bearer_of_owner(owner_id), address, auto_create=True)
        scope = ContactScope(owner_id, agent_id, made.contact.id)
        own = in_scope(db, scope, embedder, "cli")
        memory = Remember(content=fact, salience="high", topic_key=None, replaces=None)
        await memories.remember(own, memory)
