"""What has become of a message: its answer, or what is written of it so far."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.domain.errors import NotFound
from discreet.domain.ids import MessageId
from discreet.scope import Rows


@dataclass(frozen=True, slots=True)
class Reply:
    """``answer`` once it is delivered, ``draft`` before; ``failed``: the answer is an excuse."""

    answer: str | None
    draft: str | None
    failed: bool


async def reply_to(rows: Rows, message_id: MessageId) -> Reply:
    """The reply to an inbound message.

    Raises:
        NotFound: the scope has no such message.
    """
    row = await rows.fetch_one(
        "SELECT m.state = 'failed' AS failed, d.text AS draft,"
        "  (SELECT a.text FROM discreet.messages a"
        "     JOIN discreet.outbox o ON o.message_id = a.id AND o.state = 'sent'"
        "    WHERE a.turn_id = m.turn_id AND a.direction = 'out'"
        "      AND m.state IN ('answered', 'failed')"
        "    ORDER BY a.position DESC LIMIT 1) AS answer"
        " FROM discreet.messages m LEFT JOIN discreet.drafts d ON d.turn_id = m.turn_id"
        " WHERE m.id = %(message)s",
        {"message": message_id},
    )
    if row is None:
        raise NotFound("There is no such message.")
    return Reply(**row)
