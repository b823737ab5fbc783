"""Message contacts before they write, where each wrote last.

Contacts who wrote STOP get none. Messages go through the outbox, like every answer.
"""

from __future__ import annotations

from discreet.contacts import get_entries
from discreet.contacts.lookup import find_entry
from discreet.domain.errors import BadInput, Conflict
from discreet.domain.ids import OwnerId
from discreet.domain.labels import label_of
from discreet.domain.text import checked_text
from discreet.schemas.owner_messages import ToldContact, ToldContacts
from discreet.scope import OwnerScope, ScopedDatabase, Transaction

__all__ = ["WHY_NOT", "ToldContact", "ToldContacts", "tell", "tell_labelled"]

MAX_TOLD = 1_000
WHY_NOT = {
    "stopped": "wrote STOP; until they write START, they get only answers",
    "blocked": "is blocked",
    "denied": "was denied",
    "nowhere": "has written nothing, or only on a closed channel",
    "window": "has not written for 24 hours, after which WhatsApp allows no message",
}


async def tell(db: ScopedDatabase, owner_id: OwnerId, who: str, text: str) -> ToldContact:
    """Send a message to one contact in the owner's name.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or the text is empty.
        Conflict: it can't be told now; the message says why.
    """
    text = checked_text(text)
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        why = await tx.value("SELECT gate.tell_contact(%s, %s)", (entry.contact.id, text))
    if why is not None:
        raise Conflict(
            f"{entry.contact.label} {WHY_NOT[why]}.", hint="They can still write and get answers."
        )
    return ToldContact(contact_id=entry.contact.id, name=entry.contact.label, outcome="sent")


async def tell_labelled(
    db: ScopedDatabase, owner_id: OwnerId, label: str, text: str, *, preview: bool
) -> ToldContacts:
    """Message every contact with a label, in one commit; or only return who would get it.

    Raises:
        BadInput: nobody has the label, too many have it, or the text is empty.
    """
    text, label = checked_text(text), label_of(label)
    async with db.begin(OwnerScope(owner_id)) as tx:
        # In the order of their ids, so that two of these don't wait for each other.
        found = await tx.fetch_tuples(
            "SELECT l.contact_id FROM discreet.contact_labels l"
            "  JOIN discreet.contacts c ON c.id = l.contact_id AND c.merged_into IS NULL"
            " WHERE l.label = %(label)s ORDER BY l.contact_id LIMIT %(limit)s",
            {"label": label, "limit": MAX_TOLD + 1},
        )
        if not found:
            raise BadInput(f"No contact has the label {label}.", hint="See: sb contacts list")
        if len(found) > MAX_TOLD:
            raise BadInput(
                f"More than {MAX_TOLD:,} contacts have the label {label}.",
                hint="Use labels with fewer contacts.",
            )
        items = [await _told(tx, row[0], text, preview=preview) for row in found]
    items.sort(key=lambda one: one.name.casefold())
    return ToldContacts(items=items, sent=sum(one.outcome == "sent" for one in items))


async def _told(tx: Transaction, contact_id: object, text: str, *, preview: bool) -> ToldContact:
    values = {"contact": contact_id, "text": text}
    if preview:
        why = await tx.value("SELECT gate.tell_contact_blocker(%(contact)s)", values)
    else:
        why = await tx.value("SELECT gate.tell_contact(%(contact)s, %(text)s)", values)
    [entry] = await get_entries(tx, [contact_id])  # type: ignore[list-item]
    return ToldContact(contact_id=entry.contact.id, name=entry.contact.label, outcome=why or "sent")
