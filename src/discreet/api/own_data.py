"""A contact's questions about its own data, and its erasure."""

from __future__ import annotations

from fastapi import APIRouter

from discreet.api.dependencies import AnyCaller, ReadScope
from discreet.api.problems import documented
from discreet.schemas import own_data as schemas
from discreet.services import own_data

router = APIRouter(prefix="/api/own-data", tags=["own data"])


@router.get("/why", responses=documented(404), operation_id="explain_answer")
async def why(who: AnyCaller, scope: ReadScope) -> schemas.Explanation:
    """Get the sources of the last answer to a contact."""
    return await own_data.explain_answer(who.context(scope))


@router.get("/access", responses=documented(404), operation_id="list_access")
async def access(who: AnyCaller, scope: ReadScope) -> schemas.AccessList:
    """List who read or changed a contact's data, newest first."""
    return await own_data.list_access(who.context(scope))


@router.post("/erasure", responses=documented(404), operation_id="ask_for_erasure")
async def ask(who: AnyCaller, scope: ReadScope) -> schemas.ErasureAsked:
    """Ask for the code that confirms a contact's own erasure."""
    return await own_data.ask_for_erasure(who.context(scope))


@router.post("/erasure/confirm", responses=documented(404), operation_id="confirm_erasure")
async def confirm(
    who: AnyCaller, scope: ReadScope, given: schemas.ConfirmErasure
) -> schemas.ErasureConfirmed:
    """Confirm a contact's own erasure with the code. It happens within minutes."""
    return await own_data.confirm_erasure(who.context(scope), given)
