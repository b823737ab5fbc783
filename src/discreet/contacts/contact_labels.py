"""The labels of contacts. Only the owner's scope may read or change them."""

from __future__ import annotations

from collections.abc import Set

from discreet.domain.ids import ContactId
from discreet.scope import Transaction

# A label that is taken from a person goes from the contacts that were merged into it too: otherwise
# undoing the link would give it back.
_REMOVE = """
    WITH RECURSIVE of_it AS (
      SELECT %(contact)s::uuid AS id
      UNION ALL
      SELECT c.id FROM discreet.contacts c JOIN of_it o ON c.merged_into = o.id)
    DELETE FROM discreet.contact_labels l
     WHERE l.contact_id IN (SELECT o.id FROM of_it o) AND l.label = ANY(%(labels)s)
"""


async def change_labels(
    tx: Transaction, contact_id: ContactId, *, add: Set[str], remove: Set[str]
) -> None:
    """Give a contact labels and take others away."""
    if remove:
        await tx.execute(_REMOVE, {"contact": contact_id, "labels": sorted(remove)})
    if add:
        await tx.execute(
            "INSERT INTO discreet.contact_labels (contact_id, label)"
            " SELECT %(contact)s, l.label FROM unnest(%(labels)s::text[]) AS l (label)"
            " ON CONFLICT DO NOTHING",
            {"contact": contact_id, "labels": sorted(add)},
        )
    # The row's last change is its version.
    await tx.execute(
        "UPDATE discreet.contacts SET note = note WHERE id = %(contact)s", {"contact": contact_id}
    )
