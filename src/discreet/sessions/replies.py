"""The state of a message: its answer, or the part written so far."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.domain.errors import NotFound
from discreet.domain.ids import MessageId, SessionId
from discreet.domain.outbound import OFFLINE, WITH_MARKS
from discreet.scope import Transaction


@dataclass(frozen=True, slots=True)
class MessageReply:
    """The reply to a message so far.

    Attributes:
        answer: The answer, once it is saved; ``draft`` is set before that.
        failed: The answer is an apology, even if the message still waits for something missing.
        sent: It has also been delivered. At a terminal this only means that the work is done.
        plain: The answer is plain text, not a model's CommonMark.
        last_error: Why the last attempt failed, while the message waits for the next.
        dropped: The message won't be answered (``/stop``).
    """

    session_id: SessionId
    answer: str | None
    plain: bool
    sent: bool
    draft: str | None
    failed: bool
    last_error: str | None
    error_kind: str | None
    retrying: bool
    dropped: bool


async def reply_to(tx: Transaction, message_id: MessageId) -> MessageReply:
    """Return the reply to an inbound message.

    Raises:
        NotFound: the scope has no such message.
    """
    row = await tx.fetch_one(
        "SELECT m.session_id, m.state = 'context' AS dropped,"
        "  m.state = 'failed' OR (m.state = 'waiting' AND a.text IS NOT NULL) AS failed,"
        "  d.text AS draft,"
        "  a.text AS answer, coalesce(a.sent, false) AS sent,"
        "  coalesce(a.command <> ALL (%(marked)s), a.in_person)"
        "    OR a.command IS NULL"
        "      AND (SELECT t.model = %(offline)s FROM discreet.turns t WHERE t.id = m.turn_id)"
        "    IS NOT FALSE AS plain,"
        "  CASE WHEN m.state = 'waiting' AND m.attempts > 0 THEN"
        "    (SELECT 'attempt ' || t.attempt || ': ' || t.error FROM discreet.turns t"
        "      WHERE t.session_id = m.session_id AND t.state = 'failed'"
        "      ORDER BY t.started_at DESC LIMIT 1) END AS last_error,"
        # Only its kind: the rest is for the owner.
        "  split_part((SELECT t.error FROM discreet.turns t"
        "     WHERE CASE WHEN m.state = 'waiting' THEN t.session_id = m.session_id"
        "                                         AND t.state = 'failed'"
        "                ELSE t.id = m.turn_id END"
        "     ORDER BY t.started_at DESC LIMIT 1), ':', 1) AS error_kind,"
        "  m.state = 'waiting' AS retrying"
        " FROM discreet.messages m LEFT JOIN discreet.drafts d ON d.turn_id = m.turn_id"
        " LEFT JOIN LATERAL ("
        "   SELECT a.text, a.command, a.in_person, o.state = 'sent' AS sent"
        "     FROM discreet.messages a"
        "     JOIN discreet.outbox o ON o.message_id = a.id"
        "    WHERE a.direction = 'out' AND CASE WHEN m.state = 'waiting'"
        # The notice that its sender got while it waits for something that is missing.
        "      THEN a.created_at > m.created_at AND a.turn_id IN ("
        "        SELECT t.id FROM discreet.turns t"
        "         WHERE t.session_id = m.session_id AND t.state = 'failed')"
        "      ELSE a.turn_id = m.turn_id AND m.state IN ('answered', 'failed') END"
        "    ORDER BY a.position DESC LIMIT 1) a ON true"
        " WHERE m.id = %(message)s",
        {"message": message_id, "offline": OFFLINE, "marked": list(WITH_MARKS)},
    )
    if row is None:
        raise NotFound("There is no such message.")
    return MessageReply(**row)
