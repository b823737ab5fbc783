"""Move groups whose chat gets a new id."""

from __future__ import annotations

from psycopg import Error

from discreet.domain.addresses import Address
from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.scope import IntakeScope, ScopedDatabase


async def move_group(db: ScopedDatabase, owner_id: OwnerId, old: Address, new: Address) -> bool:
    """Move a group to its new id on the platform; it stays the same contact.

    If the new id was taken for another group before, it leads to the old one from now on, and
    messages received meanwhile stay where they are. Return whether anything changed: not if the
    group isn't known or was already moved, or the new id is a person's.

    Raises:
        BadInput: an id that no platform uses.
        Unavailable: the database can't be reached; the platform must report it again.
    """
    old, new = Address.parse(str(old)), Address.parse(str(new))
    try:
        row = await db.call(
            IntakeScope(owner_id),
            "SELECT gate.move_group(%(ticket)s, %(platform)s, %(old)s, %(new)s) AS moved",
            {"platform": old.platform, "old": old.platform_id, "new": new.platform_id},
        )
    except Error as error:
        raise Unavailable("The group could not be moved.", hint="Deliver it again.") from error
    return bool(row and row["moved"])
