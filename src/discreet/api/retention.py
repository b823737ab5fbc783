"""Retention: how long messages, files and memories are kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.schemas.retention import (
    ListRetentionRuns,
    RetentionPreview,
    RetentionRules,
    RetentionRun,
    RetentionRuns,
    RetentionTarget,
    RetentionToSet,
)
from discreet.services import retention

router = APIRouter(prefix="/api/admin/retention", tags=["operations"])


@router.get("", responses=documented(), operation_id="list_retention")
async def rules(who: OwnerCaller) -> RetentionRules:
    """List how long messages, files and memories are kept."""
    return RetentionRules(items=await retention.list_retention(who.db, who.owner_id))


@router.put("", responses=documented(404), operation_id="set_retention")
async def set_rules(who: OwnerCaller, given: RetentionToSet) -> RetentionRules:
    """Set how long something is kept, and list all rules. The server deletes once a day."""
    return RetentionRules(items=await retention.set_retention(who.db, who.owner_id, given))


@router.delete("", responses=documented(404), operation_id="remove_retention")
async def remove_rules(
    who: OwnerCaller, given: Annotated[RetentionTarget, Query()]
) -> RetentionRules:
    """Remove the rules of a channel or an agent, or the general rules, and list the rest."""
    return RetentionRules(items=await retention.remove_retention(who.db, who.owner_id, given))


@router.get("/preview", responses=documented(), operation_id="preview_retention")
async def preview(who: OwnerCaller) -> RetentionPreview:
    """Count the rows that would be deleted now."""
    return await retention.preview_retention(who.db, who.owner_id)


@router.get("/runs", responses=documented(), operation_id="list_retention_runs")
async def runs(who: OwnerCaller, given: Annotated[ListRetentionRuns, Query()]) -> RetentionRuns:
    """List what past runs deleted, newest first."""
    found = await retention.list_retention_runs(
        who.db, who.owner_id, limit=given.limit, skip=given.skip
    )
    return RetentionRuns(items=found)


@router.post("/runs", responses=documented(), operation_id="run_retention")
async def run(who: OwnerCaller) -> RetentionRun:
    """Delete everything past its retention time now, and return the receipt."""
    return await retention.run_retention(who.db, who.owner_id)
