"""The tokens of an account at a tool server: their encryption, use and revocation."""

from __future__ import annotations

from uuid import UUID

import structlog

from discreet.domain.concurrency import within
from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.postgres.sealing import NotSealedSo, seal, unseal
from discreet.services.outbound_addresses import destination_of
from discreet.services.tool_access import ToolAccess
from discreet.tools.oauth import Kept, revoke
from discreet.tools.servers import McpServer

__all__ = ["check_for", "revoke_kept", "seal_kept", "unseal_kept"]

log = structlog.get_logger(__name__)

REVOKE_SECONDS = 5.0
"""Seconds that servers have to revoke the accounts that were deleted together."""


def seal_kept(access: ToolAccess, server: McpServer, connection: UUID, kept: Kept) -> bytes:
    """Encrypt the stored part of a sign-in."""
    return seal(access.key, kept.model_dump_json(), *_bound_to(server, connection))


def unseal_kept(access: ToolAccess, server: McpServer, connection: UUID, sealed: bytes) -> Kept:
    """Decrypt the stored part of a sign-in.

    Raises:
        Unavailable: it was encrypted with another key.
    """
    try:
        text = unseal(access.key, bytes(sealed), *_bound_to(server, connection))
    except NotSealedSo:
        raise Unavailable("This account was connected with other credentials.") from None
    return Kept.model_validate_json(text)


def _bound_to(server: McpServer, connection: UUID) -> tuple[str, ...]:
    return str(server.owner_id), "connection", str(connection), str(server.id)


class _Check:
    """Limits the places that a server may name: a server on the internet, none in our network."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def __call__(self, url: str) -> str:
        return (await destination_of(url, allow_private=self._allow_private)).url


async def check_for(server: McpServer) -> _Check:
    """Return what checks the URLs that a server names."""
    try:
        await destination_of(server.url or "", allow_private=False)
    except BadInput:
        return _Check(allow_private=True)
    return _Check(allow_private=False)


async def revoke_kept(server: McpServer, kept: Kept) -> None:
    """Ask the server to revoke tokens that are no longer stored. A failure is only logged."""
    try:
        asking = revoke(server.url or "", kept, await check_for(server))
        await within(REVOKE_SECONDS, asking, "revoking an account")
    except (DiscreetError, TimeoutError) as error:
        log.warning("an account could not be revoked at its server", error=type(error).__name__)
