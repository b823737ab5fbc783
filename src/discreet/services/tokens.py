"""Create, mint, list and revoke access tokens."""

from __future__ import annotations

from datetime import timedelta

from discreet.auth import tokens
from discreet.auth.scopes import bearer_of_owner, require_contact, resolve_contact
from discreet.auth.tokens import Bearer
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Forbidden
from discreet.domain.ids import ContactId, OwnerId
from discreet.schemas.tokens import (
    CreatedToken,
    ListTokens,
    MintedToken,
    Token,
    TokenList,
    TokenToCreate,
    TokenToMint,
)
from discreet.scope import ScopedDatabase


async def create_token(
    db: ScopedDatabase, owner_id: OwnerId, request: TokenToCreate
) -> CreatedToken:
    """Create a token of the owner's choice. Its text is shown only once.

    Raises:
        BadInput: this kind requires, or doesn't accept, an agent or a contact; or the name is
            invalid.
        NotFound: no such agent or contact.
    """
    needs = {"agent": {"agent"}, "contact": {"contact"}}.get(request.kind, set())
    takes = {"agent": {"agent"}, "contact": {"agent", "contact"}}.get(request.kind, set())
    given = {one for one in ("agent", "contact") if getattr(request, one) is not None}
    if not needs <= given:
        raise BadInput(f"A token of kind {request.kind} requires: {', '.join(needs)}.")
    if not given <= takes:
        extra = ", ".join(sorted(given - takes))
        raise BadInput(f"A token of kind {request.kind} doesn't accept {extra}.")
    if request.create and request.contact is not None:
        address = Address.parse(request.contact)
        await resolve_contact(db, bearer_of_owner(owner_id), address, auto_create=True)
    elif request.create:
        raise BadInput("Only a contact can be created.", hint="Name it: platform:id.")
    made, text = await tokens.create_token(
        db,
        owner_id,
        agent=request.agent,
        contact=request.contact,
        name=request.name,
        lasts=None if request.expires_in is None else timedelta(seconds=request.expires_in),
        metrics=request.kind == "metrics",
    )
    return CreatedToken(token=text, listed=made)


async def list_tokens(db: ScopedDatabase, owner_id: OwnerId, request: ListTokens) -> TokenList:
    """List tokens, newest first."""
    return TokenList(items=await tokens.list_tokens(db, owner_id, minted=request.minted))


async def revoke_token(db: ScopedDatabase, owner_id: OwnerId, which: str) -> Token:
    """Revoke a token by its id, prefix or name, together with those that it minted.

    Raises:
        NotFound, BadInput: as for ``discreet.auth.tokens.revoke_token``.
    """
    return await tokens.revoke_token(db, owner_id, which)


async def mint_token(db: ScopedDatabase, bearer: Bearer, request: TokenToMint) -> MintedToken:
    """Mint a short-lived token for a contact of the calling token's agent.

    Raises:
        Forbidden, Unauthorized, TooManyRequests: as for ``discreet.auth.tokens.mint_token``.
        BadInput: neither ``sender`` nor ``contact_id`` is given, or both.
        NotFound: the agent knows no such contact, or can't be given the address.
    """
    if bearer.kind != "agent":
        raise Forbidden(
            "Only an agent's token mints tokens.", hint="Create one: sb tokens create --agent NAME"
        )
    if (request.sender is None) == (request.contact_id is None):
        raise BadInput("Give one of sender and contact_id.")
    if request.contact_id is not None:
        contact_id = ContactId(request.contact_id)
        await require_contact(db, bearer, contact_id)
    else:
        address = Address.parse(request.sender or "")
        contact_id = (await resolve_contact(db, bearer, address, auto_create=True)).contact.id
    lasts = timedelta(seconds=request.expires_in)
    token_id, text, ends_at = await tokens.mint_token(db, bearer, contact_id, lasts)
    return MintedToken(token=text, token_id=token_id, contact_id=contact_id, expires_at=ends_at)
