"""Store a platform's receipts for answers."""

from __future__ import annotations

from psycopg import Error

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.domain.platform import Receipt
from discreet.scope import IntakeScope, ScopedDatabase

MAX_WHY = 500
"""Characters of the reason that are kept."""


async def note_receipt(db: ScopedDatabase, owner_id: OwnerId, receipt: Receipt) -> bool:
    """Keep it with the answer. Whether there is such an answer on this channel: what others send
    through the same account is told about too, and is nothing to us.

    Raises:
        Unavailable: the database can't be reached; the platform must say it again.
    """
    try:
        row = await db.call(
            IntakeScope(owner_id),
            "SELECT gate.note_receipt(%(ticket)s, %(channel)s, %(chats)s, %(message)s, %(stage)s,"
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
        raise Unavailable("The receipt could not be stored.", hint="Say it again.") from error
    return bool(row and row["known"])
