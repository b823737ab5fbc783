"""Non-interference: a contact's observations don't depend on other people's existence.

Senders, a group and the owner act at random, through the real intake, queue, turn, tools and
delivery. Then each contact's own actions are replayed without the others, and the observations
compared byte for byte.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from discreet.postgres.server import Database
from tests.isolation.lives import (
    Action,
    make_harness,
)
from tests.support.tool_servers.noting import noting_server
from tests.support.world import open_scoped

EXAMPLES = int(os.environ.get("DISCREET_EXAMPLES", "6"))
SEED = int(os.environ.get("DISCREET_LIVES_SEED", "20261130"))
"""What decides the actions. scripts/lives draws others."""
STEPS = 12


# Few words, so that everybody's rows would compete for each query.
SENTENCES = st.builds(
    "{} {} {} {}".format,
    st.sampled_from(["my dog", "the dog", "my sister's dog", "tea", "my tea"]),
    st.sampled_from(["is called", "likes", "hates", "knows"]),
    st.sampled_from(["Rex", "Luna", "tea", "the dog", "Lisbon"]),
    st.sampled_from(["", "very much", "since March", "!"]),
)
QUERIES = st.sampled_from(["dog", "What is my dog called?", "tea", "Rex", "who likes Lisbon?", ""])
SALIENCES = st.sampled_from(["low", "medium", "high", "critical", None])
IN_A_YEAR = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%dT09:00}"
CALLS = st.one_of(
    st.builds(lambda c, s: ("remember", {"content": c, "salience": s}), SENTENCES, SALIENCES),
    st.builds(lambda q, n: ("recall", {"query": q, "limit": n}), QUERIES, st.integers(1, 5)),
    st.builds(lambda q: ("search_conversation", {"query": q or "dog"}), QUERIES),
    st.builds(lambda k: ("forget", {"memory_id": k}), st.integers(0, 3)),
    st.builds(lambda k, c: ("update_memory", {"memory_id": k, "content": c}),
              st.integers(0, 3), SENTENCES),
    st.builds(lambda t, r: ("remind", {"text": t, "at": IN_A_YEAR, "repeat": r}),
              SENTENCES, st.sampled_from([None, "FREQ=DAILY"])),
    st.just(("list_reminders", {})),
    st.just(("cancel_reminder", {"reminder_id": "somebody else's"})),
    st.builds(lambda t, s: (t, {"text": s}),
              st.sampled_from(["shop__note", "shop__send", "bank__whose"]), SENTENCES),
    st.just(("forget", {"memory_id": "somebody else's"})),
    st.builds(lambda c: ("update_memory", {"memory_id": "somebody else's", "content": c}),
              SENTENCES),
    st.just(("remember", {"content": "x", "contact_id": "somebody else's"})),
    st.just(("recall", {"query": "dog", "owner_id": "*"})),
)  # fmt: skip


COMMANDS = st.sampled_from(
    [
        "/memories",
        "/export",
        "/forget dog",
        "/forget all",
        "/new",
        "/stop",
        "/start",
        "/help",
        "/?",
        "/reminders",
        "/connections",
        "/connections disconnect bank",
        "/connections ABCD-EFGH",
        "yes",
        "no",
        "STOP",
        "start",
    ]
)
ABOUT_ACTS = st.sampled_from(["take over", "speak", "hand back", "connect"])
FILES = st.sampled_from(["a photo", "a longer photo"])


class Lives(RuleBasedStateMachine):
    """All people act in one installation; at the end each contact's life is replayed alone."""

    database: Database
    admin: psycopg.Connection[Any]
    compared = 0
    shares_sessions = False

    def __init__(self) -> None:
        super().__init__()
        self.actions: list[Action] = []
        self.noted: list[list[str]] = []

    def _say(self, actor: str, text: str, **more: Any) -> None:
        self.actions.append(Action("say", actor, text, **more))

    @rule(actor=st.sampled_from(["alice", "bob", "owner"]), call=CALLS)
    def somebody_has_a_tool_called(self, actor: str, call: tuple[str, Any]) -> None:
        self._say(actor, json.dumps(call))

    @rule(actor=st.sampled_from(["alice", "bob", "owner"]), text=SENTENCES,
          thread=st.sampled_from(["", "", "trip:lisbon"]), new=st.booleans())  # fmt: skip
    def somebody_talks(self, actor: str, text: str, thread: str, new: bool) -> None:
        self._say(actor, text, thread_key=thread, new=new)

    @rule(speaker=st.sampled_from(["alice", "bob"]), call=CALLS)
    def somebody_has_a_tool_called_in_the_group(self, speaker: str, call: tuple[str, Any]) -> None:
        self._say("group", json.dumps(call), speaker=speaker)

    @rule(speaker=st.sampled_from(["alice", "bob"]), text=SENTENCES)
    def somebody_talks_in_the_group(self, speaker: str, text: str) -> None:
        self._say("group", text, speaker=speaker)

    @rule(speaker=st.sampled_from(["alice", "bob"]), text=SENTENCES)
    def somebody_is_overheard_in_the_group(self, speaker: str, text: str) -> None:
        self._say("group", text, speaker=speaker, addressed=False)

    @rule(actor=st.sampled_from(["alice", "bob"]), text=SENTENCES, file=FILES)
    def somebody_sends_a_file(self, actor: str, text: str, file: str) -> None:
        self._say(actor, text, file=file)

    @rule(actor=st.sampled_from(["alice", "bob", "owner"]), command=COMMANDS)
    def somebody_asks_the_machine(self, actor: str, command: str) -> None:
        self._say(actor, command)

    @rule(speaker=st.sampled_from(["alice", "bob"]), command=COMMANDS)
    def somebody_asks_the_machine_in_the_group(self, speaker: str, command: str) -> None:
        self._say("group", command, speaker=speaker)

    @rule(actor=st.sampled_from(["alice", "bob"]), act=ABOUT_ACTS)
    def the_owner_steps_in_or_an_account_is_connected(self, actor: str, act: str) -> None:
        self.actions.append(Action(act, actor))

    @rule(
        actor=st.sampled_from(["alice", "bob"]), text=st.sampled_from(["", " ", "\0", "x" * 70_000])
    )
    def somebody_sends_what_is_refused(self, actor: str, text: str) -> None:
        self._say(actor, text)

    @rule()
    def the_worker_works(self) -> None:
        self.actions.append(Action("work"))

    def teardown(self) -> None:
        asyncio.run(self._compare())

    async def _compare(self) -> None:
        actions = [*self.actions, Action("work")]
        async with open_scoped(self.database, size=2) as db, noting_server() as server:
            full = await make_harness(db, self.database, self.admin, server.url)
            if self.shares_sessions:
                self.admin.execute(
                    "UPDATE discreet.tool_servers SET shared = true WHERE name = 'shop'"
                )
            for action in actions:
                await full.do(action)
            for actor in ("alice", "bob", "group"):
                mine = [a for a in actions if a.kind == "work" or a.actor == actor]
                if len([a for a in mine if a.kind == "say"]) == 0:
                    continue
                alone = await make_harness(db, self.database, self.admin, server.url)
                for action in mine:
                    await alone.do(action)
                await alone.sessions.close_all()
                assert await full.look_around(actor) == await alone.look_around(actor), actor
                type(self).compared += 1
            await full.sessions.close_all()
            assert all(len(one) == 1 for one in server.askers.values())
            self.noted = list(server.notes.values())


def test_nobody_observes_that_others_exist(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    Lives.database, Lives.admin, Lives.compared = database, admin, 0
    run_state_machine_as_test(
        seed(SEED)(Lives),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert Lives.compared >= EXAMPLES


def test_the_comparison_would_notice_a_single_row_of_somebody_else(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    # A deliberate leak for the machine to find: a policy that shows everything.
    admin.execute("DROP POLICY contact ON discreet.memories")
    admin.execute("CREATE POLICY contact ON discreet.memories TO discreet_contact USING (true)")
    Lives.database, Lives.admin = database, admin
    machine = Lives()
    machine._say("alice", json.dumps(["remember", {"content": "alice has a dog"}]))
    machine._say("bob", json.dumps(["recall", {"query": "dog"}]))
    with pytest.raises(AssertionError):
        asyncio.run(machine._compare())


def test_the_comparison_reaches_tools_and_would_notice_a_session_that_two_share(
    database: Database, admin: psycopg.Connection[Any]
) -> None:
    Lives.database, Lives.admin = database, admin
    machine = Lives()
    for actor in ("alice", "bob"):
        for tool in ("note", "send"):
            machine._say(actor, json.dumps([f"shop__{tool}", {"text": f"of {actor}"}]))
            machine.the_worker_works()
        machine._say(actor, "yes")
        machine.the_worker_works()
        machine.the_owner_steps_in_or_an_account_is_connected(actor, "connect")
        machine._say(actor, json.dumps(["bank__whose", {}]))
        machine.the_worker_works()
    asyncio.run(machine._compare())
    for actor in ("alice", "bob"):  # in both of their lives
        assert machine.noted.count([f"note of {actor}", f"send of {actor}"]) == 2
    assert machine.noted.count(["whose "]) == 4
    machine.shares_sessions = True
    with pytest.raises(AssertionError):
        asyncio.run(machine._compare())
