"""REST and MCP: whatever a token's bearer tries, they get only their own rows.

One file, although it is long: every test begins with bearers of the same kinds of token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.auth import mcp_sessions
from discreet.auth.scopes import (
    require_contact,
    resolve_contact,
    scope_of_message,
    scope_to_read,
    scope_to_write,
)
from discreet.auth.tokens import Bearer, authenticate, create_token, revoke_token
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict, Forbidden, NotFound, ScopeError
from discreet.domain.ids import AgentId, ContactId
from discreet.postgres.server import Database
from discreet.scope import ContactScope, OwnerScope, SharedScope, WorkScope
from discreet.services.idempotency import once
from tests.support.world import World, make_world, open_scoped, other_owner

ALICE, BOB = "telegram:1001", "telegram:1002"
Admin = psycopg.Connection[Any]


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


async def _token(world: World, **whose: Any) -> str:
    return (await create_token(world.db, world.owner_id, **whose))[1]


async def _bearer(world: World, **whose: Any) -> Bearer:
    return await authenticate(world.db, await _token(world, **whose))


async def _connection(world: World, token: str) -> tuple[str, mcp_sessions.McpConnection]:
    key = uuid4().hex
    await mcp_sessions.begin_mcp_session(world.db, await authenticate(world.db, token), key)
    connection = await _found(world, token, key)
    assert connection is not None
    return key, connection


async def _found(world: World, token: str, key: str) -> mcp_sessions.McpConnection | None:
    bearer, connection = await mcp_sessions.find_mcp_session(world.db, token, key)
    assert bearer == await authenticate(world.db, token)
    return connection


async def _again(world: World, token: str, key: str) -> mcp_sessions.McpConnection:
    found = await _found(world, token, key)
    assert found is not None
    return found


async def test_no_role_but_the_gate_sees_a_connection_or_a_key(
    world: World, database: Database
) -> None:
    token = await _token(world)
    await _connection(world, token)
    bearer = await authenticate(world.db, token)

    async def make() -> UUID:
        return uuid4()

    await once(world.db, bearer, "key", b"asked", make)
    alice = (await world.say(ALICE, "hi")).contact_id
    for scope, table in product(
        (world.owner, world.contact(alice), SharedScope(world.owner_id, world.agent_id)),
        ("mcp_sessions", "idempotency_keys"),
    ):
        async with world.db.begin(scope) as tx:
            with pytest.raises(ScopeError):
                await tx.fetch(f"SELECT * FROM discreet.{table}")
    async with world.db.begin(WorkScope()) as tx:
        with pytest.raises(ScopeError):
            await tx.fetch("SELECT * FROM discreet.mcp_sessions")


async def test_no_contact_looks_up_a_token_or_binds_a_connection(world: World) -> None:
    bearer = await _bearer(world)
    alice = (await world.say(ALICE, "hi")).contact_id
    for scope in (world.contact(alice), world.owner):
        for call in (
            "gate.token_scope('x')",
            "gate.token_scope_with_ticket('x', 'x')",
            "gate.begin_mcp_session('x', gen_random_uuid())",
            "gate.mcp_session('x', gen_random_uuid())",
            "gate.mcp_session_with_ticket('x', 'x', gen_random_uuid())",
            "gate.bind_mcp_session('x', gen_random_uuid(), gen_random_uuid())",
            "gate.end_mcp_session('x', gen_random_uuid())",
            "gate.purge_mcp_sessions('1 day')",
            "gate.claim_idempotency_key(gen_random_uuid(), 'x', 'x', '5 s')",
            "gate.renew_idempotency_key(gen_random_uuid(), 'x', gen_random_uuid(), '5 s')",
            "gate.settle_idempotency_key(gen_random_uuid(), 'x', gen_random_uuid(), NULL)",
        ):
            async with world.db.begin(scope) as tx:
                with pytest.raises(ScopeError):
                    await tx.execute(f"SELECT {call}")
    async with world.db.begin(world.contact(alice)) as tx:
        with pytest.raises(ScopeError):
            await tx.execute("SELECT gate.resolve_contact('telegram', '1', 'external', '', true)")
    assert bearer.kind == "owner"


async def test_p03_a_session_that_is_somebody_elses_binds_nothing(
    world: World, admin: Admin
) -> None:
    otto = await other_owner(world, admin)
    theirs = (await otto.say(ALICE, "hi")).session_id
    bobs = (await world.say(BOB, "hi")).session_id
    eve = await create_second_agent(world)
    await world.say(ALICE, "hi")
    for whose, session in (
        ({}, theirs),
        ({"contact": ALICE}, bobs),
        ({"agent": "Eve"}, bobs),
        ({}, uuid4()),
    ):
        token = await _token(world, **whose)
        key, connection = await _connection(world, token)
        scope = OwnerScope(world.owner_id)
        assert not await connection.binding.bind(scope, session)
        assert (await _again(world, token, key)).session_id is None
    assert eve


async def create_second_agent(world: World) -> AgentId:
    from discreet.services.agents import create_agent

    return (await create_agent(world.db, world.owner_id, "Eve")).id


async def test_p09_a_connection_is_known_only_with_the_token_that_began_it(world: World) -> None:
    first, second = await _token(world), await _token(world)
    key, connection = await _connection(world, first)
    await mcp_sessions.start_session(world.db, connection, sender=ALICE)
    assert await _found(world, second, key) is None
    await mcp_sessions.end_mcp_session(world.db, await authenticate(world.db, second), key)
    assert (await _again(world, first, key)).is_bound
    await mcp_sessions.end_mcp_session(world.db, connection.bearer, key)
    assert await _found(world, first, key) is None


async def test_of_two_who_bind_one_connection_at_once_one_is_refused(world: World) -> None:
    token = await _token(world)
    for _ in range(5):
        key, connection = await _connection(world, token)
        done = await asyncio.gather(
            mcp_sessions.start_session(world.db, connection, sender=ALICE),
            mcp_sessions.start_session(world.db, connection, sender=BOB),
            return_exceptions=True,
        )
        won = [one for one in done if isinstance(one, mcp_sessions.McpConnection)]
        assert [type(one) for one in done if one not in won] == [Conflict]
        assert (await _again(world, token, key)).scope == won[0].scope


async def test_an_agents_token_has_no_rows_until_it_names_a_contact(world: World) -> None:
    alice = (await world.say(ALICE, "hi")).contact_id
    assert alice is not None
    _, connection = await _connection(world, await _token(world, agent="Ada"))
    bearer = connection.bearer
    with pytest.raises(Forbidden):
        _ = bearer.scope
    with pytest.raises(Forbidden):
        _ = connection.scope
    with pytest.raises(Forbidden):
        await mcp_sessions.start_session(world.db, connection)
    for scope_for in (scope_to_read, scope_to_write):
        with pytest.raises(Forbidden):
            await scope_for(world.db, bearer, None, None)
        assert await scope_for(world.db, bearer, None, alice) == world.contact(alice)
    bound = await mcp_sessions.start_session(world.db, connection, contact_id=alice)
    assert bound.scope == world.contact(alice)


async def test_nobodys_id_and_another_owners_answer_alike(world: World, admin: Admin) -> None:
    otto = await other_owner(world, admin)
    theirs = (await otto.say(ALICE, "hi")).contact_id
    assert theirs is not None
    told = []
    for bearer in (await _bearer(world), await _bearer(world, agent="Ada")):
        for agent, contact in (
            (None, theirs),
            (None, ContactId(uuid4())),
            (otto.agent_id, None),
            (AgentId(uuid4()), None),
        ):
            if bearer.kind == "agent" and contact is None:
                continue
            for scope_for in (scope_to_read, scope_to_write):
                with pytest.raises(NotFound) as error:
                    await scope_for(world.db, bearer, agent, contact)
                told.append(str(error.value))
    assert set(told) == {"There is no such contact.", "There is no such agent."}


async def test_an_agents_token_is_for_no_other_agent(world: World) -> None:
    alice = (await world.say(ALICE, "hi")).contact_id
    eve = await create_second_agent(world)
    _, connection = await _connection(world, await _token(world, agent="Ada"))
    with pytest.raises(NotFound):
        await scope_to_read(world.db, connection.bearer, eve, alice)
    with pytest.raises(NotFound):
        await mcp_sessions.start_session(world.db, connection, agent="Eve", sender=ALICE)


async def test_an_agents_token_knows_nobody_who_wrote_to_another_agent_only(
    world: World, admin: Admin
) -> None:
    eve = await make_world(world.db, agent="Eve")
    alice = (await eve.say(ALICE, "hi", name="Alice Adams")).contact_id
    bob = (await world.say(BOB, "hi", name="Bob")).contact_id
    assert alice is not None
    other = "telegram:4004"
    admin.execute(
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)"
        " VALUES (%s, 'telegram', '4004', %s)",
        (world.owner_id, alice),
    )
    bearer = await _bearer(world, agent="Ada")

    async def resolved(who: str, **more: Any) -> Any:
        address = Address.parse(who)
        more = {"auto_create": False, **more}
        return (await resolve_contact(world.db, bearer, address, **more)).contact

    for nobody in (ALICE, other, "telegram:9009"):
        with pytest.raises(NotFound, match=f"No contact has the address {nobody}."):
            await resolved(nobody)
    for unknown in (alice, ContactId(uuid4())):
        for check in (
            scope_to_read(world.db, bearer, None, unknown),
            scope_to_write(world.db, bearer, None, unknown),
            require_contact(world.db, bearer, unknown),
        ):
            with pytest.raises(NotFound, match=r"There is no such contact\."):
                await check
    found = await resolved(BOB)
    assert (found.id, found.name, found.addresses) == (bob, "Bob", (BOB,))

    known, new = [await resolved(who, auto_create=True, name="A") for who in (ALICE, "telegram:5")]
    assert (known.id, known.name, known.addresses) == (alice, "A", (ALICE,))
    assert (new.name, new.addresses, new.type) == ("A", ("telegram:5",), known.type)
    assert abs(new.created_at - known.created_at) < timedelta(minutes=1)
    assert (
        known.created_at
        > admin.execute(
            "SELECT created_at FROM discreet.contacts WHERE id = %s", (alice,)
        ).fetchone()[0]
    )  # type: ignore[index]
    again = await resolved(ALICE)
    assert (again.id, again.name, again.addresses) == (alice, "", (ALICE,))
    assert await scope_to_write(world.db, bearer, None, alice) == world.contact(alice)


async def test_an_agents_token_does_not_learn_whose_an_unknown_address_is(
    world: World, admin: Admin
) -> None:
    eve = await make_world(world.db, agent="Eve")
    group, own = "telegram:-500", "telegram:7007"
    await eve.say(ALICE, "hi", group=group)
    admin.execute(
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, of_owner)"
        " VALUES (%s, 'telegram', '7007', true)",
        (world.owner_id,),
    )
    bearer = await _bearer(world, agent="Ada")
    for who, kind in ((own, "external"), (own, "group"), (group, "external"), (ALICE, "group")):
        for make in (False, True):
            with pytest.raises(NotFound, match=f"No contact has the address {who}."):
                await resolve_contact(
                    world.db, bearer, Address.parse(who), auto_create=make, kind=kind
                )
    await world.say(BOB, "hi")
    with pytest.raises(BadInput, match="group"):
        await resolve_contact(world.db, bearer, Address.parse(BOB), auto_create=True, kind="group")


async def test_an_agents_token_knows_who_speaks_among_others_and_to_an_agent_that_shares(
    world: World,
) -> None:
    shared = await make_world(world.db, agent="Fam", memory_model="shared")
    alice = (await world.say(ALICE, "hi", group="telegram:-500")).contact_id
    await shared.say(BOB, "hi", name="Bob")
    for agent, who, nobody in (("Ada", ALICE, BOB), ("Fam", BOB, ALICE)):
        bearer = await _bearer(world, agent=agent)
        found = await resolve_contact(world.db, bearer, Address.parse(who), auto_create=False)
        assert found.contact.addresses == (who,)
        assert found.contact.id != alice, "the person, not the group"
        with pytest.raises(NotFound):
            await resolve_contact(world.db, bearer, Address.parse(nobody), auto_create=False)
        new = await resolve_contact(
            world.db, bearer, Address.parse(f"telegram:7{who[-1]}"), auto_create=True
        )
        await require_contact(world.db, bearer, new.contact.id)
    async with world.db.begin(SharedScope(world.owner_id, shared.agent_id)) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.sessions") == 1


async def test_a_contacts_token_is_the_contacts_scope_whatever_is_named(world: World) -> None:
    alice = (await world.say(ALICE, "hi")).contact_id
    bob = (await world.say(BOB, "hi")).contact_id
    bearer = await _bearer(world, contact=ALICE)
    assert bearer.scope == world.contact(alice)
    for named in (alice, bob):
        with pytest.raises(Forbidden):
            await scope_to_read(world.db, bearer, None, named)
    with pytest.raises(Forbidden):
        await scope_to_write(world.db, bearer, world.agent_id, None)
    own = (await world.say(ALICE, "hi")).session_id
    assert await scope_of_message(world.db, bearer, own) == world.contact(alice)


async def test_a_blocked_contacts_token_opens_nothing(world: World) -> None:
    from discreet.domain.errors import Unauthorized
    from discreet.services.contacts import block_contact

    await world.say(ALICE, "hi")
    _, token = await create_token(world.db, world.owner_id, contact=ALICE)
    await block_contact(world.db, world.owner_id, ALICE)
    with pytest.raises(Unauthorized):
        await authenticate(world.db, token)


async def test_with_a_shared_agent_a_contacts_token_opens_the_shared_scope(
    world: World,
) -> None:
    shared = await make_world(world.db, agent="Fam", memory_model="shared")
    await shared.say(ALICE, "hi")
    bearer = await _bearer(world, contact=ALICE, agent="Fam")
    assert bearer.scope == SharedScope(world.owner_id, shared.agent_id)
    assert not isinstance(bearer.scope, ContactScope)


async def test_one_key_of_two_tokens_is_two_keys(world: World) -> None:
    made: list[UUID] = []

    async def make() -> UUID:
        made.append(uuid4())
        return made[-1]

    await world.say(ALICE, "hi")
    await world.say(BOB, "hi")
    alice, bob = await _bearer(world, contact=ALICE), await _bearer(world, contact=BOB)
    hers = await once(world.db, alice, "same key", b"same", make)
    his = await once(world.db, bob, "same key", b"same", make)
    assert hers != his
    assert await once(world.db, alice, "same key", b"same", make) == hers


async def test_a_key_whose_call_failed_is_free_again_and_old_ones_are_forgotten(
    world: World, admin: Admin
) -> None:
    bearer = await _bearer(world)

    async def fail() -> UUID:
        raise NotFound("nothing")

    async def make() -> UUID:
        return uuid4()

    with pytest.raises(NotFound):
        await once(world.db, bearer, "key", b"asked", fail)
    first = await once(world.db, bearer, "key", b"asked", make)
    assert await once(world.db, bearer, "key", b"asked", make) == first
    admin.execute("UPDATE discreet.idempotency_keys SET created_at = created_at - interval '2 d'")
    assert await once(world.db, bearer, "key", b"asked", make) != first


async def test_who_took_a_key_and_died_leaves_it_to_the_next(world: World, admin: Admin) -> None:
    bearer = await _bearer(world)

    begun = asyncio.Event()

    async def never() -> UUID:
        begun.set()
        await asyncio.Event().wait()
        return uuid4()

    async def make() -> UUID:
        return uuid4()

    dying = asyncio.create_task(once(world.db, bearer, "key", b"asked", never))
    await begun.wait()
    with pytest.raises(Conflict):
        await once(world.db, bearer, "key", b"asked", make)
    admin.execute("UPDATE discreet.idempotency_keys SET leased_until = now()")
    made = await once(world.db, bearer, "key", b"asked", make)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await once(world.db, bearer, "key", b"asked", make) == made


async def test_connections_that_nobody_uses_are_forgotten_and_others_stay(
    world: World, admin: Admin
) -> None:
    token = await _token(world)
    old, _ = await _connection(world, token)
    new, _ = await _connection(world, token)
    admin.execute("UPDATE discreet.mcp_sessions SET used_at = used_at - interval '29 d'")
    assert await _found(world, token, new) is not None
    admin.execute("UPDATE discreet.mcp_sessions SET used_at = used_at - interval '2 d'")
    async with world.db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.purge_mcp_sessions('30 days')")
    assert await _found(world, token, new) is not None
    assert await _found(world, token, old) is None


async def test_p16_a_revoked_token_ends_what_was_bound_with_it(world: World) -> None:
    from discreet.domain.errors import Unauthorized

    made, token = await create_token(world.db, world.owner_id)
    key, connection = await _connection(world, token)
    await mcp_sessions.start_session(world.db, connection, sender=ALICE)
    await revoke_token(world.db, world.owner_id, str(made.id))
    with pytest.raises(Unauthorized):
        await authenticate(world.db, token)
    with pytest.raises(Unauthorized):
        await mcp_sessions.find_mcp_session(world.db, token, key)
