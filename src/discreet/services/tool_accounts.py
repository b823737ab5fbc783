"""Connect an owner's or a group's account at a tool server."""

from __future__ import annotations

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.scope import OwnerScope
from discreet.services.connections import (
    enter_code,
    offer_account,
)
from discreet.services.contacts import find_contact
from discreet.services.revoking import revoking
from discreet.services.tool_access import (
    ToolAccess,
    server_of,
    server_row,
)


async def connect_account(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str, group: str | None = None
) -> str:
    """Return a link to connect the owner's own account at a server, or a group's.

    Raises:
        NotFound: the agent has no such server, or there is no such group.
        BadInput: the server takes no accounts, or there is no public address.
    """
    async with access.db.begin(OwnerScope(owner_id)) as tx:
        server = server_of(access.key, await server_row(tx, agent_id, name))
    if not server.signs_in:
        raise BadInput(f"The server {name} takes no accounts.", hint="Add it with --sign-in.")
    group_id = await _group(access, owner_id, group)
    return await offer_account(access, OwnerScope(owner_id, agent_id), server, group_id)


async def enter_account_code(
    access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, code: str, group: str | None = None
) -> str:
    """Take the code that the browser showed; return what was connected.

    Raises:
        BadInput: it isn't that code, or none is waited for.
        NotFound: there is no such group.
    """
    group_id = await _group(access, owner_id, group)
    scope = OwnerScope(owner_id, agent_id)
    async with revoking(access, scope, contact=group_id), access.db.begin(scope) as tx:
        entered = await enter_code(tx, code, group_id)
    if entered is None:
        raise BadInput("No sign-in is waiting for a code.", hint="Get a link first, and sign in.")
    if not entered.is_connected:
        raise BadInput(entered.text)
    return entered.text


async def _group(access: ToolAccess, owner_id: OwnerId, who: str | None) -> ContactId | None:
    if who is None:
        return None
    found = (await find_contact(access.db, owner_id, who)).contact
    if found.type != "group":
        raise BadInput(
            f"{who!a} isn't a group.", hint="A contact connects its account in its own chat."
        )
    return found.id
