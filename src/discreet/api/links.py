"""Links between contacts of one person, and erasure receipts. Owner's tokens only."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.schemas import links as wire
from discreet.services.erasing import list_erasures
from discreet.services.linking import link_contacts, list_links, undo_link

router = APIRouter(prefix="/api/admin", tags=["contacts"])


@router.post(
    "/links", status_code=201, responses=documented(404, 409), operation_id="link_contacts"
)
async def link(who: OwnerCaller, given: wire.LinkToMake) -> wire.Link:
    """Merge one contact into another. Can be undone."""
    made = await link_contacts(who.db, who.owner_id, str(given.survivor_id), str(given.merged_id))
    return wire.Link.model_validate(made)


@router.get("/links", responses=documented(), operation_id="list_links")
async def links(who: OwnerCaller) -> wire.LinkList:
    """List links, including undone ones."""
    found = await list_links(who.db, who.owner_id)
    return wire.LinkList(items=[wire.Link.model_validate(one) for one in found])


@router.delete("/links/{link_id}", responses=documented(404, 409), operation_id="undo_link")
async def undo(who: OwnerCaller, link_id: UUID) -> wire.Link:
    """Undo a link. Everything it moved goes back to where it was."""
    return wire.Link.model_validate(await undo_link(who.db, who.owner_id, str(link_id)))


@router.get("/erasures", responses=documented(), operation_id="list_erasures")
async def erasures(who: OwnerCaller) -> wire.ErasureList:
    """List erasure receipts: when and how much, but not who."""
    found = await list_erasures(who.db, who.owner_id)
    return wire.ErasureList(items=[wire.Erasure.model_validate(one) for one in found])
