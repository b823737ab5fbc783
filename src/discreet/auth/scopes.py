"""Derive the scope of a program's call from its token.

A call may narrow the scope to one contact, and never widen it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from discreet.auth.known_contacts import as_told, introduce, knows, label_as_told
from discreet.auth.tokens import Bearer, authenticate
from discreet.contacts import Entry, get_entry
from discreet.contacts.agent_names import full_name
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Forbidden, NotFound
from discreet.domain.ids import AgentId, ContactId, OwnerId, SessionId
from discreet.domain.text import plain_name
from discreet.queue.job_scope import scope_of_session
from discreet.scope import OwnerScope, ScopedDatabase, SharedScope, Transaction
from discreet.scope.scopes import SessionScope, session_scope

NAMES_A_CONTACT = (
    "A contact's token can't name a contact, not even its own."
    " Leave out sender, contact_id, group and agent_id."
)


async def scope_to_read(
    db: ScopedDatabase, bearer: Bearer, agent_id: AgentId | None, contact_id: ContactId | None
) -> SessionScope:
    """Return the scope for reading: the named contact's, or else the token's own.

    The owner's own scope reads everybody's rows.

    Raises:
        Forbidden: the token may not name a contact, or has to.
        NotFound: no such agent or contact.
    """
    if bearer.kind == "owner" and agent_id is None and contact_id is None:
        return OwnerScope(bearer.owner_id)
    return await scope_to_write(db, bearer, agent_id, contact_id)


async def scope_to_write(
    db: ScopedDatabase, bearer: Bearer, agent_id: AgentId | None, contact_id: ContactId | None
) -> SessionScope:
    """Return the scope for creating something, which always belongs to one agent.

    It is the named agent, or else the token's, or else the one that was created first.

    Raises:
        Forbidden: the token may not name a contact, or has to.
        NotFound: no such agent or contact.
    """
    if bearer.kind == "contact":
        if agent_id is not None or contact_id is not None:
            raise Forbidden(NAMES_A_CONTACT)
        return bearer.scope
    if bearer.kind == "agent":
        if agent_id is not None and agent_id != bearer.agent_id:
            raise NotFound("There is no such agent.")
        if contact_id is None:
            raise Forbidden(
                "An agent's token needs a contact.",
                hint="Name it in the query: ?sender=web:anna, or ?contact_id=ID.",
            )
    return await scope_of(db, bearer, agent_id or bearer.agent_id, contact_id)


async def scope_of(
    db: ScopedDatabase, bearer: Bearer, agent_id: AgentId | None, contact_id: ContactId | None
) -> SessionScope:
    """Return the scope of a contact or of the owner with an agent, or the agent's shared scope.

    Raises:
        NotFound: this owner has no such agent or contact.
    """
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT id, memory_model = 'shared' AS shared FROM discreet.agents"
            " WHERE %(id)s::uuid IS NULL OR id = %(id)s ORDER BY created_at, id LIMIT 1",
            {"id": agent_id},
        )
        if row is None:
            raise NotFound("There is no such agent.")
        if contact_id is not None:
            await _require_known(tx, bearer, contact_id)
    if row["shared"]:
        contact_id = None
    return session_scope(bearer.owner_id, AgentId(row["id"]), contact_id, shared=row["shared"])


async def agent_to_ask(db: ScopedDatabase, bearer: Bearer, agent_id: AgentId | None) -> str | None:
    """Return the name of the agent that a message is for; None: the one that was created first.

    Raises:
        NotFound: no such agent, or the token may not use it.
    """
    wanted = agent_id or bearer.agent_id
    if wanted is None:
        return None
    if bearer.agent_id is not None and wanted != bearer.agent_id:
        raise NotFound("There is no such agent.")
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        name: str | None = await tx.value(
            "SELECT name FROM discreet.agents WHERE id = %(id)s", {"id": wanted}
        )
    if name is None:
        raise NotFound("There is no such agent.")
    return name


async def scope_of_message(
    db: ScopedDatabase, bearer: Bearer, session_id: SessionId
) -> SessionScope:
    """Return the scope for reading the answer to a message of this session.

    Raises:
        NotFound: the session is gone.
    """
    if bearer.kind == "owner":
        return OwnerScope(bearer.owner_id)
    scope = await scope_of_session(db, session_id)
    if scope is None or scope.owner_id != bearer.owner_id:
        raise NotFound("There is no such session.")
    return scope


async def agent_named(db: ScopedDatabase, bearer: Bearer, name: str) -> AgentId:
    """Return the agent of this name that the token may use.

    Raises:
        NotFound: there is none.
    """
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        if bearer.kind == "owner":
            name = await full_name(tx, name)
        found = await tx.value(
            "SELECT id FROM discreet.agents WHERE name = %(name)s"
            "   AND (%(only)s::uuid IS NULL OR id = %(only)s)",
            {"name": name, "only": bearer.agent_id},
        )
    if found is None:
        raise NotFound("There is no such agent.")
    return AgentId(found)


async def resolve_contact(
    db: ScopedDatabase,
    bearer: Bearer,
    address: Address,
    *,
    auto_create: bool,
    name: str = "",
    kind: str = "external",
    meet: bool = True,
) -> Entry:
    """Return the contact of an address, created if it is new and ``auto_create`` is set.

    With an agent's token only the contacts known to that agent exist, and no more is shown than
    they told it (see ``known_contacts``). An address that it can't be given (the owner's, or one of
    another kind) has no contact. ``meet`` false: a new contact isn't introduced to the agent yet,
    because a message of theirs is about to be stored.

    Raises:
        Forbidden: the token is a contact's.
        NotFound: nobody has this address.
        BadInput: it is the owner's own, or a group's instead of a person's (or vice versa).
    """
    if bearer.kind == "contact":
        raise Forbidden("A contact's token can't resolve addresses.")
    agent_id, name = bearer.agent_id, plain_name(name)
    entry, known = None, False
    try:
        async with db.begin(OwnerScope(bearer.owner_id)) as tx:
            entry = await _behind(tx, address, kind=kind, name=name, make=auto_create)
            known = entry is not None
            if entry is not None and agent_id is not None:
                known = await knows(tx, bearer.owner_id, agent_id, entry.contact.id)
                if known or auto_create:
                    entry = await as_told(tx, bearer.owner_id, agent_id, entry, address, name)
    except BadInput:
        if agent_id is None or await _is_known(db, bearer.owner_id, agent_id, address):
            raise
    if entry is None and auto_create and agent_id is None:
        raise BadInput(f"{address} belongs to the owner.")
    if entry is None or not (known or auto_create):
        raise NotFound(f"No contact has the address {address}.")
    if agent_id is not None and meet and not known:
        await introduce(db, bearer.owner_id, agent_id, entry.contact.id, shared=bearer.shared)
    return entry


async def make_sender(tx: Transaction, address: Address) -> None:
    """Create the contact of an address that writes with an owner's token, unless there is one.

    Raises:
        BadInput: it is the owner's own, or a group's.
    """
    if await _contact_at(tx, address, make=True) is None:
        raise BadInput(f"{address} belongs to the owner.")


async def _behind(
    tx: Transaction, address: Address, *, kind: str = "external", name: str = "", make: bool = False
) -> Entry | None:
    contact_id = await _contact_at(tx, address, kind=kind, name=name, make=make)
    return None if contact_id is None else await get_entry(tx, contact_id)


async def _contact_at(
    tx: Transaction, address: Address, *, kind: str = "external", name: str = "", make: bool = False
) -> ContactId | None:
    contact_id: ContactId | None = await tx.value(
        "SELECT gate.resolve_contact(%(platform)s, %(id)s, %(kind)s, %(name)s, %(make)s)",
        {
            "platform": address.platform,
            "id": address.platform_id,
            "kind": kind,
            "name": name,
            "make": make,
        },
    )
    return contact_id


async def _is_known(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId, address: Address
) -> bool:
    async with db.begin(OwnerScope(owner_id)) as tx:
        entry = await _behind(tx, address)
        return entry is not None and await knows(tx, owner_id, agent_id, entry.contact.id)


async def require_contact(db: ScopedDatabase, bearer: Bearer, contact_id: ContactId) -> None:
    """Check that the token may name a contact.

    Raises:
        NotFound: there is no such contact, or the agent's token doesn't know it.
    """
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        await _require_known(tx, bearer, contact_id)


async def _require_known(tx: Transaction, bearer: Bearer, contact_id: ContactId) -> None:
    known = await get_entry(tx, contact_id) is not None
    if known and bearer.kind == "agent" and bearer.agent_id is not None:
        known = await knows(tx, bearer.owner_id, bearer.agent_id, contact_id)
    if not known:
        raise NotFound("There is no such contact.")


async def bearer_label(db: ScopedDatabase, bearer: Bearer) -> str:
    """Return the label of a bearer: ``owner``, the agent's name or the contact's label."""
    if bearer.kind == "owner":
        return "owner"
    if bearer.kind == "agent":
        return await agent_to_ask(db, bearer, None) or ""
    assert bearer.contact_id is not None  # noqa: S101 - that is its kind
    async with db.begin(OwnerScope(bearer.owner_id)) as tx:
        entry = await get_entry(tx, bearer.contact_id)
        if entry is None:
            return ""
        minted = await tx.value(
            "SELECT minted_by IS NOT NULL FROM discreet.tokens WHERE id = %(id)s",
            {"id": bearer.token_id},
        )
        if minted and bearer.agent_id is not None:
            # It shows no more of the contact than the agent's token that minted it may see.
            return await label_as_told(tx, bearer.owner_id, bearer.agent_id, bearer.contact_id)
    return entry.contact.label


def bearer_of_owner(owner_id: OwnerId) -> Bearer:
    """Return the owner as a bearer without a token, for the person who runs the installation."""
    return Bearer(token_id=None, owner_id=owner_id, agent_id=None, contact_id=None, shared=False)


def bearer_finder(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    token: str | None,
    who: Address | ContactId | None,
    agent: str | None,
) -> Callable[[], Awaitable[Bearer]]:
    """Return a function that finds the bearer again for each call, so that a revocation counts.

    It is the token's bearer, or a contact, or else the owner.
    """

    async def find() -> Bearer:
        if token is not None:
            return await authenticate(db, token)
        if who is not None:
            return await bearer_of_contact(db, owner_id, agent, who)
        return bearer_of_owner(owner_id)

    return find


async def bearer_of_contact(
    db: ScopedDatabase, owner_id: OwnerId, agent: str | None, who: Address | ContactId
) -> Bearer:
    """Return a contact as a bearer without a token, for the person who runs the installation.

    The contact is named by address, which is created if new, or by id; the agent is the named one
    or the first.

    Raises:
        BadInput, NotFound: it can't be resolved; nobody else is used instead.
        Forbidden: the contact is blocked.
    """
    owner = bearer_of_owner(owner_id)
    if isinstance(who, Address):
        entry = await resolve_contact(db, owner, who, auto_create=True)
    else:
        async with db.begin(OwnerScope(owner_id)) as tx:
            found = await get_entry(tx, who)
        if found is None:
            raise NotFound("There is no such contact.", hint="See: sb contacts list")
        entry = found
    if entry.blocked_at is not None:
        raise Forbidden("This contact is blocked.", hint="See: sb contacts unblock")
    agent_id = None if agent is None else await agent_named(db, owner, agent)
    scope = await scope_of(db, owner, agent_id, entry.contact.id)
    return Bearer(
        token_id=None,
        owner_id=owner_id,
        agent_id=scope.agent_id,
        contact_id=entry.contact.id,
        shared=isinstance(scope, SharedScope),
    )
