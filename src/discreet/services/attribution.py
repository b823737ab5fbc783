"""The contact that each row belongs to, for the owner's scope."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from discreet.contacts.labels import names_of
from discreet.domain.ids import ContactId
from discreet.schemas.attribution import OWNER, SHARED, Person
from discreet.scope import OwnerScope, Transaction

__all__ = ["Attribution", "attribution_of"]


@dataclass(frozen=True, slots=True)
class Attribution:
    """The contacts that rows belong to, by id. Empty outside the owner's scope."""

    of_owner: bool
    people: Mapping[ContactId, Person]

    def person_of(self, contact_id: ContactId | None, *, shared: bool) -> Person | None:
        """Return whom a row belongs to, or None outside the owner's scope (it is the scope's own).

        A contact without a name or address is still not the owner, and neither are the people who
        share an agent.
        """
        if not self.of_owner:
            return None
        if contact_id is None:
            return SHARED if shared else OWNER
        return self.people.get(contact_id, Person(address=f"contact:{contact_id}"))


async def attribution_of(tx: Transaction, contact_ids: Iterable[ContactId | None]) -> Attribution:
    """Look up the contacts among ``contact_ids``."""
    if not isinstance(tx.scope, OwnerScope):
        return Attribution(False, {})
    found = await names_of(tx, contact_ids)
    people = {
        contact_id: Person(name=one.name, address=one.address or f"contact:{contact_id}")
        for contact_id, one in found.items()
    }
    return Attribution(True, people)
