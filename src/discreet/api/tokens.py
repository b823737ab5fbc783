"""Tokens: the owner creates, lists and revokes them; an agent's token mints those of contacts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import AnyCaller, OwnerCaller
from discreet.api.problems import documented
from discreet.schemas import tokens as wire
from discreet.services import tokens

router = APIRouter(tags=["tokens"])


@router.post(
    "/api/admin/tokens", status_code=201, responses=documented(404), operation_id="create_token"
)
async def create(who: OwnerCaller, given: wire.TokenToCreate) -> wire.CreatedToken:
    """Create a token. Its text is shown only once."""
    return await tokens.create_token(who.db, who.owner_id, given)


@router.get("/api/admin/tokens", responses=documented(), operation_id="list_tokens")
async def list_all(who: OwnerCaller, given: Annotated[wire.ListTokens, Query()]) -> wire.TokenList:
    """List tokens, newest first."""
    return await tokens.list_tokens(who.db, who.owner_id, given)


@router.delete(
    "/api/admin/tokens/{token_id}", responses=documented(404), operation_id="revoke_token"
)
async def revoke(who: OwnerCaller, token_id: UUID) -> wire.Token:
    """Revoke a token and those it minted. They stop working at the next call."""
    return await tokens.revoke_token(who.db, who.owner_id, str(token_id))


@router.post("/api/tokens", status_code=201, responses=documented(404), operation_id="mint_token")
async def mint(who: AnyCaller, given: wire.TokenToMint) -> wire.MintedToken:
    """Mint a short-lived token for one contact, with an agent's token.

    Give it to that contact's browser.
    """
    return await tokens.mint_token(who.db, who.bearer, given)
