"""Rows in every table for the fixture of an audit, and another owner with the same people.

A policy that shows too much is noticed only if there is something for it to hide. So the fixture's
owner has a row of each kind and a second agent that knows other things about the same people. A
neighbour is another owner whose agent has the same name and whose contacts have the same addresses.
Both other agents are paused, so that they cost nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from secrets import token_bytes
from typing import LiteralString
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from discreet.auth.scopes import bearer_of_owner, resolve_contact
from discreet.auth.tokens import create_token
from discreet.domain.addresses import Address
from discreet.domain.errors import Conflict
from discreet.domain.ids import AgentId, ChannelId, ContactId, MemoryId, OwnerId
from discreet.domain.inbound import AddressSender
from discreet.intake import accept
from discreet.intake.terminal_message import TerminalMessage, to_inbound
from discreet.memory.embedding import Embedder
from discreet.schemas.agents import AgentChange
from discreet.schemas.memories import MemoryPatch, Remember
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, SharedScope, WorkScope
from discreet.scope.scopes import SessionScope
from discreet.services import memories, own_data
from discreet.services.agents import Agent, create_agent, pause_agent
from discreet.services.channels import terminal_of
from discreet.services.context import in_scope

__all__ = [
    "fill_elsewhere",
    "fill_tables",
    "make_elsewhere",
    "make_neighbour",
    "make_shared",
]

TALKING = 2
"""How many of the neighbour's contacts have said something."""
_OF_OWNER: tuple[LiteralString, ...] = (
    "INSERT INTO discreet.budgets (agent_id, tokens_a_day) VALUES (%(agent)s, 1000000000)",
    "INSERT INTO discreet.channel_secrets (platform, account, sealed)"
    " VALUES ('audit', 'audit', %(digest)s)",
    "INSERT INTO discreet.limits (contact_id, messages_a_minute) VALUES (%(contact)s, 1000000)",
    "INSERT INTO discreet.passages (agent_id, title, position, content)"
    " VALUES (%(other_agent)s, 'audit', 0, 'Open from nine to five.')",
    "INSERT INTO discreet.retention (agent_id, kind, days) VALUES (%(agent)s, 'messages', 36500)",
    "INSERT INTO discreet.tool_servers (agent_id, name, url)"
    " VALUES (%(other_agent)s, 'audit', 'http://127.0.0.1:9/')",
    "INSERT INTO discreet.tools (server_id, name, called, schema)"
    " SELECT s.id, 'audit', 'audit', %(empty)s FROM discreet.tool_servers s WHERE s.name = 'audit'",
    "INSERT INTO discreet.web_chats (id, agent_id, name, origins, public_key, minter_id)"
    " SELECT %(id)s, %(other_agent)s, 'audit', '{}', 'audit', t.id FROM discreet.tokens t LIMIT 1",
)


async def fill_tables(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    other_agent: AgentId,
    contact_id: UUID,
    other: UUID,
) -> None:
    """Give a contact a row in each table that is filled only now and then. Nothing of it acts."""
    await create_token(db, owner_id, name="audit")
    given = {
        "agent": agent_id, "other_agent": other_agent, "contact": contact_id, "id": uuid4(),
        "digest": token_bytes(32), "empty": Jsonb({}),
    }  # fmt: skip
    async with db.begin(OwnerScope(owner_id)) as tx:
        for statement in _OF_OWNER:
            await tx.execute(statement, given)
    scope = ContactScope(owner_id, agent_id, ContactId(contact_id))
    await _fill(db, scope, contact_id, other)
    await own_data.record_access(db, owner_id, [contact_id], "read", "terminal")


async def _fill(db: ScopedDatabase, scope: SessionScope, one: UUID, other: UUID) -> None:
    async with db.begin(WorkScope()) as tx:
        await tx.execute(
            "SELECT gate.seed_audit(%(owner)s, %(one)s, %(other)s)",
            {"owner": scope.owner_id, "one": one, "other": other},
        )
    async with db.begin(scope) as tx:  # the gate may not write drafts
        await tx.execute(
            "INSERT INTO discreet.drafts (turn_id, text)"
            " SELECT t.id, 'audit' FROM discreet.turns t WHERE t.state = 'failed' LIMIT 1"
        )


async def make_elsewhere(
    db: ScopedDatabase, owner_id: OwnerId, agent: Agent, embedder: Embedder,
    contacts: dict[str, ContactId], secret: str,
) -> Agent:  # fmt: skip
    """Add a second agent of the owner, to whom the same contacts told something else."""
    other = await _paused_copy(db, owner_id, agent, f"{agent.name} elsewhere")
    told = f"I told this to the other agent alone: {secret}."
    for contact_id in contacts.values():
        await _tell(db, ContactScope(owner_id, AgentId(other.id), contact_id), embedder, told)
    return other


async def fill_elsewhere(
    db: ScopedDatabase, owner_id: OwnerId, elsewhere: Agent, address: str, one: UUID, other: UUID
) -> None:
    """Give a contact rows in the tables that conversations fill, at an agent that it talks to."""
    await _say(db, owner_id, elsewhere, address, "I was here.")
    scope = ContactScope(owner_id, AgentId(elsewhere.id), ContactId(one))
    await _fill(db, scope, one, other)


async def make_shared(
    db: ScopedDatabase, owner_id: OwnerId, agent: Agent, embedder: Embedder, address: str,
    secret: str,
) -> tuple[AgentId, AgentId]:  # fmt: skip
    """Add two agents whose memory everybody shares; the second one knows the secret."""
    made = []
    for name, told in (("shared", "We like tea."), ("shared elsewhere", f"The code is {secret}.")):
        copy = await _paused_copy(db, owner_id, agent, f"{agent.name} {name}", shared=True)
        await _say(db, owner_id, copy, address, told)
        scope = SharedScope(owner_id, AgentId(copy.id))
        await _tell(db, scope, embedder, told)
        await _fill(db, scope, copy.id, copy.id)
        made.append(AgentId(copy.id))
    return made[0], made[1]


async def make_neighbour(
    db: ScopedDatabase, owner_id: OwnerId, agent: Agent, embedder: Embedder,
    addresses: tuple[str, ...], name: str, secret: str, *, has_rows: bool,
) -> None:  # fmt: skip
    """Fill another owner: an agent of the same name, and contacts of the same addresses."""
    copy = await _paused_copy(db, owner_id, agent, agent.name)
    other = await _paused_copy(db, owner_id, agent, f"{agent.name} elsewhere")
    said = f"The neighbour's code for everything is {secret}."
    contacts: list[UUID] = []
    for address in addresses:
        if len(contacts) < TALKING:
            contact_id = await _say(db, owner_id, copy, address, said, name)
        else:
            made = await resolve_contact(
                db, bearer_of_owner(owner_id), Address.parse(address), auto_create=True
            )
            contact_id = made.contact.id
        contacts.append(contact_id)
        await _tell(db, ContactScope(owner_id, AgentId(copy.id), contact_id), embedder, said)
    whole = OwnerScope(owner_id, AgentId(copy.id))
    await _tell(db, whole, embedder, f"My own note says {secret}.")
    if not has_rows:
        await fill_tables(
            db, owner_id, AgentId(copy.id), AgentId(other.id), contacts[0], contacts[1]
        )


async def _say(
    db: ScopedDatabase, owner_id: OwnerId, agent: Agent, address: str, said: str, name: str = ""
) -> ContactId:
    """Store a message to an agent; return the contact that wrote it."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        channel_id = ChannelId(await terminal_of(tx, agent.name))
    message = to_inbound(TerminalMessage(said, sender=Address.parse(address)), channel_id)
    who = AddressSender(Address.parse(address), name)
    accepted = await accept(db, owner_id, replace(message, sender=who))
    return ContactId(accepted.contact_id or uuid4())


async def _paused_copy(
    db: ScopedDatabase, owner_id: OwnerId, agent: Agent, name: str, *, shared: bool = False
) -> Agent:
    """Return the agent of this name, made if it is missing, and paused."""
    change = AgentChange(model=agent.model, waits_for_person=False)
    if shared:
        change = change.model_copy(update={"memory_model": "shared"})
    with suppress(Conflict):  # an earlier scene of this audit made it
        await create_agent(db, owner_id, name, change)
    return await pause_agent(db, owner_id, name)


async def _tell(db: ScopedDatabase, scope: SessionScope, embedder: Embedder, said: str) -> None:
    """Store a memory, and change it, so that it has a history."""
    context = in_scope(db, scope, lambda: embedder, "cli")
    kept = await memories.remember(
        context, Remember(content=said, topic_key="told", salience="high", replaces=None)
    )
    await memories.update(context, MemoryId(kept.id), MemoryPatch(content=f"{said} Really."))
