"""Check that a caller waiting for an answer may still have it."""

from __future__ import annotations

from discreet.auth.tokens import authenticate
from discreet.domain.errors import Forbidden
from discreet.domain.ids import ContactId, MessageId
from discreet.scope import OwnerScope, ScopedDatabase

# Its contact is as it was: not erased, not merged into another, and not blocked.
STANDS = """
SELECT EXISTS (
  SELECT FROM discreet.messages m
   WHERE m.id = %(message)s AND m.contact_id IS NOT DISTINCT FROM %(contact)s
     AND NOT EXISTS (
       SELECT FROM unnest(ARRAY[m.contact_id, m.sender_contact_id]) AS of (id)
         LEFT JOIN discreet.contacts c ON c.id = of.id
        WHERE of.id IS NOT NULL
          AND (c.id IS NULL OR c.blocked_at IS NOT NULL OR c.merged_into IS NOT NULL)))
"""


async def check_access(
    db: ScopedDatabase, token: str, message_id: MessageId, contact_id: ContactId | None
) -> None:
    """Check that a token is valid and that the message's contact and sender may still write.

    Raises:
        Unauthorized: the token was revoked, has expired, or belongs to somebody who is gone.
        Forbidden: the contact was blocked, erased, or merged into another.
        Unavailable: the database can't be reached.
    """
    bearer = await authenticate(db, token)
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        stands = await tx.value(STANDS, {"message": message_id, "contact": contact_id})
    if not stands:
        raise Forbidden("This contact has been blocked, erased or merged in the meantime.")
