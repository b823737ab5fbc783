"""Labels for the contacts that rows belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from discreet.domain.ids import ContactId
from discreet.scope import Transaction

# For joining to a row that has a contact_id: the contact's name, else its first address, else its
# id. Null if the row is the owner's (or everyone's, with an agent that shares its memory).
CONTACT_LABEL = """
    CASE WHEN {row}.contact_id IS NOT NULL THEN coalesce(
      (SELECT nullif(c.name, '') FROM discreet.contacts c WHERE c.id = {row}.contact_id),
      (SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
        WHERE a.contact_id = {row}.contact_id
        ORDER BY a.created_at, a.platform, a.platform_id LIMIT 1),
      {row}.contact_id::text) END
"""


@dataclass(frozen=True, slots=True)
class Names:
    """The name a contact gives itself, and its first address; empty if it has none."""

    name: str
    address: str


async def names_of(
    tx: Transaction, contact_ids: Iterable[ContactId | None]
) -> Mapping[ContactId, Names]:
    """Return the names of these contacts, as far as the scope can see them."""
    wanted = {contact_id for contact_id in contact_ids if contact_id is not None}
    if not wanted:
        return {}
    found = await tx.fetch(
        """SELECT c.id, c.name, coalesce(
                    (SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
                      WHERE a.contact_id = c.id
                      ORDER BY a.created_at, a.platform, a.platform_id LIMIT 1), '') AS address
             FROM discreet.contacts c WHERE c.id = ANY(%(ids)s)""",
        {"ids": list(wanted)},
    )
    return {row["id"]: Names(row["name"], row["address"]) for row in found}


def party_label(contact_label: str | None, *, shared: bool) -> str:
    """Return the contact's label, or ``owner``, or ``shared`` if it belongs to everyone."""
    if contact_label is not None:
        return contact_label
    return "shared" if shared else "owner"
