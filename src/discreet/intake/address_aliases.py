"""Link several ids of one person that a platform reports in one message."""

from __future__ import annotations

from psycopg import Error

from discreet.domain.addresses import Address
from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.domain.inbound import AddressSender, Inbound
from discreet.scope import IntakeScope, ScopedDatabase

LINK_ALIAS = "SELECT gate.link_alias(%(ticket)s, %(platform)s, %(main)s, %(other)s) AS new"


async def link_aliases(db: ScopedDatabase, owner_id: OwnerId, inbound: Inbound) -> None:
    """Make the ids in this message addresses of one contact if only one is known. Idempotent.

    Raises:
        BadInput: an id that no platform uses.
        Unavailable: the database can't be reached.
    """
    sender = inbound.sender
    if not isinstance(sender, AddressSender):
        return
    for each in sender.also:
        main, other = Address.parse(str(sender.address)), Address.parse(str(each))
        if main.platform != other.platform:
            continue
        values = {"platform": main.platform, "main": main.platform_id, "other": other.platform_id}
        try:
            await db.call(IntakeScope(owner_id), LINK_ALIAS, values)
        except Error as error:
            raise Unavailable("The sender could not be looked up.", hint="Try again.") from error
