"""Answers that wait for the owner: list, approve, edit and reject them. Owner's tokens only."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.domain.ids import ContactId
from discreet.schemas import held_answers as wire
from discreet.schemas.contacts import Contact
from discreet.services import contacts, held_answers

router = APIRouter(prefix="/api/admin", tags=["drafts"])


@router.get("/drafts", responses=documented(), operation_id="list_held_answers")
async def list_all(who: OwnerCaller) -> wire.HeldAnswerList:
    """List the answers that wait for approval, oldest first."""
    return wire.HeldAnswerList(items=await held_answers.list_held_answers(who.db, who.owner_id))


@router.post(
    "/drafts/{draft_id}/approve", responses=documented(404, 409), operation_id="approve_answer"
)
async def approve(who: OwnerCaller, draft_id: UUID, given: wire.AnswerToApprove) -> wire.HeldAnswer:
    """Send a waiting answer, or a different text instead."""
    return await held_answers.approve_answer(who.db, who.owner_id, str(draft_id), text=given.text)


@router.post(
    "/drafts/{draft_id}/reject", responses=documented(404, 409), operation_id="reject_answer"
)
async def reject(who: OwnerCaller, draft_id: UUID) -> wire.HeldAnswer:
    """Discard a waiting answer without sending it."""
    return await held_answers.reject_answer(who.db, who.owner_id, str(draft_id))


@router.post(
    "/contacts/{contact_id}/drafts", responses=documented(404), operation_id="hold_answers"
)
async def hold(who: OwnerCaller, contact_id: UUID, given: wire.AnswersToHold) -> Contact:
    """Choose whether answers to a contact wait for your approval."""
    await contacts.hold_answers(who.db, who.owner_id, str(contact_id), hold=given.hold)
    return (await contacts.get_contact(who.db, who.owner_id, ContactId(contact_id))).contact
