"""Whose a row is, for an owner's session, where rows of every contact come together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from discreet.contacts.store import get_contact
from discreet.domain.ids import ContactId
from discreet.scope import OwnerScope, Transaction
from discreet.turn.context import Speaker

EVERYBODY = Speaker(name="all who share this agent", address="shared")


@dataclass(frozen=True, slots=True)
class Whose:
    """The contacts that rows belong to, by id; empty outside of an owner's session."""

    of_owner: bool
    speakers: Mapping[ContactId, Speaker]

    def of(self, contact_id: ContactId | None, *, shared: bool) -> Speaker | None:
        """Whom to name beside a row; None: it is this scope's own.

        A contact that nobody can name any more is still not the owner, and neither are those who
        share an agent.
        """
        if not self.of_owner:
            return None
        if contact_id is None:
            return EVERYBODY if shared else None
        return self.speakers.get(contact_id, Speaker(address=f"contact:{contact_id}"))


async def whose_rows(tx: Transaction, contact_ids: Iterable[ContactId | None]) -> Whose:
    """Names for the contacts among ``contact_ids``. Every other scope sees only its own rows."""
    if not isinstance(tx.scope, OwnerScope):
        return Whose(False, {})
    speakers: dict[ContactId, Speaker] = {}
    for contact_id in {found for found in contact_ids if found is not None}:
        contact = await get_contact(tx, contact_id)
        if contact is not None:
            address = contact.addresses[0] if contact.addresses else f"contact:{contact.id}"
            speakers[contact_id] = Speaker(contact.name, address)
    return Whose(True, speakers)
