"""Agents: list, create and change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from discreet.contacts.agent_names import full_name
from discreet.domain.errors import Conflict, NotFound, Outdated
from discreet.domain.ids import AgentId, OwnerId
from discreet.domain.paging import Mark, mark_of, next_of
from discreet.schemas import agents as schemas
from discreet.schemas.agents import AgentChange
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import MemoryModel
from discreet.services.agent_checks import check_agent_change, check_agent_name
from discreet.services.requeue import wake_waiting

_AGENTS = """
    SELECT a.id, a.name, a.role, a.instructions, a.model, a.context_tokens, a.fallback_models,
           a.memory_model, a.paused_at,
           a.waits_for_person, a.person_minutes, a.holds_answers, a.unknown_reply,
           a.runs_reminders,
           a.created_at, a.updated_at,
           a.xmin::text AS version,
           (SELECT count(DISTINCT p.title) FROM discreet.passages p
             WHERE p.agent_id = a.id) AS reference_texts,
           (SELECT count(*) FROM discreet.sessions s
             WHERE s.agent_id = a.id AND s.ended_at IS NULL) AS open_sessions,
           (SELECT count(*) FROM discreet.memories m WHERE m.agent_id = a.id) AS memories
      FROM discreet.agents a
"""


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and its counts. ``model`` None: the installation's default.

    ``context_tokens`` is the model's context size set by the owner; None: it is known or learned.
    ``fallback_models`` take over if the model fails, in their order.

    ``paused_at``: the time since which it answers nobody.
    """

    id: AgentId
    name: str
    role: str
    instructions: str
    model: str | None
    context_tokens: int | None
    fallback_models: Sequence[str]
    memory_model: MemoryModel
    waits_for_person: bool
    person_minutes: int
    holds_answers: bool
    unknown_reply: str
    runs_reminders: bool
    paused_at: datetime | None
    reference_texts: int
    open_sessions: int
    memories: int
    created_at: datetime
    updated_at: datetime
    version: str


async def list_agents(db: ScopedDatabase, owner_id: OwnerId) -> list[Agent]:
    """Return the owner's agents, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return [_agent(row) for row in await tx.fetch(_AGENTS + " ORDER BY a.created_at, a.id")]


async def names_of_agents(db: ScopedDatabase, owner_id: OwnerId) -> list[str]:
    """Return the names of the owner's agents, the oldest first, without counting what they hold."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch_tuples("SELECT name FROM discreet.agents ORDER BY created_at, id")
    return [row[0] for row in found]


async def page_of_agents(
    db: ScopedDatabase, owner_id: OwnerId, request: schemas.ListAgents
) -> schemas.AgentPage:
    """List agents, newest first."""
    mark = mark_of(request.cursor)
    found = [
        agent
        for agent in sorted(await list_agents(db, owner_id), key=_mark, reverse=True)
        if mark is None or _mark(agent) < mark
    ]
    items = [schemas.Agent.model_validate(agent) for agent in found[: request.limit]]
    return schemas.AgentPage(items=items, next=next_of(found, request.limit, _mark))


def _mark(agent: Agent) -> Mark:
    return agent.created_at, agent.id


async def get_agent(db: ScopedDatabase, owner_id: OwnerId, name: str) -> Agent:
    """Return the agent of this name.

    Raises:
        NotFound: the owner has no such agent; the message names the existing ones.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _get(tx, name)


async def get_agent_by_id(db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId) -> Agent:
    """Return the agent with this id.

    Raises:
        NotFound: the owner has no such agent.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(_AGENTS + " WHERE a.id = %(id)s", {"id": agent_id})
    if row is None:
        raise NotFound("There is no such agent.")
    return _agent(row)


async def create_agent(
    db: ScopedDatabase, owner_id: OwnerId, name: str, change: AgentChange | None = None
) -> Agent:
    """Create an agent with a terminal channel of its own.

    Raises:
        BadInput: the name or the instructions are empty, too long or contain control characters.
        Conflict: the owner already has an agent of this name.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await create_agent_in(tx, name, change or AgentChange())


async def create_agent_in(tx: Transaction, name: str, change: AgentChange) -> Agent:
    """Create an agent as ``create_agent`` does, in a transaction of the owner's."""
    check_agent_name(name)
    check_agent_change(change)
    try:
        agent_id = await tx.value(
            """INSERT INTO discreet.agents (name, role, instructions, model, memory_model,
                                         context_tokens, fallback_models, waits_for_person,
                                         person_minutes, holds_answers, unknown_reply,
                                         runs_reminders)
               VALUES (%(name)s, %(role)s, %(instructions)s, %(model)s, %(memory_model)s,
                       %(context_tokens)s, %(fallback_models)s,
                       coalesce(%(waits_for_person)s, true), coalesce(%(person_minutes)s, 60),
                       coalesce(%(holds_answers)s, false), coalesce(%(unknown_reply)s, ''),
                       coalesce(%(runs_reminders)s, false))
               RETURNING id""",
            {
                "name": name,
                "role": change.role or "",
                "instructions": change.instructions or "",
                "model": change.model or None,
                "memory_model": change.memory_model or "per_contact",
                "context_tokens": change.context_tokens or None,
                **_of_answers(change),
                "fallback_models": list(change.fallback_models or ()),
            },
        )
    except Conflict:
        raise Conflict(
            f"An agent named {name!r} already exists.", hint="Change it with: sb agents set"
        ) from None
    await _open_terminal(tx, agent_id)
    return await _get(tx, name)


async def change_agent(
    db: ScopedDatabase,
    owner_id: OwnerId,
    name: str,
    change: AgentChange,
    *,
    expected: str | None = None,
) -> Agent:
    """Set the fields in ``change``.

    A new memory model applies to later messages only: existing rows keep their scope, so nothing
    private becomes shared, nor vice versa.

    Raises:
        NotFound: no agent of this name.
        BadInput: a value is invalid.
        Outdated: its version is not ``expected``.
        Conflict: ``shared``, while one of its channels is open to anybody.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await change_agent_in(tx, name, change, expected=expected)


async def change_agent_in(
    tx: Transaction, name: str, change: AgentChange, *, expected: str | None = None
) -> Agent:
    """Set the fields as ``change_agent`` does, in a transaction of the owner's."""
    check_agent_change(change)
    name = await full_name(tx, name)
    # Locked, so that concurrent changes run one after the other.
    await tx.fetch(
        "SELECT id FROM discreet.agents WHERE name = %(name)s FOR UPDATE", {"name": name}
    )
    before = await _get(tx, name)
    if expected is not None and before.version != expected:
        raise Outdated("This agent has changed since you read it.", hint="Read it again.")
    if change.memory_model == "shared" and before.memory_model != "shared":
        await _refuse_where_open(tx, before)
    await tx.execute(
        """UPDATE discreet.agents SET
             role = coalesce(%(role)s, role),
             instructions = coalesce(%(instructions)s, instructions),
             model = CASE WHEN %(model)s::text IS NULL THEN model
                          ELSE nullif(%(model)s, '') END,
             memory_model = coalesce(%(memory_model)s, memory_model),
             context_tokens = CASE WHEN %(context_tokens)s::integer IS NULL
                                   THEN context_tokens
                                   ELSE nullif(%(context_tokens)s, 0) END,
             fallback_models = coalesce(%(fallback_models)s, fallback_models),
             waits_for_person = coalesce(%(waits_for_person)s, waits_for_person),
             person_minutes = coalesce(%(person_minutes)s, person_minutes),
             holds_answers = coalesce(%(holds_answers)s, holds_answers),
             unknown_reply = coalesce(%(unknown_reply)s, unknown_reply),
             runs_reminders = coalesce(%(runs_reminders)s, runs_reminders),
             updated_at = clock_timestamp()
           WHERE id = %(id)s""",
        {
            "id": before.id,
            "role": change.role,
            "instructions": change.instructions,
            "model": change.model,
            "memory_model": change.memory_model,
            "context_tokens": change.context_tokens,
            **_of_answers(change),
            "fallback_models": (
                None if change.fallback_models is None else list(change.fallback_models)
            ),
        },
    )
    return await _get(tx, name)


async def rename_agent(db: ScopedDatabase, owner_id: OwnerId, name: str, new_name: str) -> Agent:
    """Rename an agent. Everything that belongs to it stays.

    Raises:
        NotFound: no agent of this name.
        BadInput: the new name can't be used.
        Conflict: another agent has it.
    """
    check_agent_name(new_name)
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await _get(tx, name)
        try:
            await tx.execute(
                "UPDATE discreet.agents SET name = %(name)s, updated_at = clock_timestamp()"
                " WHERE id = %(id)s",
                {"id": agent.id, "name": new_name},
            )
        except Conflict:
            raise Conflict(
                f"An agent named {new_name!r} already exists.", hint="See: sb agents list"
            ) from None
        return await _get(tx, new_name)


def _of_answers(change: AgentChange) -> dict[str, Any]:
    return {
        "waits_for_person": change.waits_for_person,
        "person_minutes": change.person_minutes,
        "holds_answers": change.holds_answers,
        "unknown_reply": change.unknown_reply,
        "runs_reminders": change.runs_reminders,
    }


async def pause_agent(db: ScopedDatabase, owner_id: OwnerId, name: str) -> Agent:
    """Pause an agent in every process from now on; its messages are stored and wait.

    A running turn saves nothing; its messages are taken again on resume.

    Raises:
        NotFound: no agent of this name.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await _get(tx, name)
        await tx.execute(
            "UPDATE discreet.agents SET paused_at = coalesce(paused_at, clock_timestamp())"
            " WHERE id = %(id)s",
            {"id": agent.id},
        )
        return await _get(tx, name)


async def resume_agent(db: ScopedDatabase, owner_id: OwnerId, name: str) -> Agent:
    """Resume an agent. It first answers the messages that arrived meanwhile.

    Raises:
        NotFound: no agent of this name.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await _get(tx, name)
        await tx.execute(
            "UPDATE discreet.agents SET paused_at = NULL WHERE id = %(id)s", {"id": agent.id}
        )
        await wake_waiting(tx, agent_id=agent.id)
        return await _get(tx, name)


async def _open_terminal(tx: Transaction, agent_id: AgentId) -> None:
    """Create the agent's terminal, named after its id because names may change."""
    await tx.execute(
        """INSERT INTO discreet.channels (agent_id, platform, account)
           VALUES (%(agent_id)s, 'terminal', %(account)s)""",
        {"agent_id": agent_id, "account": str(agent_id)},
    )


async def _refuse_where_open(tx: Transaction, agent: Agent) -> None:
    platform = await tx.value(
        "SELECT platform FROM discreet.channels WHERE agent_id = %(id)s AND admission = 'open'"
        " AND platform <> 'terminal' AND closed_at IS NULL LIMIT 1",
        {"id": agent.id},
    )
    if await tx.value(
        "SELECT true FROM discreet.web_chats WHERE agent_id = %(id)s LIMIT 1", {"id": agent.id}
    ):
        raise Conflict(
            f"Anybody may write to {agent.name} on a web page, so it can't have one memory for "
            f"everybody.",
            hint="First: sb channels remove NAME",
        )
    if platform is not None:
        raise Conflict(
            f"Anybody may write to {agent.name} on {platform}, so it can't have one memory for "
            f"everybody.",
            hint=f"First: sb admission set {agent.name!r} {platform} pairing",
        )


async def _get(tx: Transaction, name: str) -> Agent:
    called = await full_name(tx, name)
    row = await tx.fetch_one(_AGENTS + " WHERE a.name = %(name)s", {"name": called})
    if row is None:  # it was renamed or deleted meanwhile
        raise NotFound(f"There is no agent named {called!r} any more.")
    return _agent(row)


def _agent(row: Mapping[str, Any]) -> Agent:
    return Agent(**row)
