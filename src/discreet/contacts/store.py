"""The store of contacts and their addresses, limited to what the scope of ``tx`` can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.addresses import Address
from discreet.domain.ids import ContactId
from discreet.domain.paging import Mark
from discreet.scope import Transaction

ContactType = Literal["external", "group", "personal"]

_CONTACT = """
    SELECT c.id, c.type, c.name, c.created_at,
           (SELECT coalesce(array_agg(a.platform || ':' || a.platform_id
                                      ORDER BY a.created_at, a.platform, a.platform_id), '{}')
              FROM discreet.addresses a WHERE a.contact_id = c.id) AS addresses
      FROM discreet.contacts c
"""
_LABELS = """
           ARRAY(SELECT l.label FROM discreet.contact_labels l
                  WHERE l.contact_id = c.id ORDER BY l.label) AS labels,"""
# A contact's own scope can't read the owner's notes and labels. A merged contact has no entry: its
# addresses lead to the survivor.
_OF_OWNER = "c.aliases, c.note, c.blocked_at, c.on_hold_at, c.stopped_at"
_ENTRY = (
    _CONTACT.replace(
        "c.created_at,",
        "c.created_at, c.aliases, c.note, c.blocked_at, c.on_hold_at, c.stopped_at," + _LABELS,
        1,
    )
    + " WHERE c.merged_into IS NULL"
)
_NAMED: LiteralString = """
    SELECT id, name, aliases FROM discreet.contacts
     WHERE merged_into IS NULL AND (name <> '' OR aliases <> '{}') {maybe}
     ORDER BY created_at, id"""
_MAYBE: LiteralString = """
     AND (octet_length(name) <> char_length(name) OR aliases <> '{}'
          OR lower(translate(name, E' \\t\\n\\r\\v\\f', '') COLLATE "C") = %(wanted)s)"""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or group that writes to the agent. Only the id identifies it, never the name.

    ``addresses`` are written ``platform:id``, oldest first.
    """

    id: ContactId
    type: ContactType
    name: str
    addresses: tuple[str, ...]
    created_at: datetime

    @property
    def label(self) -> str:
        """The display name: its name, else its first address, else its id."""
        return self.name or (self.addresses[0] if self.addresses else str(self.id))


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact with the owner's notes about it, which the contact itself never sees.

    ``blocked_at``: the time since which its messages are rejected. ``on_hold_at``: since
    when nothing of it may be deleted. ``labels`` are sorted.
    """

    contact: Contact
    aliases: tuple[str, ...]
    note: str
    blocked_at: datetime | None = None
    stopped_at: datetime | None = None
    on_hold_at: datetime | None = None
    labels: tuple[str, ...] = ()


async def get_contact(tx: Transaction, contact_id: ContactId) -> Contact | None:
    """Return the contact with this id, or None if this scope has none."""
    row = await tx.fetch_one(_CONTACT + " WHERE c.id = %(id)s", {"id": contact_id})
    return None if row is None else _contact(row)


async def get_entries(tx: Transaction, contact_ids: Sequence[ContactId]) -> list[Entry]:
    """Return the entries of these contacts, in this order. Owner's scope only."""
    found = await tx.fetch(
        _ENTRY + " AND c.id = ANY(%(ids)s) ORDER BY array_position(%(ids)s::uuid[], c.id)",
        {"ids": list(contact_ids)},
    )
    return [_entry(row) for row in found]


async def named_entries(
    tx: Transaction, maybe: str | None = None
) -> list[tuple[ContactId, str, list[str]]]:
    """Return id, name and aliases of everyone in the owner's address book, oldest first.

    ``maybe``: leave out most of those that don't have this name, because there may be 100,000.
    Contacts with aliases are kept, and so are names with characters outside ASCII, which only
    ``names.folded`` can compare.
    """
    if maybe is None:
        return await tx.fetch_tuples(_NAMED.replace("{maybe}", ""), binary=True)
    plain = maybe.isascii() and "\0" not in maybe
    given = {"wanted": "".join(maybe.lower().split()) if plain else ""}
    return await tx.fetch_tuples(_NAMED.replace("{maybe}", _MAYBE), given, binary=True)


async def page_of_entries(
    tx: Transaction, limit: int, before: Mark | None = None, label: str | None = None
) -> list[Entry]:
    """Return a page of the address book, newest first, from after a mark. Owner's scope only.

    ``label``: only contacts that have it.
    """
    at, of = before or (None, None)
    found = await tx.fetch(
        _ENTRY + " AND (%(at)s::timestamptz IS NULL"
        "   OR (c.created_at, c.id) < (%(at)s::timestamptz, %(of)s::uuid))"
        " AND (%(label)s::text IS NULL OR c.id IN"
        "   (SELECT l.contact_id FROM discreet.contact_labels l WHERE l.label = %(label)s))"
        " ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s",
        {"at": at, "of": of, "limit": limit, "label": label},
    )
    return [_entry(row) for row in found]


async def get_entry(tx: Transaction, contact_id: ContactId) -> Entry | None:
    """Return one contact's entry, or None if it was merged or doesn't exist. Owner's scope only."""
    row = await tx.fetch_one(_ENTRY + " AND c.id = %(id)s", {"id": contact_id})
    return None if row is None else _entry(row)


async def entry_at(tx: Transaction, address: Address) -> Entry | None:
    """Return the entry of an address; None if nobody has it, or the owner does."""
    contact_id = await tx.value(
        """SELECT contact_id FROM discreet.addresses
            WHERE platform = %(platform)s AND platform_id = %(platform_id)s""",
        {"platform": address.platform, "platform_id": address.platform_id},
    )
    return None if contact_id is None else await get_entry(tx, contact_id)


def _contact(row: Mapping[str, Any]) -> Contact:
    return Contact(
        id=row["id"],
        type=row["type"],
        name=row["name"],
        addresses=tuple(row["addresses"]),
        created_at=row["created_at"],
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        contact=_contact(row),
        aliases=tuple(row["aliases"]),
        note=row["note"],
        blocked_at=row["blocked_at"],
        stopped_at=row["stopped_at"],
        on_hold_at=row["on_hold_at"],
        labels=tuple(row["labels"]),
    )
