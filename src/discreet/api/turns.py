"""Turns: how each answer came about. Owner's tokens only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.domain.ids import TurnId
from discreet.schemas import turns as wire
from discreet.services import turns

router = APIRouter(prefix="/api/admin/turns", tags=["turns"])


@router.get("", responses=documented(404), operation_id="list_turns")
async def list_all(who: OwnerCaller, given: Annotated[wire.ListTurns, Query()]) -> wire.TurnPage:
    """List turns, newest first."""
    return await turns.page_of_turns(who.db, who.owner_id, given)


@router.get("/{turn_id}", responses=documented(404), operation_id="get_turn")
async def get(who: OwnerCaller, turn_id: UUID) -> wire.TurnRecord:
    """Get a turn with its exact context, its tool calls and its answer."""
    return await turns.get_turn(who.db, who.owner_id, TurnId(turn_id))
