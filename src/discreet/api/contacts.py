"""Contacts: resolve, list, change and erase them. Owner's tokens; an agent's token may resolve."""

from __future__ import annotations

from typing import assert_never
from uuid import UUID

from fastapi import APIRouter, Response

from discreet.api.dependencies import AnyCaller, OwnerCaller
from discreet.api.pagination import (
    ETAG,
    Cursor,
    IfMatch,
    Limit,
    etag,
    expected_of,
    mark_of,
    next_of,
)
from discreet.api.problems import documented
from discreet.auth.scopes import resolve_contact
from discreet.contacts import Ambiguous, Entry, Found, Unknown
from discreet.domain.addresses import Address
from discreet.domain.ids import ContactId
from discreet.schemas import contacts as wire
from discreet.schemas.links import Backup, Erased
from discreet.services.contacts import (
    ContactChange,
    change_contact,
    get_contact_entry,
    page_of_contacts,
    resolve_contact_name,
)
from discreet.services.erasing import erase_contact

router = APIRouter(prefix="/api/admin/contacts", tags=["contacts"])


@router.post("/resolve", responses=documented(404), operation_id="resolve_contact")
async def resolve(who: AnyCaller, given: wire.ToResolve) -> wire.ResolvedContact:
    """Resolve an address to its contact. Answers 404 if no contact has it and `auto_create` is
    false."""
    entry = await resolve_contact(
        who.db,
        who.bearer,
        Address.parse(f"{given.platform}:{given.platform_id}"),
        auto_create=given.auto_create,
        name=given.name,
        kind=given.type,
    )
    contact = entry.contact
    return wire.ResolvedContact(
        id=contact.id,
        type=contact.type,
        name=contact.name,
        addresses=list(contact.addresses),
        created_at=contact.created_at,
    )


@router.post("/resolve-name", responses=documented(), operation_id="resolve_contact_name")
async def resolve_name(who: OwnerCaller, given: wire.NameToResolve) -> wire.NameResolved:
    """Look up a contact by name. Exact names come first, then aliases; similar names are only
    suggestions."""
    resolution = await resolve_contact_name(who.db, who.owner_id, given.name)
    match resolution:
        case Found(entry):
            return wire.NameResolved(found=_shown(entry), ambiguous=[], similar=[])
        case Ambiguous(entries):
            several = [_shown(entry) for entry in entries]
            return wire.NameResolved(found=None, ambiguous=several, similar=[])
        case Unknown(similar):
            suggested = [_shown(entry) for entry in similar]
            return wire.NameResolved(found=None, ambiguous=[], similar=suggested)
        case _:
            assert_never(resolution)


@router.get("", responses=documented(), operation_id="list_contacts")
async def list_all(who: OwnerCaller, limit: Limit = 50, cursor: Cursor = None) -> wire.ContactPage:
    """List contacts, newest first."""
    found = await page_of_contacts(who.db, who.owner_id, limit + 1, mark_of(cursor))
    return wire.ContactPage(
        items=[_shown(one.entry) for one in found[:limit]],
        next=next_of(
            found, limit, lambda one: (one.entry.contact.created_at, one.entry.contact.id)
        ),
    )


@router.get(
    "/{contact_id}",
    responses=documented(404) | {200: {"headers": ETAG}},
    operation_id="get_contact",
)
async def get(who: OwnerCaller, contact_id: UUID, response: Response) -> wire.Contact:
    """Get a contact."""
    found = await get_contact_entry(who.db, who.owner_id, ContactId(contact_id))
    response.headers["ETag"] = etag(found.version)
    return _shown(found.entry)


@router.patch(
    "/{contact_id}",
    responses=documented(404, 412) | {200: {"headers": ETAG}},
    operation_id="update_contact",
)
async def update(
    who: OwnerCaller,
    contact_id: UUID,
    given: wire.ContactPatch,
    response: Response,
    if_match: IfMatch = None,
) -> wire.Contact:
    """Change a contact's name, aliases or note, or block and unblock it."""
    change = ContactChange(
        name=given.name,
        aliases=None if given.aliases is None else tuple(given.aliases),
        note=given.note,
        blocked=given.blocked,
    )
    found = await change_contact(
        who.db, who.owner_id, ContactId(contact_id), change, expected=expected_of(if_match)
    )
    response.headers["ETag"] = etag(found.version)
    return _shown(found.entry)


@router.delete("/{contact_id}", responses=documented(404, 409), operation_id="erase_contact")
async def erase(who: OwnerCaller, contact_id: UUID) -> Erased:
    """Permanently erase a contact and everything kept about it. Returns a receipt."""
    home = who.api.app.settings.home
    erased = await erase_contact(who.db, who.owner_id, str(contact_id), home)
    receipt = erased.erasure
    return Erased(
        id=receipt.id,
        counts=dict(receipt.counts),
        erased_at=receipt.erased_at,
        backups=[Backup(file=str(one.file), made_at=one.made_at) for one in erased.backups],
    )


def _shown(entry: Entry) -> wire.Contact:
    contact = entry.contact
    return wire.Contact(
        id=contact.id,
        type=contact.type,
        name=contact.name,
        aliases=list(entry.aliases),
        addresses=list(contact.addresses),
        note=entry.note,
        blocked_at=entry.blocked_at,
        created_at=contact.created_at,
    )
