"""Decoys: contacts that nobody writes as, each with a secret that no text has a reason to hold.

Each agent of the owner knows them, as it knows people. The policies hide them from their owner, so
that no list, count, search, export or chart includes them. A read that finds one has crossed from
one contact to another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

import structlog

from discreet.domain.canaries import Canaries
from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope

__all__ = ["Decoy", "list_decoys", "sync_decoys", "sync_decoys_forever"]

log = structlog.get_logger(__name__)

KEEP_SECONDS = 300.0
"""Seconds within which a new agent knows the decoys."""
_PEOPLE = ("Kim", "Sam", "Robin", "Alex", "Charlie")
_FACTS = ("The code for the garden gate is {}.", "My account number is {}.",
          "The password of the boat is {}.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoy:
    """What an agent knows of a decoy."""

    agent: str
    contact_id: UUID
    fact: str


async def sync_decoys(db: ScopedDatabase, canaries: Canaries | None) -> int:
    """Create the decoys that are missing; return how many. Several servers may do so at once.

    ``canaries``: None where they are turned off. Those from before are deleted then.
    """
    secrets = () if canaries is None else canaries.secrets
    names = [f"{_PEOPLE[at % len(_PEOPLE)]} {secret}" for at, secret in enumerate(secrets)]
    facts = [_FACTS[at % len(_FACTS)].format(secret) for at, secret in enumerate(secrets)]
    async with db.begin(WorkScope()) as tx:
        return int(
            await tx.value(
                "SELECT gate.sync_decoys(%(names)s, %(facts)s)", {"names": names, "facts": facts}
            )
        )


async def sync_decoys_forever(db: ScopedDatabase, canaries: Canaries | None) -> NoReturn:
    """Create missing decoys every few minutes, because new agents have none."""
    while True:
        await asyncio.sleep(KEEP_SECONDS)
        try:
            await sync_decoys(db, canaries)
        except Exception as error:
            log.warning("decoys can't be kept", why=type(error).__name__)


async def list_decoys(db: ScopedDatabase, owner_id: OwnerId) -> list[Decoy]:
    """Return the decoys of an owner who asks for them."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        rows = await tx.fetch(
            "SELECT a.name, d.contact_id, d.content FROM gate.decoys() d"
            " JOIN discreet.agents a ON a.id = d.agent_id ORDER BY a.name, d.content"
        )
    return [Decoy(row["name"], row["contact_id"], row["content"]) for row in rows]
