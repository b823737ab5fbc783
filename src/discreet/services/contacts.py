"""Contacts: list, change and block them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from discreet.contacts import (
    AmbiguousName,
    Entry,
    FoundName,
    UnknownName,
    get_entries,
    get_entry,
    page_of_entries,
    resolve_name,
)
from discreet.contacts.contact_labels import change_labels
from discreet.contacts.lookup import find_entry
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, NotFound, Outdated
from discreet.domain.ids import ContactId, OwnerId
from discreet.domain.labels import label_of
from discreet.domain.paging import MAX_LISTED, mark_of, next_of
from discreet.domain.text import MAX_NAME, checked_text, plain_name
from discreet.schemas import contacts as schemas
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.contact_activity import ContactActivity, activity_of
from discreet.services.requeue import wake_waiting

_LISTED = """
    SELECT c.id FROM discreet.contacts c
      LEFT JOIN (SELECT contact_id, max(last_message_at) AS last_message_at
                   FROM discreet.sessions GROUP BY contact_id) s ON s.contact_id = c.id
     WHERE c.merged_into IS NULL
       AND (%(label)s::text IS NULL OR c.id IN
            (SELECT l.contact_id FROM discreet.contact_labels l WHERE l.label = %(label)s))
     ORDER BY s.last_message_at DESC NULLS LAST, c.created_at, c.id
     LIMIT %(limit)s OFFSET %(skip)s
"""


@dataclass(frozen=True, slots=True)
class VersionedContact:
    """A contact, and the version of its entry in the address book."""

    contact: schemas.Contact
    version: str


async def list_contacts(
    db: ScopedDatabase, owner_id: OwnerId, request: schemas.ListContacts
) -> schemas.ContactPage:
    """List contacts, newest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await page_of_entries(
            tx,
            request.limit + 1,
            mark_of(request.cursor),
            None if request.label is None else label_of(request.label),
        )
        items = [one.shown for one in await activity_of(tx, found[: request.limit])]
    following = next_of(found, request.limit, lambda one: (one.contact.created_at, one.contact.id))
    return schemas.ContactPage(items=items, next=following)


async def list_recent_contacts(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    limit: int = MAX_LISTED,
    skip: int = 0,
    label: str | None = None,
) -> list[ContactActivity]:
    """List contacts by last activity, newest first, those that never wrote last.

    ``label``: only contacts that have it.

    This order changes while people write, so a page begins at an offset rather than a cursor.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        wanted = None if label is None else label_of(label)
        listed = await tx.fetch_tuples(_LISTED, {"limit": limit, "skip": skip, "label": wanted})
        return await activity_of(tx, await get_entries(tx, [row[0] for row in listed]))


async def find_contact(db: ScopedDatabase, owner_id: OwnerId, who: str) -> ContactActivity:
    """Find a contact by id, address ``platform:id``, name or alias.

    Raises:
        NotFound: no such contact; similar names are suggested, never used.
        BadInput: several contacts have that name; the message lists their ids.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        return (await activity_of(tx, [entry]))[0]


async def find_by_address(
    db: ScopedDatabase, owner_id: OwnerId, address: Address
) -> ContactActivity | None:
    """Return the contact that has an address; None: nobody has it."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        contact_id = await tx.value(
            "SELECT contact_id FROM discreet.addresses"
            " WHERE platform = %(platform)s AND platform_id = %(id)s",
            {"platform": address.platform, "id": address.platform_id},
        )
        entry = None if contact_id is None else await get_entry(tx, contact_id)
        return None if entry is None else (await activity_of(tx, [entry]))[0]


async def block_contact(db: ScopedDatabase, owner_id: OwnerId, who: str) -> Entry:
    """Block a contact: drop its new messages and leave its waiting messages unanswered.

    The contact isn't told. Blocking a group silences the group, not its members elsewhere.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await _block(tx, entry.contact.id)
        return await _entry(tx, entry.contact.id)


async def unblock_contact(db: ScopedDatabase, owner_id: OwnerId, who: str) -> Entry:
    """Unblock a contact. Messages that waited when it was blocked are answered now.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await _unblock(tx, entry.contact.id)
        return await _entry(tx, entry.contact.id)


async def hold_contact(db: ScopedDatabase, owner_id: OwnerId, who: str, *, on_hold: bool) -> Entry:
    """Put a contact on hold, so that neither retention nor an erasure deletes anything of it.

    Or release it. The contact isn't told.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await _hold(tx, entry.contact.id, on_hold=on_hold)
        return await _entry(tx, entry.contact.id)


async def rename_contact(db: ScopedDatabase, owner_id: OwnerId, who: str, name: str) -> Entry:
    """Rename a contact; the old name is kept as an alias.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or the name is empty or not one plain line.
    """
    _check_name(name)
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await _rename(tx, entry.contact.id, name)
        return await _entry(tx, entry.contact.id)


async def note_contact(db: ScopedDatabase, owner_id: OwnerId, who: str, note: str) -> Entry:
    """Set the note on a contact, which only the owner sees.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or the note is not valid text.
    """
    note = _checked_note(note)
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await _note(tx, entry.contact.id, note)
        return await _entry(tx, entry.contact.id)


async def label_contact(
    db: ScopedDatabase, owner_id: OwnerId, who: str, *, add: set[str], remove: set[str]
) -> ContactActivity:
    """Give a contact labels and take others away. The contact isn't told, and never sees them.

    Raises:
        NotFound, BadInput: as for ``find_contact``; or a label is invalid, or in both.
    """
    given, taken = {label_of(one) for one in add}, {label_of(one) for one in remove}
    if both := given & taken:
        raise BadInput(
            f"{sorted(both)[0]!a} can't be added and removed at once.",
            hint="Leave out one of the two.",
        )
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await change_labels(tx, entry.contact.id, add=given, remove=taken)
        return (await activity_of(tx, [await _entry(tx, entry.contact.id)]))[0]


async def hold_answers(
    db: ScopedDatabase, owner_id: OwnerId, who: str, *, hold: bool | None
) -> Entry:
    """Choose whether answers to a contact wait for approval; None: the agent's setting.

    Raises:
        NotFound, BadInput: as for ``find_contact``.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await find_entry(tx, who)
        await tx.execute(
            "UPDATE discreet.contacts SET holds_answers = %(hold)s WHERE id = %(id)s",
            {"id": entry.contact.id, "hold": hold},
        )
    return entry


async def get_contact(
    db: ScopedDatabase, owner_id: OwnerId, contact_id: ContactId
) -> VersionedContact:
    """Return one contact by its id.

    Raises:
        NotFound: this owner has no such contact.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _versioned(tx, contact_id)


async def resolve_contact_name(
    db: ScopedDatabase, owner_id: OwnerId, name: str
) -> schemas.NameResolved:
    """Look up a name: one contact, several, or none, with similar names suggested."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        resolution = await resolve_name(tx, name)
        match resolution:
            case FoundName(entry):
                found: list[Entry] = [entry]
            case AmbiguousName(entries):
                found = list(entries)
            case UnknownName(similar):
                found = list(similar)
            case _:
                assert_never(resolution)
        shown = [one.shown for one in await activity_of(tx, found)]
    return schemas.NameResolved(
        found=shown[0] if isinstance(resolution, FoundName) else None,
        ambiguous=shown if isinstance(resolution, AmbiguousName) else [],
        similar=shown if isinstance(resolution, UnknownName) else [],
    )


async def change_contact(
    db: ScopedDatabase,
    owner_id: OwnerId,
    contact_id: ContactId,
    change: schemas.ContactPatch,
    *,
    expected: str | None = None,
) -> VersionedContact:
    """Set the fields in ``change``.

    An old name is kept as an alias, unless ``aliases`` are set too.

    Raises:
        NotFound: this owner has no such contact.
        BadInput: a name, an alias, a label or the note is invalid.
        Outdated: its version is not ``expected``.
    """
    if change.name is not None:
        _check_name(change.name)
    for alias in change.aliases or ():
        _check_name(alias)
    note = None if change.note is None else _checked_note(change.note)
    labels = None if change.labels is None else {label_of(label) for label in change.labels}
    async with db.begin(OwnerScope(owner_id)) as tx:
        await tx.fetch(
            "SELECT 1 FROM discreet.contacts WHERE id = %(id)s FOR UPDATE", {"id": contact_id}
        )
        now = await _versioned(tx, contact_id)
        if expected is not None and now.version != expected:
            raise Outdated("This contact has changed since you read it.", hint="Read it again.")
        if change.name is not None:
            await _rename(tx, contact_id, change.name)
        if change.aliases is not None:
            await tx.execute(
                "UPDATE discreet.contacts SET aliases = %(aliases)s WHERE id = %(id)s",
                {"id": contact_id, "aliases": list(dict.fromkeys(change.aliases))},
            )
        if note is not None:
            await _note(tx, contact_id, note)
        if change.blocked is not None:
            await (_block if change.blocked else _unblock)(tx, contact_id)
        if change.on_hold is not None:
            await _hold(tx, contact_id, on_hold=change.on_hold)
        if labels is not None:
            await change_labels(tx, contact_id, add=labels, remove=set(now.contact.labels) - labels)
        return await _versioned(tx, contact_id)


async def _versioned(tx: Transaction, contact_id: ContactId) -> VersionedContact:
    entry = await get_entry(tx, contact_id)
    if entry is None:
        raise NotFound("There is no such contact.")
    # The row's last writing transaction (xmin) serves as its version; PostgreSQL stores it anyway.
    version = await tx.value(
        "SELECT xmin::text FROM discreet.contacts WHERE id = %(id)s", {"id": contact_id}
    )
    (activity,) = await activity_of(tx, [entry])
    return VersionedContact(activity.shown, version)


async def _block(tx: Transaction, contact_id: ContactId) -> None:
    await tx.execute(
        "UPDATE discreet.contacts SET blocked_at = coalesce(blocked_at, clock_timestamp())"
        " WHERE id = %(id)s",
        {"id": contact_id},
    )
    # Its waiting messages in shared sessions become context: they are no longer to be answered.
    await tx.execute(
        "UPDATE discreet.messages SET state = 'context' WHERE sender_contact_id = %(id)s"
        " AND state = 'waiting' AND contact_id IS DISTINCT FROM %(id)s",
        {"id": contact_id},
    )


async def _hold(tx: Transaction, contact_id: ContactId, *, on_hold: bool) -> None:
    await tx.execute(
        "UPDATE discreet.contacts SET on_hold_at = CASE WHEN %(on_hold)s"
        " THEN coalesce(on_hold_at, clock_timestamp()) END WHERE id = %(id)s",
        {"id": contact_id, "on_hold": on_hold},
    )


async def _unblock(tx: Transaction, contact_id: ContactId) -> None:
    await tx.execute(
        "UPDATE discreet.contacts SET blocked_at = NULL WHERE id = %(id)s", {"id": contact_id}
    )
    await wake_waiting(tx, contact_id=contact_id)


async def _rename(tx: Transaction, contact_id: ContactId, name: str) -> None:
    await tx.execute(
        """UPDATE discreet.contacts SET name = %(name)s,
             aliases = CASE WHEN name IN ('', %(name)s) OR name = ANY (aliases) THEN aliases
                            ELSE aliases || name END
           WHERE id = %(id)s""",
        {"id": contact_id, "name": name},
    )


async def _note(tx: Transaction, contact_id: ContactId, note: str) -> None:
    await tx.execute(
        "UPDATE discreet.contacts SET note = %(note)s WHERE id = %(id)s",
        {"id": contact_id, "note": note},
    )


def _check_name(name: str) -> None:
    if not name or name != plain_name(name):
        raise BadInput(
            f"{name[:100]!a} is not a valid name.",
            hint=f"Use one line of at most {MAX_NAME} visible characters.",
        )


def _checked_note(note: str) -> str:
    return checked_text(note).strip() if note.strip() else ""


async def _entry(tx: Transaction, contact_id: ContactId) -> Entry:
    entry = await get_entry(tx, contact_id)
    if entry is None:
        raise NotFound("This contact has been erased.", hint="See: sb contacts list")
    return entry
