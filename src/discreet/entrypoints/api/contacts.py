"""Contacts: resolved, listed, changed. The owner's; an agent's token may resolve."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, assert_never
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from discreet.contacts import Ambiguous, Entry, Found, Unknown
from discreet.domain.addresses import Address
from discreet.domain.ids import ContactId
from discreet.entrypoints.api.callers import AnyCaller, Line, OwnerCaller
from discreet.entrypoints.api.pages import (
    ETAG,
    Cursor,
    IfMatch,
    Limit,
    etag,
    expected_of,
    mark_of,
    next_of,
)
from discreet.entrypoints.api.problems import documented
from discreet.oversight.acting import resolve_contact
from discreet.oversight.contacts import (
    ContactChange,
    change_contact,
    get_contact_entry,
    page_of_contacts,
    resolve_contact_name,
)

router = APIRouter(prefix="/api/admin/contacts", tags=["contacts"])


class ContactShown(BaseModel):
    """A contact, with what the owner keeps about it."""

    id: UUID
    type: Literal["external", "group", "personal"]
    name: str
    aliases: list[str]
    addresses: list[str] = Field(description="platform:id, the oldest first.")
    note: str
    blocked_at: datetime | None
    created_at: datetime

    @staticmethod
    def of(entry: Entry) -> ContactShown:
        """An entry of the address book as it is shown."""
        contact = entry.contact
        return ContactShown(
            id=contact.id,
            type=contact.type,
            name=contact.name,
            aliases=list(entry.aliases),
            addresses=list(contact.addresses),
            note=entry.note,
            blocked_at=entry.blocked_at,
            created_at=contact.created_at,
        )


class ContactsShown(BaseModel):
    """A page of contacts, the newest first."""

    items: list[ContactShown]
    next: str | None


class ToResolve(BaseModel):
    """Whose address it is."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "platform": "telegram",
                "platform_id": "99887766",
                "auto_create": True,
                "name": "Alice",
            }
        },
    )

    platform: str = Field(min_length=1, max_length=50)
    platform_id: str = Field(min_length=1, max_length=200)
    auto_create: bool = Field(description="Make the contact if nobody has this address yet.")
    name: Line = Field("", description="Of a contact that is made; a name identifies nobody.")
    type: Literal["external", "group"] = "external"


class ResolvedShown(BaseModel):
    """The contact behind an address; of what the owner keeps about it, nothing."""

    id: UUID
    type: Literal["external", "group", "personal"]
    name: str
    addresses: list[str]
    created_at: datetime


class NameToResolve(BaseModel):
    """A name or an alias."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Alice"}})

    name: Line = Field(min_length=1)


class NameResolved(BaseModel):
    """Whom a name means: `found`, or several who are called so, or nobody."""

    found: ContactShown | None
    ambiguous: list[ContactShown] = Field(description="All of them, where several have the name.")
    similar: list[ContactShown] = Field(description="Suggestions where nobody has it; no answer.")


class ContactPatch(BaseModel):
    """What to set; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Alice", "aliases": ["Ally"]}}
    )

    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    aliases: list[Annotated[str, Field(min_length=1, max_length=128)]] | None = Field(
        None, max_length=50
    )
    note: Annotated[str, Field(max_length=10_000)] | None = None
    blocked: bool | None = None


@router.post("/resolve", responses=documented(404), operation_id="resolve_contact")
async def resolve(who: AnyCaller, given: ToResolve) -> ResolvedShown:
    """The contact behind an address. 404 where nobody has it and none may be made."""
    entry = await resolve_contact(
        who.door,
        who.bearer,
        Address.parse(f"{given.platform}:{given.platform_id}"),
        auto_create=given.auto_create,
        name=given.name,
        kind=given.type,
    )
    contact = entry.contact
    return ResolvedShown(
        id=contact.id,
        type=contact.type,
        name=contact.name,
        addresses=list(contact.addresses),
        created_at=contact.created_at,
    )


@router.post("/resolve-name", responses=documented(), operation_id="resolve_contact_name")
async def resolve_name(who: OwnerCaller, given: NameToResolve) -> NameResolved:
    """Whom a name means: the exact name, then an alias; similar names are suggestions only."""
    resolution = await resolve_contact_name(who.door, who.owner_id, given.name)
    match resolution:
        case Found(entry):
            return NameResolved(found=ContactShown.of(entry), ambiguous=[], similar=[])
        case Ambiguous(entries):
            several = [ContactShown.of(entry) for entry in entries]
            return NameResolved(found=None, ambiguous=several, similar=[])
        case Unknown(similar):
            suggested = [ContactShown.of(entry) for entry in similar]
            return NameResolved(found=None, ambiguous=[], similar=suggested)
        case _:
            assert_never(resolution)


@router.get("", responses=documented(), operation_id="list_contacts")
async def list_all(who: OwnerCaller, limit: Limit = 50, cursor: Cursor = None) -> ContactsShown:
    """Everybody whom the owner's agents know, the newest first."""
    found = await page_of_contacts(who.door, who.owner_id, limit + 1, mark_of(cursor))
    return ContactsShown(
        items=[ContactShown.of(one.entry) for one in found[:limit]],
        next=next_of(
            found, limit, lambda one: (one.entry.contact.created_at, one.entry.contact.id)
        ),
    )


@router.get(
    "/{contact_id}",
    responses=documented(404) | {200: {"headers": ETAG}},
    operation_id="get_contact",
)
async def get(who: OwnerCaller, contact_id: UUID, response: Response) -> ContactShown:
    """One contact."""
    found = await get_contact_entry(who.door, who.owner_id, ContactId(contact_id))
    response.headers["ETag"] = etag(found.version)
    return ContactShown.of(found.entry)


@router.patch(
    "/{contact_id}",
    responses=documented(404, 412) | {200: {"headers": ETAG}},
    operation_id="update_contact",
)
async def update(
    who: OwnerCaller,
    contact_id: UUID,
    given: ContactPatch,
    response: Response,
    if_match: IfMatch = None,
) -> ContactShown:
    """Sets a contact's name, aliases, note, or whether it is blocked."""
    change = ContactChange(
        name=given.name,
        aliases=None if given.aliases is None else tuple(given.aliases),
        note=given.note,
        blocked=given.blocked,
    )
    found = await change_contact(
        who.door, who.owner_id, ContactId(contact_id), change, expected=expected_of(if_match)
    )
    response.headers["ETag"] = etag(found.version)
    return ContactShown.of(found.entry)
