"""Store a platform's receipts for answers."""

from __future__ import annotations

from psycopg import Error

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.domain.platform import Receipt
from discreet.scope import IntakeScope, ScopedDatabase

MAX_WHY = 500
"""Maximum characters kept of the reason."""


async def record_receipt(db: ScopedDatabase, owner_id: OwnerId, receipt: Receipt) -> bool:
    """Store a receipt with its answer; return whether there is such an answer on this channel.

    Platforms also report on messages that others send through the same account; these are ignored.

    Raises:
        Unavailable: the database can't be reached; the platform must report it again.
    """
    try:
        row = await db.call(
            IntakeScope(owner_id),
            "SELECT gate.record_receipt(%(ticket)s, %(channel)s, %(chats)s, %(message)s, %(stage)s,"
            " %(at)s, %(why)s) AS known",
            {
                "channel": receipt.channel_id,
                "chats": list(receipt.chats),
                "message": receipt.platform_message_id,
                "stage": receipt.stage,
                "at": receipt.at,
                "why": receipt.why[:MAX_WHY],
            },
        )
    except Error as error:
        raise Unavailable("The receipt could not be stored.", hint="Deliver it again.") from error
    return bool(row and row["known"])
