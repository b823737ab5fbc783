"""Whose a row is, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from discreet.domain.ids import ContactId
from discreet.scope import Transaction

Labels = Mapping[ContactId | None, str]

# Joined to a row that has a contact_id: the contact's name, else its first address, else its id.
# Null where the row is the owner's (or, with an agent that shares its memory, everybody's).
CONTACT_LABEL = """
    CASE WHEN {row}.contact_id IS NOT NULL THEN coalesce(
      (SELECT nullif(c.name, '') FROM discreet.contacts c WHERE c.id = {row}.contact_id),
      (SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
        WHERE a.contact_id = {row}.contact_id
        ORDER BY a.created_at, a.platform, a.platform_id LIMIT 1),
      {row}.contact_id::text) END
"""


async def labels_of(tx: Transaction, contact_ids: Iterable[ContactId | None]) -> Labels:
    """A label for each of these contacts."""
    wanted = {contact_id for contact_id in contact_ids if contact_id is not None}
    found = await tx.fetch_tuples(
        f"SELECT m.contact_id, {CONTACT_LABEL.format(row='m')}"
        " FROM unnest(%(ids)s::uuid[]) AS m (contact_id)",
        {"ids": list(wanted)},
    )
    return dict(found)


def whose(contact_label: str | None, *, shared: bool) -> str:
    """The contact; or ``owner``; or ``shared``, everybody's who talks to the agent."""
    if contact_label is not None:
        return contact_label
    return "shared" if shared else "owner"
