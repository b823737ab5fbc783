"""Try every table of a living database as every role, with tickets of every kind.

It looks only for rows of the audit's own people. Each statement runs in a
transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from random import Random
from typing import Any, Literal
from uuid import uuid4

import psycopg

from discreet.audit.catalogue import Catalogue, read_catalogue
from discreet.audit.findings import Finding
from discreet.audit.fixture import ATTACKER, ELSEWHERE, GROUP, OWNER, VICTIM, AgentFixture
from discreet.audit.key_probes import read_rows, ties
from discreet.audit.probes import Probe, Values, calls, singles, writes
from discreet.audit.twins import Answer, Twin, answers
from discreet.domain.ids import AgentId, ContactId
from discreet.postgres.pool import MEET
from discreet.postgres.server import Database
from discreet.scope import ContactScope, OwnerScope, Scope, SharedScope
from discreet.scope.scopes import Role, role_of
from discreet.scope.tickets import ticket_for

__all__ = ["RowTrial"]

Conn = psycopg.Connection[Any]
Ticket = Literal["valid", "none", "forged", "expired", "a neighbour's"]
BAD_TICKETS: tuple[Ticket, ...] = ("none", "forged", "expired", "a neighbour's")
LATE_SECONDS = 60.0
MAX_PROBES = 400
TO_DO = "Stop the server, and compare the database with this version: sb db check, sb restore."


class RowTrial:
    """Statements of one scene's attacker, before and after others' rows change."""

    def __init__(self, database: Database, scene: AgentFixture, seed: str) -> None:
        self._database = database
        self._scene = scene
        self._scope = scene.scope_of(scene.cast.attacker.address)
        self._chance = Random(f"{seed}/rows")  # noqa: S311 - to be repeatable
        self._probes: list[tuple[Ticket, list[Probe]]] = []
        self._before: list[list[Answer]] = []

    def looks(self) -> Iterator[tuple[Role, Callable[[], list[Finding]]]]:
        """Yield each role, with a function that returns the forbidden rows that it sees."""
        tried: set[Role] = set()
        for scope in self._scopes():
            role = role_of(scope)
            # A bad ticket is as bad for every scope of a role.
            yield role, partial(self._look, scope, () if role in tried else BAD_TICKETS)
            tried.add(role)

    def look(self) -> list[Finding]:
        """Return the forbidden rows that some role sees."""
        return [finding for _, look in self.looks() for finding in look()]

    def _look(self, scope: Scope, bad: Sequence[Ticket]) -> list[Finding]:
        found: list[Finding] = []
        with closing(self._connect(role_of(scope))) as conn:
            catalogue = read_catalogue(conn)
            for ticket in bad:
                found += self._blind(conn, catalogue, scope, ticket)
            found += self._own(conn, catalogue, scope)
            found += self._tied(conn, catalogue, scope)
        return found

    def _tied(self, conn: Conn, catalogue: Catalogue, scope: Scope) -> Iterator[Finding]:
        """Yield the columns in which a row of this scope may hold another party's id."""
        enter = self._enter(scope, "valid")
        own = read_rows(conn, catalogue, enter)
        for stranger in self._strangers(scope):
            others = read_rows(conn, catalogue, self._enter(stranger, "valid"))
            yield from ties(conn, catalogue, enter, own, others, role_of(scope))

    def _strangers(self, scope: Scope) -> Iterator[Scope]:
        """Yield the scopes whose ids a row of this one must not hold."""
        fixture = self._scene.fixture
        match scope:
            case OwnerScope():
                yield OwnerScope(fixture.neighbour_id)
            case ContactScope(owner_id, agent_id, contact_id):
                victim = self._scene.contacts[self._scene.cast.victim.address]
                yield ContactScope(owner_id, AgentId(self._scene.agent.id), victim)
                if fixture.elsewhere not in (None, agent_id):
                    yield ContactScope(owner_id, fixture.elsewhere, contact_id)
            case SharedScope(owner_id, _) if fixture.shared_elsewhere is not None:
                yield SharedScope(owner_id, fixture.shared_elsewhere)

    def ask(self) -> None:
        """Record the database's answers now. Others' rows change afterwards."""
        with closing(self._connect(role_of(self._scope))) as conn:
            catalogue = read_catalogue(conn)
        values = self._values(catalogue)
        every = [*singles(catalogue, values), *writes(catalogue, values)]
        every = [probe for probe in every if not probe.by_plan]
        some = self._chance.sample(every, min(MAX_PROBES, len(every)))
        called = [probe for probe in calls(catalogue, values) if _is_repeatable(probe)]
        some += self._chance.sample(called, min(MAX_PROBES // 4, len(called)))
        self._probes = [("valid", some)]
        self._probes += [(ticket, some[at::11]) for at, ticket in enumerate(BAD_TICKETS)]
        self._before = list(self._answers())

    def compare(self) -> list[Finding]:
        """Return the statements whose answers changed together with others' rows."""
        found = []
        for (ticket, probes), before, after in zip(
            self._probes, self._before, self._answers(), strict=True
        ):
            for probe, was, now in zip(probes, before, after, strict=True):
                if was != now:
                    found.append(
                        Finding(
                            "rows-told",
                            "leak",
                            "The answer to a statement depends on other people's rows.",
                            f"{role_of(self._scope)}, ticket {ticket}: {probe.statement}",
                            TO_DO,
                        )
                    )
        return found[:20]

    def _answers(self) -> Iterator[list[Answer]]:
        for ticket, probes in self._probes:
            with closing(self._connect(role_of(self._scope))) as conn:
                yield answers(Twin("living", conn, self._enter(self._scope, ticket)), probes)

    def _scopes(self) -> Iterator[Scope]:
        fixture, agent_id = self._scene.fixture, AgentId(self._scene.agent.id)
        attacker = self._scene.contacts[self._scene.cast.attacker.address]
        yield ContactScope(fixture.owner_id, agent_id, attacker)
        if fixture.elsewhere is not None:
            yield ContactScope(fixture.owner_id, fixture.elsewhere, attacker)
        yield SharedScope(fixture.owner_id, fixture.shared or agent_id)
        yield OwnerScope(fixture.owner_id, agent_id)

    def _connect(self, role: Role) -> Conn:
        return psycopg.connect(self._database.conninfo(role))

    def _enter(self, scope: Scope, ticket: Ticket) -> Callable[[Conn], None]:
        def enter(conn: Conn) -> None:
            shown = self._ticket(conn, scope, ticket)
            if shown:
                conn.execute("SELECT set_config('discreet.ticket', %s, true)", (shown,))

        return enter

    def _ticket(self, conn: Conn, scope: Scope, ticket: Ticket) -> str:
        [(pid, now)] = conn.execute(MEET).fetchall()
        key = self._database.ticket_key
        late = LATE_SECONDS if ticket == "expired" else 0
        valid = ticket_for(scope, key, pid, now - late)
        match ticket:
            case "none":
                return ""
            case "forged":
                said, _, code = valid.partition("#")
                return f"{said}#{code[::-1]}"
            case "a neighbour's":
                theirs = ticket_for(self._neighbour(scope), key, pid, now).partition("#")[0]
                return f"{theirs}#{valid.partition('#')[2]}"
            case _:
                return valid

    def _neighbour(self, scope: Scope) -> Scope:
        victim = self._scene.contacts[self._scene.cast.victim.address]
        match scope:
            case ContactScope(owner_id, agent_id, _):
                return ContactScope(owner_id, agent_id, ContactId(victim))
            case SharedScope(owner_id, _):
                return SharedScope(owner_id, AgentId(uuid4()))
            case _:
                return OwnerScope(self._scene.fixture.installation.owner_id)

    def _blind(
        self, conn: Conn, catalogue: Catalogue, scope: Scope, ticket: Ticket
    ) -> Iterator[Finding]:
        """Yield the tables of which a bad ticket shows a row."""
        for table in catalogue.tables:
            columns = table.readable()
            if not columns or not table.name.startswith("discreet."):
                continue
            with conn.transaction(force_rollback=True):
                self._enter(scope, ticket)(conn)
                statement = f"SELECT count({columns[0].name}) FROM {table.name}"
                [(rows,)] = conn.execute(statement.encode()).fetchall()
            if rows:
                yield Finding(
                    "rows-without-ticket",
                    "leak",
                    f"Rows are shown for an invalid ticket ({ticket}).",
                    f"{table.name} as {role_of(scope)}",
                    TO_DO,
                )

    def sweep(self) -> list[tuple[str, str, str]]:
        """Return where rows of attackers and of the group hold secrets of others.

        Everything that a turn leaves is there: prompts, tool calls, drafts, memories, answers. As
        (holder, reader, table).
        """
        scene = self._scene
        if scene.shared:
            return []
        read = [(ATTACKER, address) for address in scene.attackers]
        read += [(GROUP, scene.cast.group.address), (VICTIM, scene.cast.victim.address)]
        found = []
        with closing(self._connect("discreet_contact")) as conn:
            catalogue = read_catalogue(conn)
            for reader, address in read:
                scope, may = scene.scope_of(address), scene.may_see(reader)
                for table, leaked, _ in self._shown(conn, catalogue, scope, may):
                    found += [(holder, reader, table) for holder in leaked]
        return found

    def _own(self, conn: Conn, catalogue: Catalogue, scope: Scope) -> Iterator[Finding]:
        """Yield the tables of which a valid ticket shows somebody else's row."""
        may: frozenset[str] = {
            "discreet_contact": self._scene.may_see(ATTACKER) - {VICTIM, GROUP},
            "discreet_shared": frozenset[str](),
        }.get(role_of(scope), self._scene.may_see(OWNER))
        if isinstance(scope, ContactScope) and scope.agent_id == self._scene.fixture.elsewhere:
            may = frozenset({ELSEWHERE})
        if self._scene.shared:
            may |= {VICTIM, GROUP, ATTACKER}
        for table, leaked, others in self._shown(conn, catalogue, scope, may):
            if leaked or others:
                whose = " and the ".join(sorted(leaked))
                what = f", which only the {whose} may see." if leaked else "."
                yield Finding(
                    "rows-of-others",
                    "leak",
                    f"{role_of(scope)} is shown rows of others{what}",
                    table,
                    TO_DO,
                )

    def _shown(
        self, conn: Conn, catalogue: Catalogue, scope: Scope, may: frozenset[str]
    ) -> Iterator[tuple[str, set[str], int]]:
        """Yield each table with the holders of secrets in what is shown, and rows of others."""
        for table in catalogue.tables:
            columns = [column.name for column in table.readable()]
            if not columns or not table.name.startswith("discreet."):
                continue
            shown = f"concat_ws(E'\\n', {', '.join(f'{name}::text' for name in columns)})"
            with conn.transaction(force_rollback=True):
                self._enter(scope, "valid")(conn)
                rows = conn.execute(
                    f"SELECT {shown} FROM {table.name} LIMIT 5000".encode()
                ).fetchall()
                others = self._of_others(conn, table.name, columns, scope)
            leaked = {
                leak.holder for (text,) in rows for leak in self._scene.judge.find(text or "", may)
            }
            yield table.name, leaked, others

    def _of_others(self, conn: Conn, table: str, columns: list[str], scope: Scope) -> int:
        """Return how many rows the scope is shown that carry another id than its own."""
        of_agent = scope.agent_id if isinstance(scope, ContactScope | SharedScope) else None
        ids: dict[str, Any] = {
            "owner_id": self._scene.fixture.owner_id,
            "agent_id": of_agent,
            "contact_id": scope.contact_id if isinstance(scope, ContactScope) else None,
        }
        if table == "discreet.agents":
            ids["id"] = of_agent
        if table == "discreet.contacts":
            ids["id"] = ids["contact_id"]
        tests = [f"{name} <> '{value}'" for name, value in ids.items() if name in columns and value]
        if isinstance(scope, SharedScope) and {"contact_id", "shared"} <= {*columns}:
            tests.append("contact_id IS NOT NULL OR NOT shared")
        if not tests:
            return 0
        asked = f"SELECT count({columns[0]}) FROM {table} WHERE {' OR '.join(tests)}"
        [(many,)] = conn.execute(asked.encode()).fetchall()
        return int(many)

    def _values(self, catalogue: Catalogue) -> Values:
        """Return values of the victim's and the group's rows, as the audit's owner reads them."""
        scene = self._scene
        theirs = [str(scene.contacts[one.address]) for one in (scene.cast.victim, scene.cast.group)]
        scope = OwnerScope(scene.fixture.owner_id, scene.agent.id)
        values: dict[tuple[str, str], list[str]] = {}
        with closing(self._connect("discreet_owner")) as conn:
            readable = {
                (table.name, column.name)
                for table in read_catalogue(conn).tables
                for column in table.readable()
            }
            for table in catalogue.tables:
                whose = "id" if table.name == "discreet.contacts" else "contact_id"
                if (table.name, whose) not in readable:
                    continue
                names = [c.name for c in table.columns if (table.name, c.name) in readable]
                picked = ", ".join(f"{name}::text" for name in names)
                with conn.transaction(force_rollback=True):
                    self._enter(scope, "valid")(conn)
                    rows = conn.execute(
                        f"SELECT {picked} FROM {table.name} WHERE {whose} = ANY (%s)"
                        " LIMIT 3".encode(),
                        (theirs,),
                    ).fetchall()
                for row in rows:
                    for name, value in zip(names, row, strict=True):
                        if value is not None:
                            values.setdefault((table.name, name), []).append(value)
        return values


def _is_repeatable(probe: Probe) -> bool:
    """Return whether a call gives the same twice: not those that count or wake."""
    return not any(word in probe.statement for word in ("purge", "configure", "limit"))
