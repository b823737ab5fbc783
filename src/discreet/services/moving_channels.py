"""Let another agent answer on a channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discreet.contacts.agent_names import full_name
from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import OwnerId
from discreet.schemas.channels import WEB, ConnectedChannel
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.channels import find_channel, save_contact_labels
from discreet.services.web_chats import move_web_chat


async def move_channel(
    db: ScopedDatabase, owner_id: OwnerId, what: str, agent: str
) -> ConnectedChannel:
    """Let another agent answer on a channel, from the next message on.

    Its secret, its admission policy and its admitted contacts go with it. Earlier messages stay
    with the previous agent.

    Raises:
        NotFound: there is no such channel or agent.
        Conflict: it already leads there, has branches or waiting strangers, or it is open and the
            agent shares its memory.
    """
    channel = await find_channel(db, owner_id, what)
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await full_name(tx, agent)
    if channel.platform == WEB:
        if channel.agent == agent:
            raise Conflict(f"{channel.label} already leads to {agent}.")
        await move_web_chat(db, owner_id, channel.name, agent)
        return await find_channel(db, owner_id, str(channel.id))
    async with db.begin(OwnerScope(owner_id)) as tx:
        to = await tx.fetch_one(
            "SELECT id, memory_model FROM discreet.agents WHERE name = %(agent)s FOR UPDATE",
            {"agent": agent},
        )
        if to is None:
            raise NotFound("There is no such agent.", hint="See: sb agents list")
        old = await tx.fetch_one(
            "SELECT c.agent_id, c.admission, EXISTS (SELECT FROM discreet.channels b"
            "   WHERE b.parent_id = c.id AND b.closed_at IS NULL) AS has_branches,"
            " EXISTS (SELECT FROM discreet.pairings p"
            "   WHERE p.channel_id = c.id AND p.state = 'pending') AS has_strangers"
            " FROM discreet.channels c WHERE c.id = %(id)s AND c.closed_at IS NULL FOR UPDATE",
            {"id": channel.id},
        )
        _check_move(channel, agent, to, old)
        await _move(tx, channel, to["id"])
    return await find_channel(db, owner_id, channel.account)


def _check_move(
    channel: ConnectedChannel, agent: str, to: Mapping[str, Any], old: Mapping[str, Any] | None
) -> None:
    if old is None:
        raise NotFound(f"{channel.label} was removed.", hint="See: sb channels list")
    if old["agent_id"] == to["id"]:
        raise Conflict(f"{channel.label} already leads to {agent}.")
    if old["has_branches"]:
        raise Conflict(
            f"Some chats of {channel.label} lead to other agents.",
            hint="First: sb channels unbranch",
        )
    if old["has_strangers"]:
        raise Conflict(
            f"Strangers wait for approval on {channel.label}.", hint="First: sb pairing list"
        )
    if old["admission"] == "open" and to["memory_model"] == "shared":
        raise Conflict(
            f"{agent} shares one memory with everybody it talks to, so it can't be open to"
            " strangers.",
            hint=f"First: sb admission set {channel.agent!r} {channel.platform} pairing",
        )


async def _move(tx: Transaction, channel: ConnectedChannel, agent_id: Any) -> None:
    """Close a channel and open another one of the same account, for this agent."""
    await tx.execute(
        "UPDATE discreet.channels SET closed_at = clock_timestamp() WHERE id = %(id)s",
        {"id": channel.id},
    )
    values = {"id": channel.id, "agent": agent_id}
    new_id = await tx.value(
        "INSERT INTO discreet.channels (agent_id, platform, account, name, admission)"
        " SELECT %(agent)s, platform, account, name, admission FROM discreet.channels"
        "  WHERE id = %(id)s RETURNING id",
        values,
    )
    await tx.execute(
        "UPDATE discreet.channels SET debounce = %(debounce)s WHERE id = %(id)s",
        {"id": new_id, "debounce": channel.debounce},
    )
    await tx.execute(
        "SELECT gate.admit_sender(%(new)s, a.platform, a.platform_id,"
        "   CASE c.type WHEN 'group' THEN 'group' ELSE 'external' END)"
        "  FROM discreet.admissions d JOIN discreet.contacts c ON c.id = d.contact_id"
        "  JOIN discreet.addresses a ON a.contact_id = c.id AND a.platform = %(platform)s"
        " WHERE d.channel_id = %(id)s",
        {"new": new_id, "id": channel.id, "platform": channel.platform},
    )
    # Last: those who were admitted before keep the labels that they have.
    await save_contact_labels(tx, new_id, channel.contact_labels)
