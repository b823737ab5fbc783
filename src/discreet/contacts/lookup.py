"""Find a contact by id, address, name or alias."""

from __future__ import annotations

import re
from typing import assert_never
from uuid import UUID

from discreet.contacts.names import (
    AmbiguousName,
    FoundName,
    UnknownName,
    resolve_name,
    resolve_part_of_name,
)
from discreet.contacts.store import Entry, entry_at, get_entry
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import ContactId
from discreet.scope import Transaction


async def find_entry(tx: Transaction, who: str) -> Entry:
    """Find a contact by id, address ``platform:id``, name or alias.

    The first six or more characters of an id, or part of a name such as the first name, are enough
    if only one contact matches.

    Raises:
        NotFound: no such contact; similar names are suggested, never used.
        BadInput: several contacts have that name; the message lists their ids.
    """
    contact_id = _as_uuid(who)
    if contact_id is not None:
        entry = await get_entry(tx, ContactId(contact_id))
        if entry is None:
            raise await _no_contact(tx, ContactId(contact_id))
        return entry
    address = _as_address(who)
    if address is not None and (entry := await entry_at(tx, address)) is not None:
        return entry
    if (entry := await _by_id_prefix(tx, who)) is not None:
        return entry
    resolution = await resolve_name(tx, who)
    if isinstance(resolution, UnknownName):
        resolution = await resolve_part_of_name(tx, who) or resolution
    match resolution:
        case FoundName(entry):
            return entry
        case AmbiguousName(entries):
            choices = "; ".join(_choice(entry) for entry in entries)
            raise BadInput(
                f"{len(entries)} contacts are called {who!r}.",
                hint=f"Use one of these ids: {choices}",
            )
        case UnknownName(similar):
            choices = "; ".join(_choice(entry) for entry in similar)
            raise NotFound(
                f"There is no contact {who!r}.",
                hint=f"Similar: {choices}" if similar else "See: sb contacts list",
            )
        case _:
            assert_never(resolution)


async def _by_id_prefix(tx: Transaction, who: str) -> Entry | None:
    """Return the contact whose id begins like this, if exactly one does."""
    prefix = who.strip().casefold()
    if not re.fullmatch(r"[0-9a-f]{6,8}(-[0-9a-f-]{0,27})?", prefix):
        return None
    found = await tx.fetch(
        "SELECT id FROM discreet.contacts WHERE starts_with(id::text, %(prefix)s)"
        " AND merged_into IS NULL LIMIT 2",
        {"prefix": prefix},
    )
    if len(found) != 1:
        return None
    return await get_entry(tx, ContactId(found[0]["id"]))


async def _no_contact(tx: Transaction, contact_id: ContactId) -> NotFound:
    other = await tx.value(
        "SELECT merged_into FROM discreet.contacts WHERE id = %(id)s", {"id": contact_id}
    )
    if other is None:
        return NotFound(f"There is no contact {contact_id}.", hint="See: sb contacts list")
    return NotFound(
        f"The contact {contact_id} was merged into {other}.",
        hint=f"Use that contact, or undo the link: sb contacts links {other}",
    )


def _choice(entry: Entry) -> str:
    contact = entry.contact
    return f"{contact.id} {contact.label} ({', '.join(contact.addresses) or 'no address'})"


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _as_address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except BadInput:
        return None
