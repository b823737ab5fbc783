"""Check that a caller who waits for an answer may still have it."""

from __future__ import annotations

from discreet.auth.tokens import authenticate
from discreet.domain.errors import Forbidden
from discreet.domain.ids import ContactId, MessageId
from discreet.scope import OwnerScope, ScopedDatabase

# As it was said: its contact was not erased, not merged into another, and may still write.
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
    """Check that a token still opens something, and that the contact which a message was stored
    for, and whoever said it, are still there and not blocked.

    Raises:
        Unauthorized: the token was revoked, has expired, or is of somebody who is gone.
        Forbidden: the contact was blocked, erased, or merged into another.
        Unavailable: the database can't be reached.
    """
    bearer = await authenticate(db, token)
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        stands = await tx.value(STANDS, {"message": message_id, "contact": contact_id})
    if not stands:
        raise Forbidden("This contact has been blocked, erased or merged in the meantime.")
