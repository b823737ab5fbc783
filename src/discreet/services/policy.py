"""Write the policy of this installation to the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from psycopg.types.json import Jsonb

from discreet.domain.policy import Policy
from discreet.domain.sender_notices import sender_notices
from discreet.scope import ScopedDatabase, WorkScope

__all__ = ["OtherNumber", "other_numbers", "write_policy"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OtherNumber:
    """A number of the policy for which the database has another value than these settings.

    Attributes:
        name: The setting.
        here: Its value in these settings.
        held: The value in force for every server, or None if the database doesn't know it.
    """

    name: str
    here: int
    held: int | None

    def __str__(self) -> str:
        held = "no value" if self.held is None else f"{self.held:,}"
        return f"{self.name} is {self.here:,} in these settings and {held} in the database"


async def other_numbers(db: ScopedDatabase, policy: Policy) -> list[OtherNumber]:
    """Compare the policy of these settings with the one in force.

    They differ after a server with other settings was started, until one is started with these.

    Raises:
        Unavailable: the database can't be reached.
    """
    async with db.begin(WorkScope()) as tx:
        held: Mapping[str, int] = await tx.value("SELECT gate.current_policy()") or {}
    return [
        OtherNumber(name, value, held.get(name))
        for name, value in _numbers(policy).items()
        if held.get(name) != value
    ]


async def write_policy(db: ScopedDatabase, policy: Policy) -> None:
    """Write the numbers, and the texts that contain them, to the database.

    They apply to every server from the next message on. If servers have different settings, the
    last one started wins, and its log says what it replaced.

    Raises:
        Unavailable: the database can't be reached.
    """
    for other in await other_numbers(db, policy):
        log.warning("policy replaced", setting=other.name, before=other.held, now=other.here)
    async with db.begin(WorkScope()) as tx:
        await tx.execute(
            "SELECT gate.configure(%s, %s)",
            (Jsonb(_numbers(policy)), Jsonb(sender_notices(policy))),
        )


def _numbers(policy: Policy) -> dict[str, int]:
    return policy.model_dump(include=set(Policy.model_fields))
