"""Ways in which the model, its tools and recall reach beyond one scope.

pNN is the number in the list of pitfalls; test_pitfalls_scope.py describes the whole list.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, NotFound, ScopeError, Unavailable
from discreet.domain.ids import MemoryId
from discreet.domain.inbound import AddressSender, Group, Inbound
from discreet.domain.text import checked_thread_key
from discreet.intake import accept
from discreet.intake.groups import move_group
from discreet.memory.embedding import Vectors, bundled_embedder
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.indexing import index
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.memories import (
    MemoryChange,
    NewMemory,
    forget,
    get_memory,
    list_memories,
    remember,
    update_memory,
)
from discreet.memory.recall import Filters, prepare, recall, search_messages
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase, SharedScope
from discreet.services.references import ReferenceText, list_references, publish
from discreet.turn.lease import Lease, acquire
from discreet.turn.load import load
from discreet.turn.toolbox import TOOLS, Toolbox
from tests.isolation.conftest import ALICE, BOB
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all
from tests.support.world import World, make_world, other_owner

Admin = psycopg.Connection[Any]
EMBEDDER = bundled_embedder()

EVERYBODY = ("alice", "bob", "group", "owner", "eve", "otto")


class People:
    """Two contacts, a group and the owner of one agent, and two other contacts.

    One belongs to another agent (Eve) of the same owner, one to another owner (Otto).
    """

    def __init__(self, world: World, scopes: dict[str, Any], worlds: dict[str, World]) -> None:
        self.world, self.scopes, self.worlds = world, scopes, worlds

    @property
    def db(self) -> ScopedDatabase:
        return self.world.db

    async def keep(self, who: str, *texts: str, **more: Any) -> list[MemoryId]:
        made = index(texts, EMBEDDER)
        async with self.db.begin(self.scopes[who]) as tx:
            return [
                (await remember(tx, NewMemory(text, one, **more))).id
                for text, one in zip(texts, made, strict=True)
            ]

    async def kept(self, who: str) -> list[str]:
        async with self.db.begin(self.scopes[who]) as tx:
            return sorted(memory.content for memory in await list_memories(tx, 1000))

    async def tools(self, who: str, embedder: Any = EMBEDDER) -> Toolbox:
        """Return the tools of a running turn."""
        world, scope = self.worlds[who], self.scopes[who]
        sender = {"bob": BOB, "owner": None}.get(who, ALICE)
        said = await world.say(sender, "hello", group=GROUP if who == "group" else None, new=True)
        async with self.db.begin(scope) as tx:
            lease = await acquire(tx, said.session_id)
        assert isinstance(lease, Lease)
        return Toolbox(self.db, scope, said.session_id, lease.turn_id, embedder)


GROUP = "telegram:-100500"


@pytest.fixture
async def people(world: World, admin: Admin) -> People:
    eve = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    worlds = {**dict.fromkeys(("alice", "bob", "group", "owner"), world), "eve": eve, "otto": otto}
    contacts = {
        "alice": (await world.say(ALICE, "hi")).contact_id,
        "bob": (await world.say(BOB, "hi")).contact_id,
        "group": (await world.say(ALICE, "hi", group=GROUP)).contact_id,
        "eve": (await eve.say(ALICE, "hi")).contact_id,
        "otto": (await otto.say(ALICE, "hi")).contact_id,
    }
    scopes = {who: worlds[who].contact(contact) for who, contact in contacts.items()}
    return People(world, {**scopes, "owner": world.owner}, worlds)


SCOPE_ARGUMENTS = (
    "contact_id", "user_id", "owner_id", "agent_id", "session_id", "thread_key", "sender", "scope",
    "filters", "where", "namespace", "as_user", "party",
)  # fmt: skip
WIDER: tuple[Any, ...] = ("*", "", None, [], {}, {"$ne": ""}, {"OR": []}, {"NOT": {}}, True, "' OR")


async def test_p12_no_tool_takes_a_scope_or_a_filter_and_none_is_dropped_in_silence(
    people: People,
) -> None:
    box = await people.tools("alice")
    (mine,) = await people.keep("alice", "alice likes tea")
    await people.keep("bob", "bob likes tea")
    good: dict[str, dict[str, Any]] = {
        "remember": {"content": "planted"},
        "recall": {"query": "tea"},
        "forget": {"memory_id": str(mine)},
        "update_memory": {"memory_id": str(mine), "content": "planted"},
        "search_conversation": {"query": "hi"},
        "set_time_zone": {"zone": "Europe/Berlin"},
        "ask_for_person": {"reason": "a refund"},
    }
    assert set(good) == {tool.name for tool in TOOLS}
    bob = str(people.scopes["bob"].contact_id)
    for tool in TOOLS:
        assert tool.schema["additionalProperties"] is False
        assert not set(tool.schema["properties"]) & set(SCOPE_ARGUMENTS)
        for argument in SCOPE_ARGUMENTS:
            for value in (bob, *WIDER):
                outcome = await box.call(tool.name, {**good[tool.name], argument: value})
                assert (outcome.done, outcome.found) == (False, ()), (tool.name, argument, value)
                assert f"unknown argument '{argument}'" in outcome.text
    assert await people.kept("alice") == ["alice likes tea"]
    assert await people.kept("bob") == ["bob likes tea"]


async def test_p12_what_looks_like_a_filter_in_an_argument_is_a_text_or_refused(
    people: People,
) -> None:
    (mine,) = await people.keep("alice", "alice likes tea")
    await people.keep("bob", "bob likes tea")
    box = await people.tools("alice")
    for value in WIDER:
        for tool, argument in (("recall", "query"), ("search_conversation", "query")):
            outcome = await box.call(tool, {argument: value})
            assert "bob" not in outcome.text
        for tool, more in (("forget", {}), ("update_memory", {"content": "planted"})):
            assert not (await box.call(tool, {"memory_id": value, **more})).done
    for query in ("*", "%", "' OR true --", "contact_id:*", "OR NOT tea", "tea) OR (true", '"; --'):
        found = (await box.call("recall", {"query": query, "limit": 30})).found
        assert {one.id for one in found} <= {mine}
    assert await people.kept("bob") == ["bob likes tea"]


@pytest.mark.parametrize("stranger", ["alice", "group", "eve", "otto", "shared"])
async def test_p13_an_id_alone_reads_changes_forgets_and_restores_nothing_of_anybody_else(
    people: People, stranger: str
) -> None:
    (bobs,) = await people.keep("bob", "bob likes tea")
    async with people.db.begin(people.scopes["bob"]) as tx:
        await update_memory(tx, bobs, change("bob likes coffee"))
    ids = (people.world.owner_id, people.world.agent_id)
    scope = SharedScope(*ids) if stranger == "shared" else people.scopes[stranger]
    for memory_id in (bobs, MemoryId(uuid4())):
        for attempt in (
            get_memory,
            get_memory_history,
            lambda tx, id: update_memory(tx, id, change("overwritten")),
            lambda tx, id: update_memory(tx, id, change("overwritten"), expected=2),
            forget,
            lambda tx, id: restore_memory(tx, id, 1),
        ):
            async with people.db.begin(scope) as tx:
                with pytest.raises(NotFound) as refused:
                    await attempt(tx, memory_id)
            assert str(memory_id) not in str(refused.value)
    assert await people.kept("bob") == ["bob likes coffee"]


def change(text: str) -> MemoryChange:
    (made,) = index([text], EMBEDDER)
    return MemoryChange(content=text, indexed=made)


async def test_p13_a_tool_says_the_same_of_an_id_that_is_somebody_elses_and_of_none(
    people: People,
) -> None:
    others = [id for who in EVERYBODY[1:] for id in await people.keep(who, f"{who} likes tea")]
    box = await people.tools("alice")
    for tool, more in (("forget", {}), ("update_memory", {"content": "overwritten"})):
        outcomes = {
            await box.call(tool, {"memory_id": str(id), **more}) for id in (*others, uuid4())
        }
        assert len(outcomes) == 1
    for who in EVERYBODY[1:-2]:
        assert f"{who} likes tea" in await people.kept(who)


async def test_p13_forgetting_and_changing_one_memory_leaves_ones_others_alone(
    people: People,
) -> None:
    first, second, third = await people.keep("alice", "one", "two", "three")
    async with people.db.begin(people.scopes["alice"]) as tx:
        await update_memory(tx, first, change("uno"))
        await forget(tx, second)
        assert (await get_memory(tx, first)).content == "uno"
        assert (await get_memory(tx, third)).content == "three"
        assert [old.content for old in await get_memory_history(tx, second)] == ["two"]
    assert await people.kept("alice") == ["three", "uno"]


async def test_p14_no_tool_lists_people_sessions_files_or_tasks() -> None:
    assert {tool.name for tool in TOOLS} == {
        "remember", "recall", "update_memory", "forget", "search_conversation",
        "set_time_zone", "ask_for_person",
    }  # fmt: skip


async def test_p14_nothing_of_others_nor_the_owners_remarks_is_in_a_contacts_prompt_or_answers(
    people: People, database: Database, admin: Admin
) -> None:
    for who in EVERYBODY[1:]:
        await people.keep(who, f"{who}-critical", salience="critical")
        await people.keep(who, f"{who}-tea")
    await people.keep("alice", "alice-tea")
    world = people.world
    await world.say(BOB, "bob-said tea", name="bob-name")
    await world.say(None, "owner-said tea")
    await world.say(BOB, "group-said tea", group=GROUP, name="bob-name")
    admin.execute("UPDATE discreet.contacts SET note = 'remark', aliases = '{nickname}'")
    responder = Responder(do_as_told)
    for text in (calling("recall"), calling("recall", query="tea", limit=30),
                 calling("search_conversation", query="tea", limit=30)):  # fmt: skip
        await world.say(ALICE, text)
    await do_all(database, people.db, responder)
    hers = [
        (prompt, context)
        for prompt, context in zip(responder.prompts, responder.contexts, strict=True)
        if context.waiting[0].speaker and context.waiting[0].text == "hi"
        and context.waiting[0].speaker.address == ALICE and context.party.kind == "contact"
        and len(context.waiting) == 4
    ]  # fmt: skip
    assert len(hers) == 1
    async with people.db.begin(people.scopes["alice"]) as tx:
        answers = await tx.fetch("SELECT text FROM discreet.messages WHERE direction = 'out'")
    shown = repr(hers) + repr(answers)
    assert "alice-tea" in shown
    for secret in ("critical", "bob-", "owner-", "group-", "eve-", "otto-", "remark", "nickname"):
        assert secret not in shown, secret
    owners = [p for p, s in zip(responder.prompts, responder.contexts, strict=True) if s.of_owner]
    assert "owner-critical" in repr(owners)
    # It starts with the owner's own knowledge, not with contacts' important memories.
    assert "bob-critical" not in repr([s.knowledge for s in responder.contexts if s.of_owner])


async def test_p14_the_owner_is_told_whose_each_row_is(people: People) -> None:
    for who in ("alice", "bob", "owner"):
        await people.keep(who, f"{who} likes tea")
    box = await people.tools("owner")
    found = (await box.call("recall", {"query": "who likes tea", "limit": 30})).found
    assert {one.text: one.whose.address if one.whose else None for one in found} == {
        "alice likes tea": ALICE,
        "bob likes tea": BOB,
        "owner likes tea": None,
    }


async def test_p15_a_field_that_a_tool_does_not_know_is_an_error_and_never_dropped(
    people: People,
) -> None:
    box = await people.tools("alice")
    outcome = await box.call("remember", {"content": "tea", "contact": "bob"})
    assert not outcome.done
    assert "contact" in outcome.text
    assert await people.kept("alice") == []


async def test_p17_all_of_a_contacts_rows_are_found_however_near_everybody_elses_are(
    people: People,
) -> None:
    mine = await people.keep(
        "alice", *(f"alice saw heron number {n} in the rain" for n in range(10))
    )
    for who in EVERYBODY[1:]:
        await people.keep(who, *(f"the heron question, asked by {who} ({n})" for n in range(40)))
    async with people.db.begin(people.scopes["alice"]) as tx:
        hits = await recall(tx, prepare("the heron question", EMBEDDER), limit=10)
    assert {hit.id for hit in hits} == set(mine)


class Unreachable:
    """An embedder whose endpoint is down."""

    name = EMBEDDER.name
    dimensions = getattr(EMBEDDER, "dimensions", 256)

    def embed(self, texts: Any) -> Vectors:
        raise Unavailable("The embedder can't be reached.")


async def test_p18_every_way_that_recall_falls_back_on_stays_in_the_scope(people: People) -> None:
    for who in EVERYBODY:
        await people.keep(who, f"{who} likes tea")
    for embedder in (EMBEDDER, Unreachable()):
        box = await people.tools("alice", embedder)
        for query in ("tea", "", "  ", "nothing has this word: xylophone", "?!", "tea " * 200):
            found = (await box.call("recall", {"query": query, "limit": 30})).found
            assert {one.text for one in found} <= {"alice likes tea"}, query
    empty = await people.tools("group")
    async with people.db.begin(people.scopes["group"]) as tx:
        for memory in await list_memories(tx):
            await forget(tx, memory.id)
    for query in ("tea", ""):
        assert (await empty.call("recall", {"query": query})).text == "No results."


async def test_p18_filters_narrow_a_scope_and_never_widen_it(people: People) -> None:
    for who in EVERYBODY:
        await people.keep(who, f"{who} likes tea")
    query = prepare("who likes tea", EMBEDDER)

    async def found(who: str, **filters: Any) -> set[str]:
        async with people.db.begin(people.scopes[who]) as tx:
            hits = await recall(tx, query, filters=Filters(**filters))
        return {hit.content for hit in hits}

    bob = people.scopes["bob"].contact_id
    assert await found("alice", contact_id=bob) == set()
    assert await found("owner", contact_id=bob) == {"bob likes tea"}
    both = frozenset(["memory", "message"])
    assert await found("owner", contact_id=bob, kinds=both) == {"bob likes tea", "hi"}
    async with people.db.begin(people.scopes["owner"]) as tx:
        hits = await recall(
            tx, prepare("hi", EMBEDDER), filters=Filters(contact_id=bob, kinds=both)
        )
    assert {hit.contact_id for hit in hits} == {bob}
    for session in (None, uuid4()):
        async with people.db.begin(people.scopes["alice"]) as tx:
            hits = await search_messages(tx, prepare("hi", EMBEDDER), session_id=session)
        assert len(hits) == (1 if session is None else 0)


async def test_p18_reference_texts_are_one_agents_and_one_owners(people: People) -> None:
    for who in ("owner", "eve", "otto"):
        world = people.worlds[who]
        text = ReferenceText("hours.md", (f"open at noon, says {who}",))
        await publish(people.db, world.owner_id, world.agent_id, [text], EMBEDDER)
    query = prepare("when is it open", EMBEDDER)
    for who, expected in (("alice", "owner"), ("eve", "eve"), ("otto", "otto")):
        async with people.db.begin(people.scopes[who]) as tx:
            hits = await recall(tx, query)
        assert [hit.content for hit in hits] == [f"open at noon, says {expected}"]
    world, eve = people.world, people.worlds["eve"]
    await publish(people.db, world.owner_id, world.agent_id, [], EMBEDDER)
    assert await list_references(people.db, world.owner_id, world.agent_id) == {}
    assert await list_references(people.db, eve.owner_id, eve.agent_id) == {"hours.md": 1}
    with pytest.raises((NotFound, ScopeError)):
        await publish(people.db, world.owner_id, people.worlds["otto"].agent_id,
                      [ReferenceText("new.md", ("planted",))], EMBEDDER)  # fmt: skip


async def test_p19_rows_without_a_contact_are_shown_to_no_contact(
    people: People, admin: Admin
) -> None:
    world = people.world
    admin.execute(
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, salience)"
        " VALUES (%s, %s, NULL, 'legacy tea', 'critical')",
        (world.owner_id, world.agent_id),
    )
    for who in EVERYBODY:
        if who == "owner":
            continue
        async with people.db.begin(people.scopes[who]) as tx:
            assert await list_memories(tx, include_expired=True) == []
            assert await get_knowledge_memories(tx, 1000) == []
            hits = await recall(tx, prepare("legacy tea", EMBEDDER))
            assert hits == []
            assert await tx.value("SELECT count(*) FROM discreet.memory_history") == 0


NEARLY = (
    "telegram:1", "telegram:10", "telegram:01", "telegram:-1", "discord:1", "web:1",
    "web:john_doe", "web:john-doe", "web:john%", "web:john", "web:JOHN", "web:john.doe",
    "web:telegram:1", "web:jo\u0445n", "web:\u212aelvin", "web:Kelvin", "web:stra\u00dfe",
    "web:strasse", "web:1/2", "web:#1", "web:'1'", "web:\u0661",
)  # fmt: skip


async def test_p20_and_p31_addresses_that_are_nearly_the_same_are_different_people(
    world: World,
) -> None:
    parsed = []
    for text in NEARLY:
        try:
            parsed.append(str(Address.parse(text)))
        except BadInput:
            continue  # refused rather than repaired
    assert len(parsed) >= len(NEARLY) - 1
    first = [await world.say(address, "hi", name="John") for address in parsed]
    assert len({one.contact_id for one in first}) == len(parsed)
    assert len({one.session_id for one in first}) == len(parsed)
    again = [await world.say(address, "hi", name="John") for address in parsed]
    assert [one.contact_id for one in again] == [one.contact_id for one in first]
    async with world.db.begin(world.owner) as tx:
        kept = await tx.fetch("SELECT platform || ':' || platform_id AS a FROM discreet.addresses")
    assert {row["a"] for row in kept} == set(parsed)


@pytest.mark.parametrize(
    "address",
    [" telegram:1", "telegram: 1", "telegram:1 ", "telegram:1\n", "Telegram:1", "telegram:1\u200b",
     "telegram:\u202e1", "telegram:1\0", "telegram:\ufeff1", "telegram:e\u0301", "telegram",
     "telegram:" + "1" * 257],
)  # fmt: skip
def test_p20_an_address_that_would_have_to_be_repaired_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        Address.parse(address)


UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u2060\u2063"
    "\u2064\u2065\u206f\u2800\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d159"
    "\U0001d173\U000e0001\U000e0041\U000e0100\U000e01ef\U000e0fff"
)


async def test_p20_an_id_with_a_sign_that_nobody_sees_is_refused_wherever_one_enters(
    world: World,
) -> None:
    known = Address.parse("telegram:1")
    hello = Inbound(world.channel_id, "1", "m1", AddressSender(known), "hi", datetime.now(UTC))
    for sign in UNSEEN:
        for unseen in (f"1{sign}", f"{sign}1", f"1{sign}2"):
            with pytest.raises(BadInput):
                Address.parse(f"telegram:{unseen}")
            with pytest.raises(BadInput):
                checked_thread_key(unseen)
        hidden = Address("telegram", f"1{sign}")  # as a channel of another package might create it
        for inbound in (
            replace(hello, sender=AddressSender(hidden)),
            replace(hello, sender=AddressSender(known, also=(hidden,))),
            replace(hello, group=Group(hidden)),
            replace(hello, chat_id=f"1{sign}"),
            replace(hello, message_id=f"m1{sign}"),
            replace(hello, platform_thread=f"1{sign}"),
            replace(hello, thread_key=f"1{sign}"),
            replace(hello, reply_to=f"1{sign}"),
        ):
            with pytest.raises(BadInput):
                await accept(world.db, world.owner_id, inbound)
        with pytest.raises(BadInput):
            await move_group(world.db, world.owner_id, known, hidden)


async def test_p20_thread_keys_that_are_nearly_the_same_are_different_sessions(
    world: World,
) -> None:
    keys = ("", "t", "T", "t1", "t10", "t_1", "t-1", "t%", "t 1", "trip", "trip:", "\u0442")
    sessions = [(await world.say(ALICE, "hi", thread_key=key)).session_id for key in keys]
    assert len(set(sessions)) == len(keys)
    again = [(await world.say(ALICE, "hi", thread_key=key)).session_id for key in keys]
    assert again == sessions


PAST = datetime(2020, 1, 1, tzinfo=UTC)


async def test_p21_what_has_expired_is_not_recalled_by_any_way(people: People) -> None:
    await people.keep("alice", "secret of 2019", expires_at=PAST, salience="critical")
    await people.keep("alice", "tea")
    box = await people.tools("alice")
    for query in ("secret of 2019", ""):
        found = (await box.call("recall", {"query": query})).found
        assert {one.text for one in found} <= {"tea"}
    async with people.db.begin(people.scopes["alice"]) as tx:
        assert await get_knowledge_memories(tx, 1000) == []
        assert [memory.content for memory in await list_memories(tx)] == ["tea"]


@pytest.mark.parametrize("who", ["alice", "owner"])
async def test_p21_what_is_restored_has_its_agent_contact_and_expiry_again(
    people: People, who: str, admin: Admin
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    (memory_id,) = await people.keep(who, "tea", expires_at=soon, salience="high")

    def stored(table: str, key: str) -> list[tuple[Any, ...]]:
        return admin.execute(
            f"SELECT content, owner_id, agent_id, contact_id, shared, expires_at, salience"
            f" FROM discreet.{table} WHERE {key} = %s ORDER BY version",
            (memory_id,),
        ).fetchall()

    (original,) = stored("memories", "id")
    async with people.db.begin(people.scopes[who]) as tx:
        await update_memory(tx, memory_id, MemoryChange(clear=frozenset(["expires_at"])))
        await restore_memory(tx, memory_id, 1)
    assert stored("memories", "id") == [original]
    async with people.db.begin(people.scopes[who]) as tx:
        await forget(tx, memory_id)
    assert stored("memories", "id") == []
    async with people.db.begin(people.scopes[who]) as tx:
        await restore_memory(tx, memory_id, 1)
    assert stored("memories", "id") == [original]
    kept = stored("memory_history", "memory_id")
    assert len(kept) == 3
    assert {row[:5] + row[6:] for row in kept} == {original[:5] + original[6:]}
    assert [row[5] for row in kept] == [original[5], None, original[5]]


async def test_p21_who_shares_an_agent_can_restore_what_is_shared(world: World) -> None:
    shared = await make_world(world.db, agent="Family", memory_model="shared")
    scope = SharedScope(shared.owner_id, shared.agent_id)
    (made,) = index(["tea"], EMBEDDER)
    async with world.db.begin(scope) as tx:
        memory = await remember(tx, NewMemory("tea", made))
        await forget(tx, memory.id)
        assert (await restore_memory(tx, memory.id, 1)).content == "tea"
    async with world.db.begin(world.owner) as tx:
        await forget(tx, memory.id)
        assert (await restore_memory(tx, memory.id, 1)).agent_id == shared.agent_id


async def test_p22_scores_ranks_and_words_are_the_same_whether_others_exist_or_not(
    people: People,
) -> None:
    await people.keep("alice", "a heron in the bath", "tea with milk", "the milk is sour")
    questions = ("heron", "milk", "sour tea", "what is in the bath?")

    async def shown() -> list[Any]:
        async with people.db.begin(people.scopes["alice"]) as tx:
            return [
                [(hit.content, hit.score, hit.parts) for hit in await recall(tx, at_noon(q))]
                for q in questions
            ]

    noon = datetime.now(UTC)

    def at_noon(question: str) -> Any:
        return prepare(question, EMBEDDER, now=noon)

    before = await shown()
    for who in EVERYBODY[1:]:
        await people.keep(who, *(f"heron milk bath {n}" for n in range(50)), salience="critical")
    assert await shown() == before


async def test_p22_remembering_what_somebody_else_has_remembered_word_for_word_is_unremarkable(
    people: People,
) -> None:
    ids = {}
    for who in EVERYBODY:
        (ids[who],) = await people.keep(who, "the same sentence")
    assert len(set(ids.values())) == len(EVERYBODY)
    box = await people.tools("alice")
    answer = await box.call("remember", {"content": "the same sentence"})
    assert UUID(answer.text.split()[-1].rstrip(".")) == ids["alice"]


async def test_p22_an_agent_that_is_shared_shows_its_own_rows_and_nothing_else_of_the_owners(
    world: World, database: Database
) -> None:
    family = await make_world(world.db, agent="Family", memory_model="shared")
    responder = Responder(do_as_told)
    await world.say(None, calling("remember", content="owner, in private", salience="critical"))
    await world.say(ALICE, calling("remember", content="alice, in private"))
    await do_all(database, world.db, responder)
    responder.contexts.clear()
    for sender in (ALICE, BOB, None):
        accepted = await family.say(sender, calling("remember", content=f"told by {sender}"))
        assert accepted.contact_id is None
        await do_all(database, world.db, responder)
    asked = await family.say(BOB, calling("recall"))
    await do_all(database, world.db, responder)
    async with world.db.begin(world.owner) as tx:
        answer = await tx.value(
            "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
            " ORDER BY position DESC LIMIT 1",
            (asked.session_id,),
        )
    texts = {json.loads(line)["text"] for line in answer.splitlines() if line.startswith("{")}
    assert texts == {f"told by {sender}" for sender in (ALICE, BOB, None)}
    assert {one.party.kind for one in responder.contexts} == {"shared"}
    assert "in private" not in repr(responder.contexts) + repr(responder.prompts[2:])


async def test_p22_what_a_turn_loads_is_of_its_own_session_agent_and_topic(
    people: People, database: Database
) -> None:
    world, responder = people.world, Responder()
    await world.say(ALICE, "about lisbon", thread_key="trip:lisbon")
    await world.say(ALICE, "about work")
    await people.worlds["eve"].say(ALICE, "about eve", thread_key="trip:lisbon")
    await do_all(database, world.db, responder)
    later = await world.say(ALICE, "more", thread_key="trip:lisbon")
    scope = people.scopes["alice"]
    async with world.db.begin(scope) as tx:
        lease = await acquire(tx, later.session_id)
    assert isinstance(lease, Lease)
    # Later messages belong to the next turn.
    await world.say(ALICE, "even more", thread_key="trip:lisbon")
    context = await load(world.db, scope, lease, EMBEDDER)
    assert [line.text for line in context.waiting] == ["more"]
    assert [line.text for line in context.history] == ["about lisbon", "hm"]
    assert (context.thread_key, context.agent.name) == ("trip:lisbon", "Ada")
