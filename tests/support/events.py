"""Events of a test, of which the transactions of other tests don't keep any back."""

from __future__ import annotations

from discreet.domain.ids import OwnerId
from discreet.scope import OwnerScope, ScopedDatabase
from tests.support.waiting import until


async def settle(db: ScopedDatabase, owner_id: OwnerId) -> None:
    """Wait until every event so far may be told: no older transaction of the server runs."""

    async def settled() -> bool:
        async with db.begin(OwnerScope(owner_id)) as tx:
            return not await tx.value(
                "SELECT EXISTS (SELECT FROM discreet.events"
                " WHERE tx >= pg_snapshot_xmin(pg_current_snapshot()))"
            )

    await until(settled, "no older transaction")
