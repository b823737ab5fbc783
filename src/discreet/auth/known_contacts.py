"""Decide which contacts an agent's token may know, and what it sees of them.

The address book is the owner's. An agent's token knows everyone who has written to that agent or
was introduced to it with that token, and sees only what they told this agent. All others look
nonexistent or, where one may be created, new.
"""

from __future__ import annotations

from dataclasses import replace

from discreet.contacts import Entry
from discreet.domain.addresses import Address
from discreet.domain.ids import AgentId, ContactId, OwnerId
from discreet.scope import ContactScope, ScopedDatabase, Transaction

KNOWS = """
SELECT EXISTS (SELECT FROM discreet.sessions s
                WHERE s.owner_id = %(owner)s AND s.agent_id = %(agent)s AND s.party = %(contact)s)
    OR EXISTS (SELECT FROM discreet.messages m
                WHERE m.agent_id = %(agent)s AND m.sender_contact_id = %(contact)s
                  AND (m.contact_id IS NULL OR m.sender_contact_id <> m.contact_id))
"""
TOLD = """
SELECT max(nullif(t.sender_name, '')) FILTER (WHERE t.sender_address <> '') AS name,
       array_agg(DISTINCT t.sender_address) FILTER (WHERE t.sender_address <> '') AS addresses
  FROM (
SELECT m.sender_name, m.sender_address FROM discreet.messages m
 WHERE m.owner_id = %(owner)s AND m.agent_id = %(agent)s AND m.contact_id = %(contact)s
   AND m.direction = 'in' AND m.sender_contact_id = m.contact_id
UNION ALL
SELECT m.sender_name, m.sender_address FROM discreet.messages m
 WHERE m.agent_id = %(agent)s AND m.sender_contact_id = %(contact)s
   AND (m.contact_id IS NULL OR m.sender_contact_id <> m.contact_id)) t
"""
SINCE = """
SELECT min(s.created_at) FROM discreet.sessions s
 WHERE s.owner_id = %(owner)s AND s.agent_id = %(agent)s AND s.party = %(contact)s
"""


async def knows(
    tx: Transaction, owner_id: OwnerId, agent_id: AgentId, contact_id: ContactId
) -> bool:
    """Return whether a contact has a session with the agent or wrote in one. Owner's scope only."""
    values = {"owner": owner_id, "agent": agent_id, "contact": contact_id}
    return bool(await tx.value(KNOWS, values))


async def as_told(
    tx: Transaction, owner_id: OwnerId, agent_id: AgentId, entry: Entry, asked: Address, name: str
) -> Entry:
    """Return what the agent was told of a contact. Owner's scope only.

    This is the names and addresses under which it wrote to this agent, or else ``name`` and the
    address that was ``asked`` for.
    """
    values = {"owner": owner_id, "agent": agent_id, "contact": entry.contact.id}
    (told,) = await tx.fetch(TOLD, values)
    since = await tx.value(SINCE, values)
    addresses = {str(asked), *(told["addresses"] or ())}
    contact = replace(
        entry.contact,
        type="group" if entry.contact.type == "group" else "external",
        name=told["name"] or name,
        addresses=tuple(sorted(addresses)),
        created_at=since or await tx.value("SELECT clock_timestamp()"),
    )
    return Entry(contact, aliases=(), note="")


async def label_as_told(
    tx: Transaction, owner_id: OwnerId, agent_id: AgentId, contact_id: ContactId
) -> str:
    """Return a contact's name or address as the agent knows it; empty if it has written nothing.

    Owner's scope only.
    """
    values = {"owner": owner_id, "agent": agent_id, "contact": contact_id}
    (told,) = await tx.fetch(TOLD, values)
    return str(told["name"] or next(iter(told["addresses"] or ()), ""))


async def introduce(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId, contact_id: ContactId, *, shared: bool
) -> None:
    """Make a contact known to the agent by creating a session with it.

    If the agent shares its memory, the session is separate from the conversation that all share.
    """
    async with db.begin(ContactScope(owner_id, agent_id, contact_id)) as tx:
        await tx.execute(
            "SELECT gate.open_session(%(thread)s, false)", {"thread": "notices" if shared else ""}
        )
