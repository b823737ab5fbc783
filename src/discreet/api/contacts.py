"""Contacts: resolve, list, change and erase them. Owner's tokens; an agent's token may resolve."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from discreet.api.dependencies import AnyCaller, OwnerCaller
from discreet.api.pagination import ETAG, IfMatch, etag, expected_of
from discreet.api.problems import documented
from discreet.auth.scopes import resolve_contact
from discreet.domain.addresses import Address
from discreet.domain.ids import ContactId
from discreet.schemas import contacts as schemas
from discreet.schemas.links import Erased
from discreet.services import contacts
from discreet.services.erasing import erase_contact

router = APIRouter(prefix="/api/admin/contacts", tags=["contacts"])


@router.post("/resolve", responses=documented(404), operation_id="resolve_contact")
async def resolve(who: AnyCaller, given: schemas.ToResolve) -> schemas.ResolvedContact:
    """Resolve an address to its contact.

    Answers 404 if no contact has it and `auto_create` is false.
    """
    entry = await resolve_contact(
        who.db,
        who.bearer,
        Address.parse(f"{given.platform}:{given.platform_id}"),
        auto_create=given.auto_create,
        name=given.name,
        kind=given.type,
    )
    return schemas.ResolvedContact.model_validate(entry.contact)


@router.post("/resolve-name", responses=documented(), operation_id="resolve_contact_name")
async def resolve_name(who: OwnerCaller, given: schemas.NameToResolve) -> schemas.NameResolved:
    """Look up a contact by name.

    Exact names come first, then aliases; similar names are only suggestions.
    """
    return await contacts.resolve_contact_name(who.db, who.owner_id, given.name)


@router.get("", responses=documented(), operation_id="list_contacts")
async def list_all(
    who: OwnerCaller, given: Annotated[schemas.ListContacts, Query()]
) -> schemas.ContactPage:
    """List contacts, newest first."""
    return await contacts.list_contacts(who.db, who.owner_id, given)


@router.get(
    "/{contact_id}",
    responses=documented(404) | {200: {"headers": ETAG}},
    operation_id="get_contact",
)
async def get(who: OwnerCaller, contact_id: UUID, response: Response) -> schemas.Contact:
    """Get a contact."""
    found = await contacts.get_contact(who.db, who.owner_id, ContactId(contact_id))
    response.headers["ETag"] = etag(found.version)
    return found.contact


@router.patch(
    "/{contact_id}",
    responses=documented(404, 412) | {200: {"headers": ETAG}},
    operation_id="update_contact",
)
async def update(
    who: OwnerCaller,
    contact_id: UUID,
    given: schemas.ContactPatch,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Contact:
    """Change a contact's name, aliases, note or labels, or block and unblock it."""
    found = await contacts.change_contact(
        who.db, who.owner_id, ContactId(contact_id), given, expected=expected_of(if_match)
    )
    response.headers["ETag"] = etag(found.version)
    return found.contact


@router.delete("/{contact_id}", responses=documented(404, 409), operation_id="erase_contact")
async def erase(who: OwnerCaller, contact_id: UUID) -> Erased:
    """Permanently erase a contact and everything kept about it. Returns a receipt."""
    home = who.api.app.settings.home
    tools = who.api.app.tools
    return (await erase_contact(who.db, who.owner_id, str(contact_id), home, tools)).shown
