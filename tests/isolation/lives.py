"""A life of an owner's senders, and what each of them can observe of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from discreet.channels.terminal import TerminalChannel
from discreet.delivery import deliver
from discreet.domain.addresses import Address
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import ChannelId, ContactId, OwnerId, RouteId, SessionId
from discreet.domain.inbound import AddressSender, Attachment, Group, Inbound
from discreet.intake import Accepted, accept
from discreet.memory.embedding import bundled_embedder
from discreet.memory.history import get_memory_history
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.memories import list_memories
from discreet.postgres.server import Database
from discreet.queue.job_scope import DueRoute
from discreet.queue.worker import Work, work_off
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.services.connections import seal_kept
from discreet.services.revoking import revoking
from discreet.services.takeover import hand_back, speak, take_over
from discreet.services.tool_access import ToolAccess, load_server
from discreet.sessions.transcript import transcript
from discreet.tools.oauth import Kept
from discreet.tools.outgoing_calls import ToolCaller
from discreet.tools.sandbox import Protected
from discreet.tools.sessions import ServerSessions
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Budget, Prompt
from discreet.turn.reminders import fire_reminder
from discreet.turn.result import TurnResult
from discreet.turn.run import run_turn
from discreet.turn.server_tools import open_server_tools
from discreet.turn.think import OnText, Tools
from discreet.turn.turns import Turns
from tests.support.tool_servers.noting import SCHEMA
from tests.support.turns import Recording, by_platform
from tests.support.world import World

MAX_WAITING = 3
"""Low enough for some to reach the limit."""


DIRECT = {"alice": "telegram:1001", "bob": "telegram:1002"}


GROUP = "telegram:-100500"


ACTORS = ("alice", "bob", "group", "owner")


# Conversations soon exceed it, so that compaction takes part.
SHORT = Budget(history=120, recent=50)


@dataclass(frozen=True)
class Action:
    """``kind`` say: a message of ``actor`` is stored; work: everything waiting is done.

    Any other kind is an action of the owner about ``actor``, who may notice, or connects an account
    of theirs.
    """

    kind: str
    actor: str = ""
    text: str = ""
    speaker: str = ""
    thread_key: str = ""
    new: bool = False
    addressed: bool = True
    file: str = ""


@dataclass
class Harness:
    """One owner's world, with the observations in it by actor."""

    world: World
    telegram: ChannelId
    database: Database
    admin: psycopg.Connection[Any]
    access: ToolAccess
    sessions: ServerSessions
    wire: Recording = field(default_factory=lambda: Recording("telegram"))
    seen: dict[str, list[str]] = field(default_factory=lambda: {actor: [] for actor in ACTORS})
    at: dict[str, Accepted] = field(default_factory=dict)
    actor_of: dict[SessionId, str] = field(default_factory=dict)

    async def do(self, action: Action) -> None:
        if action.kind == "work":
            await self._work()
        elif action.kind == "say":
            await self._say(action)
        else:
            await self._about(action)

    async def _say(self, action: Action) -> None:
        try:
            if action.actor == "owner":
                accepted = await self.world.say(
                    None, action.text, thread_key=action.thread_key, new=action.new
                )
            else:
                accepted = await accept(self.world.db, self.world.owner_id, self._inbound(action))
        except DiscreetError as error:
            self.seen[action.actor].append(f"refused: {error}")
            return
        self.at[action.actor] = accepted
        self.actor_of[accepted.session_id] = action.actor
        self.seen[action.actor].append("accepted" if accepted.new else "known")

    def _inbound(self, action: Action) -> Inbound:
        group = Group(Address.parse(GROUP), "The Adamses") if action.actor == "group" else None
        address = Address.parse(DIRECT[action.speaker if group else action.actor])
        return Inbound(
            channel_id=self.telegram,
            chat_id=(group.address if group else address).platform_id,
            message_id=str(uuid4()),
            sender=AddressSender(address, action.speaker or action.actor),
            text=action.text,
            sent_at=datetime.now(UTC),
            group=group,
            thread_key=action.thread_key,
            new_session=action.new,
            addressed=action.addressed,
            attachments=(Attachment("photo", action.file, media_type="image/png"),)
            if action.file
            else (),
        )

    async def _about(self, action: Action) -> None:
        """Let the owner take a contact over, write in person, or hand it back."""
        accepted = self.at.get(action.actor)
        if accepted is None or accepted.contact_id is None:
            # Not a contact yet, or known only from a group, which is other people's doing.
            return
        db, owner_id, who = self.world.db, self.world.owner_id, DIRECT[action.actor]
        if action.kind == "connect":
            await self._connect(accepted.contact_id, action.actor)
            return
        # A refusal is visible to the owner, not to the contact.
        with suppress(DiscreetError):
            match action.kind:
                case "take over":
                    await take_over(db, owner_id, who)
                case "hand back":
                    await hand_back(db, owner_id, who)
                case _:
                    await speak(db, owner_id, accepted.contact_id, "It is me, in person.")

    async def _connect(self, contact: ContactId, token: str) -> None:
        """Store an account as if the contact had connected it."""
        [[bank]] = self.admin.execute(
            "SELECT id FROM discreet.tool_servers WHERE owner_id = %s AND signs_in",
            (self.world.owner_id,),
        ).fetchall()
        server = await load_server(self.access, self.world.owner_id, bank)
        kept = Kept(
            client={"client_id": "x"},
            issuer="https://bank.example",
            token_endpoint="https://bank.example/token",
            redirect_uri="https://agent.example/connect/back",
            resource=server.url or "",
            access_token=token,
        )
        made = uuid4()
        self.admin.execute(
            "INSERT INTO discreet.connections"
            " (id, owner_id, agent_id, contact_id, server_id,"
            " state, link_hash, sealed, connected_at)"
            " VALUES (%s, %s, %s, %s, %s, 'connected', %s, %s, '2026-01-01')",
            (made, self.world.owner_id, self.world.agent_id, contact, bank, made.bytes,
             seal_kept(self.access, server, made, kept)),
        )  # fmt: skip

    async def _work(self) -> None:
        db = self.world.db
        # The year passes: everybody's reminders are due, in any order.
        for [reminder] in self.admin.execute(
            "UPDATE discreet.reminders SET due_at = clock_timestamp() - interval '1 second'"
            " WHERE owner_id = %s RETURNING id",
            (self.world.owner_id,),
        ).fetchall():
            await fire_reminder(db, reminder)
        turns = Turns(db=db, embedder=bundled_embedder(), responder=self._responder, max_attempts=3,
                      budget=SHORT, fetch=self._fetch,
                      servers=partial(open_server_tools, self.access, ToolCaller(self.sessions)),
                      revoking=partial(revoking, self.access))  # fmt: skip

        channels = by_platform({"terminal": TerminalChannel(), "telegram": self.wire})

        async def one_turn(session_id: SessionId, scope: SessionScope) -> None:
            await run_turn(turns, session_id, scope)

        async def one_route(route_id: RouteId, route: DueRoute) -> None:
            await deliver(db, channels, route_id, route)

        async def nothing() -> None: ...

        await work_off(
            self.database.conninfo("discreet_worker"),
            Work(one_turn, one_route, nothing, ("terminal", "telegram")),
        )

    async def _fetch(self, _: object, __: str, ___: str, platform_file: str, ____: int) -> bytes:
        return platform_file.encode()

    async def _responder(
        self, context: TurnContext, prompt: Prompt, tools: Tools, _: OnText
    ) -> TurnResult:
        """Record the exact prompt, make the tool calls that the sender dictates, and repeat the
        results.

        This is a model that tells everything it knows.
        """
        actor = self.actor_of[tools.session_id]  # type: ignore[attr-defined]
        self.seen[actor].append(json.dumps(rounded(asdict(prompt)), default=str))
        self.seen[actor].append(json.dumps([[t.name, t.schema] for t in tools.specs]))
        told = []
        for line in context.waiting:
            if line.text.startswith("["):
                name, arguments = json.loads(line.text)
                outcome = await tools.call(name, await self._with_ids(actor, arguments))
                told.append(json.dumps(rounded(asdict(outcome)), default=str))
        self.seen[actor] += told
        # Messages can be searched, and ids and times differ between lives, so words for comparison
        # must not contain them.
        said = [TIMES.sub("then", SHORT_IDS.sub("it", UUIDS.sub("it", one))) for one in told]
        return TurnResult("\n".join(said) or "hm", "dictated")

    async def _with_ids(self, actor: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the k-th memory of the person, or one of another person (who may have none)."""
        given = dict(arguments)
        for key, value in arguments.items():
            if value == "somebody else's" and key == "reminder_id":
                given[key] = str(self._somebody_elses_reminder(actor) or uuid4())
            elif value == "somebody else's":
                # The owner may change a contact's memories, which shows.
                other = None if actor == "owner" else self._somebody_elses(actor)
                given[key] = str(other or uuid4())
            elif key == "memory_id":
                own = self._memories(actor, own=True)
                given[key] = str(own[value] if value < len(own) else uuid4())
        return given

    def _memories(self, actor: str, *, own: bool) -> list[UUID]:
        contact = self.at[actor].contact_id
        same = "IS NOT DISTINCT FROM" if own else "IS DISTINCT FROM"
        return [
            row[0]
            for row in self.admin.execute(
                f"SELECT id FROM discreet.memories WHERE owner_id = %s AND contact_id {same} %s"
                " ORDER BY created_at",
                (self.world.owner_id, contact),
            )
        ]

    def _somebody_elses_reminder(self, actor: str) -> UUID | None:
        contact = self.at[actor].contact_id
        found = self.admin.execute(
            "SELECT id FROM discreet.reminders WHERE owner_id = %s"
            " AND contact_id IS DISTINCT FROM %s ORDER BY created_at LIMIT 1",
            (self.world.owner_id, contact),
        ).fetchone()
        return None if found is None else found[0]

    def _somebody_elses(self, actor: str) -> UUID | None:
        return next(iter(self._memories(actor, own=False)), None)

    async def look_around(self, actor: str) -> list[str]:
        """Return the actor's observations, including everything its scope can list, normalized."""
        seen = list(self.seen[actor])
        chat = GROUP if actor == "group" else DIRECT[actor]
        seen += [
            f"received: {one.text}"
            for one in self.wire.sent
            if one.chat_id == Address.parse(chat).platform_id
        ]
        accepted = self.at.get(actor)
        if accepted is not None and accepted.contact_id is not None:
            scope = self.world.contact(accepted.contact_id)
            async with self.world.db.begin(scope) as tx:
                memories = await list_memories(tx)
                seen.append(repr(memories))
                seen.append(repr(await get_knowledge_memories(tx, 500)))
                for memory in memories:
                    seen.append(repr(await get_memory_history(tx, memory.id)))
                seen.append(repr(await transcript(tx, accepted.session_id)))
                for table in TABLES:
                    found = await tx.fetch(
                        f"SELECT count(*) AS n, array_agg(t.state ORDER BY t.state) AS states"
                        f" FROM discreet.{table} t"
                    )
                    seen.append(f"{table} {found}")
        return normalised(seen)


TABLES = ("turns", "messages", "outbox", "attachments")


UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


SHORT_IDS = re.compile(r"\b[0-9a-f]{8}\b")
"""As people type the id of a reminder."""


TIMES = re.compile(
    r"datetime\.datetime\([^)]*\)+|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d|Z)?"
    r"|\b\d\d:\d\d(:\d\d)?( UTC)?"
)


def rounded(value: Any) -> Any:
    """Round numbers to three places: a score's age differs slightly between two lives."""
    match value:
        case float():
            return round(value, 3) + 0.0
        case dict():
            return {key: rounded(inner) for key, inner in value.items()}
        case list() | tuple():
            return [rounded(inner) for inner in value]
        case _:
            return value


def normalised(seen: list[str]) -> list[str]:
    """Replace ids by their order of appearance and times by one word; change nothing else."""
    ids: dict[str, str] = {}
    named = [UUIDS.sub(lambda m: ids.setdefault(m[0], f"id-{len(ids)}"), line) for line in seen]
    short = [SHORT_IDS.sub(lambda m: ids.setdefault(m[0], f"id-{len(ids)}"), one) for one in named]
    return [TIMES.sub("TIME", line) for line in short]


async def make_harness(
    db: ScopedDatabase, database: Database, admin: psycopg.Connection[Any], url: str
) -> Harness:
    """Return a new owner with an agent, in the same database as all the others."""
    row = admin.execute("INSERT INTO discreet.owners (name) VALUES ('Olga') RETURNING id")
    owner_id = OwnerId((row.fetchone() or [None])[0])
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent_id = await tx.value(
            "INSERT INTO discreet.agents (name, instructions) VALUES ('Ada', 'Be kind.')"
            " RETURNING id"
        )
        channel_id = ChannelId(
            await tx.value(
                "INSERT INTO discreet.channels (agent_id, platform, account)"
                " VALUES (%s, 'terminal', %s) RETURNING id",
                (agent_id, str(agent_id)),
            )
        )
        world = World(db, owner_id, agent_id, channel_id)
        await tx.execute("INSERT INTO discreet.limits (waiting) VALUES (%s)", (MAX_WAITING,))
    telegram = await world.add_channel("telegram", "bot")
    _add_tool_servers(admin, world, url)
    access = ToolAccess(db, owner_id, database.sealing_key, Protected(()), Path("nowhere"))
    return Harness(world, telegram, database, admin, access, ServerSessions(Protected(()), Path()))


def _add_tool_servers(admin: psycopg.Connection[Any], world: World, url: str) -> None:
    for name, tools in (
        ("shop", {"note": "never", "send": "contact"}),
        ("bank", {"whose": "never"}),
    ):
        [[server]] = admin.execute(
            "INSERT INTO discreet.tool_servers (owner_id, agent_id, name, url, signs_in)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            (world.owner_id, world.agent_id, name, f"{url}/{name}", name == "bank"),
        ).fetchall()
        for tool, confirm in tools.items():
            admin.execute(
                "INSERT INTO discreet.tools (server_id, owner_id, name, called, schema, allowed,"
                " in_groups, confirm) VALUES (%s, %s, %s, %s, %s, 'everybody', true, %s)",
                (server, world.owner_id, tool, f"{name}__{tool}", Jsonb(SCHEMA), confirm),
            )
