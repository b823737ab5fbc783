"""Branches: chats of a channel that lead to a different agent than the channel."""

from __future__ import annotations

from discreet.contacts.agent_names import full_name
from discreet.domain.addresses import MAX_PLATFORM_ID
from discreet.domain.errors import BadInput, Conflict, NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.text import is_visible
from discreet.schemas.channels import Branch, ConnectedChannel
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.channels import find_channel, refuse_web

_BRANCHES = """
    SELECT b.id, c.platform, c.account, c.name AS channel, b.only_chat AS chat, a.name AS agent,
           d.name AS instead_of, b.created_at
      FROM discreet.channels b
      JOIN discreet.channels c ON c.id = b.parent_id
      JOIN discreet.agents a ON a.id = b.agent_id
      JOIN discreet.agents d ON d.id = c.agent_id
     WHERE b.closed_at IS NULL
"""


async def list_branches(db: ScopedDatabase, owner_id: OwnerId) -> list[Branch]:
    """Return every branch, sorted by channel and chat."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _branches(tx)


async def add_branch(
    db: ScopedDatabase, owner_id: OwnerId, channel: str, chat: str, agent: str
) -> Branch:
    """Lead a chat of a channel to this agent, from the next message on.

    Earlier messages stay with the previous agent, which also answers those still waiting. Whoever
    is admitted on the channel is admitted on its branches.

    ``chat``: the platform's id, with or without the platform's prefix.

    Raises:
        NotFound: there is no such channel or agent.
        BadInput: it can't be a chat's id.
        Conflict: the channel leads to this agent anyway, or is open and the agent shares its
            memory.
    """
    found = await find_channel(db, owner_id, channel)
    refuse_web(found, "Its visitors all write to one agent.", "To change it: sb channels move")
    chat = _chat_of(found, chat)
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await full_name(tx, agent)
        to = await tx.fetch_one(
            "SELECT id, memory_model FROM discreet.agents WHERE name = %(name)s FOR UPDATE",
            {"name": agent},
        )
        if to is None:
            raise NotFound(f"There is no agent named {agent!r} any more.")
        if found.agent == agent:
            raise Conflict(
                f"{found.label} already leads to {agent}.", hint="See: sb channels branches"
            )
        admission = await tx.value(
            "SELECT admission FROM discreet.channels WHERE id = %(id)s", {"id": found.id}
        )
        if admission == "open" and to["memory_model"] == "shared":
            raise Conflict(
                f"{agent} shares one memory with everybody it talks to, and {found.label} is open"
                " to strangers.",
                hint="Admit by code first: sb admission set",
            )
        await _close(tx, found, chat)
        await tx.execute(
            "INSERT INTO discreet.channels"
            "   (agent_id, platform, account, name, admission, parent_id, only_chat)"
            " SELECT %(agent)s, platform, account, name, admission, id, %(chat)s"
            "   FROM discreet.channels WHERE id = %(id)s",
            {"agent": to["id"], "chat": chat, "id": found.id},
        )
        await tx.execute(
            "UPDATE discreet.channels SET debounce = %(debounce)s, contact_labels = %(labels)s"
            " WHERE parent_id = %(id)s AND closed_at IS NULL",
            {
                "debounce": found.debounce,
                "labels": list(found.contact_labels),
                "id": found.id,
            },
        )
        [made] = [
            branch
            for branch in await _branches(tx)
            if (branch.platform, branch.account, branch.chat)
            == (found.platform, found.account, chat)
        ]
        return made


async def remove_branch(db: ScopedDatabase, owner_id: OwnerId, channel: str, chat: str) -> str:
    """Lead a chat to its channel's agent again, from the next message on; return that agent's name.

    Raises:
        NotFound: there is no such channel, or it has no such branch.
        BadInput: it can't be a chat's id.
    """
    found = await find_channel(db, owner_id, channel)
    refuse_web(found, "Its visitors all write to one agent.", "To change it: sb channels move")
    chat = _chat_of(found, chat)
    async with db.begin(OwnerScope(owner_id)) as tx:
        if not await _close(tx, found, chat):
            raise NotFound(
                f"{found.label} has no branch for {chat!a}.", hint="See: sb channels branches"
            )
    return found.agent


async def _branches(tx: Transaction) -> list[Branch]:
    found = await tx.fetch(_BRANCHES + " ORDER BY c.created_at, c.id, b.only_chat")
    return [Branch(**row) for row in found]


async def _close(tx: Transaction, channel: ConnectedChannel, chat: str) -> int:
    # The row stays: conversations refer to it, and it identifies repeated deliveries.
    return await tx.execute(
        "UPDATE discreet.channels SET closed_at = clock_timestamp()"
        " WHERE parent_id = %(id)s AND only_chat = %(chat)s AND closed_at IS NULL",
        {"id": channel.id, "chat": chat},
    )


def _chat_of(channel: ConnectedChannel, given: str) -> str:
    chat = given.strip().removeprefix(f"{channel.platform}:")
    if not chat or len(chat) > MAX_PLATFORM_ID or not is_visible(chat):
        raise BadInput(f"{given!a} is not a valid chat id.", hint="Like telegram:-1001234567890")
    return chat
