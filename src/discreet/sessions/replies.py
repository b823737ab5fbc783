"""The state of a message: its answer, or the part written so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from discreet.domain.errors import NotFound
from discreet.domain.ids import MessageId, SessionId
from discreet.domain.outbound import OFFLINE, WITH_MARKS
from discreet.scope import Transaction

# Each case has a query of its own. With CASE in one query, no index can be used: PostgreSQL would
# read every message and turn of the scope.
REPLY: LiteralString = """
SELECT m.session_id, m.state = 'context' AS dropped,
       m.state = 'failed' OR (m.state = 'waiting' AND a.text IS NOT NULL) AS failed,
       d.text AS draft, a.text AS answer, coalesce(a.sent, false) AS sent,
       coalesce(a.command <> ALL (%(marked)s), a.in_person)
         OR a.command IS NULL
           AND (taken.model = %(offline)s) IS NOT FALSE AS plain,
       CASE WHEN m.state = 'waiting' AND m.attempts > 0 THEN
         'attempt ' || last_failed.attempt || ': ' || last_failed.error END AS last_error,
       -- Only its kind: the rest is for the owner.
       split_part(CASE WHEN m.state = 'waiting' THEN last_failed.error ELSE taken.error END, ':', 1)
         AS error_kind,
       m.state = 'waiting' AS retrying
  FROM discreet.messages m
  LEFT JOIN discreet.turns taken ON taken.id = m.turn_id
  LEFT JOIN discreet.drafts d ON d.turn_id = m.turn_id
  LEFT JOIN LATERAL (
    SELECT t.attempt, t.error FROM discreet.turns t
     WHERE m.state = 'waiting' AND t.session_id = m.session_id AND t.state = 'failed'
     ORDER BY t.started_at DESC LIMIT 1) last_failed ON true
  LEFT JOIN LATERAL (
    SELECT a.text, a.command, a.in_person, o.state = 'sent' AS sent
      FROM (SELECT said.id, said.text, said.command, said.in_person, said.position
              FROM discreet.messages said
             WHERE m.state IN ('answered', 'failed') AND said.turn_id = m.turn_id
               AND said.direction = 'out'
            UNION ALL
            -- The notice that its sender got while it waits for something that is missing.
            SELECT said.id, said.text, said.command, said.in_person, said.position
              FROM discreet.turns t JOIN discreet.messages said ON said.turn_id = t.id
             WHERE m.state = 'waiting' AND t.session_id = m.session_id AND t.state = 'failed'
               AND said.direction = 'out' AND said.created_at > m.created_at) a
      JOIN discreet.outbox o ON o.message_id = a.id
     ORDER BY a.position DESC LIMIT 1) a ON true
 WHERE m.id = %(message)s
"""
_REPLY = {"offline": OFFLINE, "marked": list(WITH_MARKS)}


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
    row = await tx.fetch_one(REPLY, {**_REPLY, "message": message_id})
    if row is None:
        raise NotFound("There is no such message.")
    return MessageReply(**row)
