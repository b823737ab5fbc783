"""The audit at rest: it finds each opened guard, and nothing where none is open."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from discreet.audit.at_rest import at_rest
from discreet.audit.auditing import Plan, run_audit
from discreet.audit.findings import Finding, worst_first
from discreet.audit.fixture import Audited, clear_stages, open_fixture, prepare_agent_fixture, stir
from discreet.audit.guards import check_guards
from discreet.audit.host_checks import (
    ToolServerSeen,
    check_files,
    check_listeners,
    check_tool_servers,
    check_versions,
    is_local,
)
from discreet.audit.last_report import keep
from discreet.audit.progress import Log
from discreet.audit.rows import RowTrial
from discreet.audit.sarif import as_sarif
from discreet.domain.errors import NotFound
from discreet.postgres.backup_list import note_backup
from discreet.scope import WorkScope
from discreet.services.agents import list_agents
from discreet.settings import Settings
from tests.support.world import World, open_scoped

Admin = psycopg.Connection[Any]


async def _audit(installation: Audited) -> list[Finding]:
    [agent] = await list_agents(installation.db, installation.owner_id)
    async with open_fixture(installation) as fixture:
        scene = await prepare_agent_fixture(fixture, agent, "seed", attackers=1)
        return await at_rest(installation, scene, "seed", lambda _: None)


async def test_a_part_that_fails_is_a_finding_and_the_rest_of_the_audit_goes_on(
    installation: Audited, admin: Admin
) -> None:
    # Messages can't be stored without this index, so that nobody can be made up.
    admin.execute(
        "DROP INDEX discreet.sessions_open;"
        "CREATE INDEX sessions_open ON discreet.sessions (owner_id)"
    )
    agents = await list_agents(installation.db, installation.owner_id)
    plan = Plan(agents, Log.begin(installation.settings.home, "seed"))
    made = await run_audit(installation, plan, None, lambda _: None)
    assert made.leaks
    found = {one.id: one for one in made.findings if one.id not in PROGRAM}
    assert set(found) == {"schema", "audit-failed"}
    assert found["schema"].where.startswith("index discreet.sessions_open")
    assert found["audit-failed"].where == f"Telling {agents[0].name} secrets"
    assert "InvalidColumnReference 42P10" in found["audit-failed"].what
    assert made.erased["owners"] == 2
    assert "sessions_open" in keep(installation.settings.home, made)


def _rows(admin: Admin) -> dict[str, int]:
    tables = admin.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'"
        " AND relnamespace IN ('discreet'::regnamespace, 'queue'::regnamespace)"
    ).fetchall()
    found = {}
    for (table,) in tables:
        [(many,)] = admin.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()
        found[table] = many
    return found


async def test_an_unmodified_installation_has_no_finding_and_nothing_is_left_in_it(
    installation: Audited, world: World, admin: Admin
) -> None:
    before = _rows(admin)
    # Of the program nothing is said here: it may have changes that aren't committed.
    assert {one.id for one in await _audit(installation)} <= {*PROGRAM}
    after = _rows(admin)
    # Turns of the fixture that a worker didn't take are dropped; a finished job's event may stay.
    assert {t: n for t, n in after.items() if not t.startswith("queue.procrastinate")} == {
        t: n for t, n in before.items() if not t.startswith("queue.procrastinate")
    }


FILLED = 37
"""Tables with rows. Others would be sent or called, or stay."""
PROGRAM = ("program-changed", "program-unrecorded")
OPENED: Sequence[tuple[str, set[tuple[str, str]]]] = (
    (
        "ALTER POLICY contact ON discreet.memories USING (true)",
        {
            ("schema", "policy discreet.memories/contact"),
            ("rows-of-others", "discreet.memories"),
            ("rows-without-ticket", "discreet.memories as discreet_contact"),
        },
    ),
    (
        "ALTER POLICY owner ON discreet.messages USING (owner_key IS NOT NULL)",
        {
            ("schema", "policy discreet.messages/owner"),
            ("rows-of-others", "discreet.messages"),
            ("rows-without-ticket", "discreet.messages as discreet_owner"),
        },
    ),
    (
        "ALTER TABLE discreet.turns DISABLE ROW LEVEL SECURITY",
        {("schema", "table discreet.turns"), ("roles", "database roles")},
    ),
    (
        "GRANT SELECT ON discreet.drafts TO discreet_contact",
        {("schema", "table discreet.drafts"), ("rights", "discreet_contact")},
    ),
    (
        "GRANT UPDATE (contact_id) ON discreet.routes TO discreet_shared",
        {("schema", "column discreet.routes.contact_id"), ("rights", "discreet_shared")},
    ),
    (
        "CREATE OR REPLACE FUNCTION gate.holds_answers(session uuid) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT false'",
        {("schema", "function gate.holds_answers")},
    ),
    (
        "DROP TRIGGER archive_memory ON discreet.memories",
        {("schema", "trigger discreet.memories/archive")},
    ),
    (
        "ALTER FUNCTION gate.erase_contact(uuid) RESET search_path",
        {("schema", "function gate.erase_contact")},
    ),
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", {("schema", "schema public")}),
)


async def test_each_opened_guard_is_found_by_all_that_see_it(
    installation: Audited, admin: Admin
) -> None:
    [agent] = await list_agents(installation.db, installation.owner_id)
    async with open_fixture(installation) as fixture:
        scene = await prepare_agent_fixture(fixture, agent, "seed", attackers=1)
        trial = RowTrial(installation.database, scene, "seed")
        for statement, expected in OPENED:
            admin.execute(statement.encode())
            found = list(check_guards(installation.database))
            if any(kind.startswith("rows") for kind, _ in expected):
                found += trial.look()
            seen = {(one.id, one.where) for one in found if one.severity == "leak"}
            for kind, where in expected:
                assert any(k == kind and where in w for k, w in seen), (statement, kind, seen)


SHOWN = (
    ("ALTER POLICY owner ON discreet.held_messages USING (true)", "discreet.held_messages"),
    ("ALTER POLICY owner ON discreet.reminders USING (true)", "discreet.reminders"),
    ("ALTER TABLE discreet.limits DISABLE ROW LEVEL SECURITY", "discreet.limits"),
    (
        "ALTER POLICY contact ON discreet.memories USING ((owner_id, party, contact_id)"
        " = (SELECT s.owner_id, s.party, s.contact_id FROM gate.scope() s))",
        "discreet.memories",
    ),
    # What the same contact has with another agent, and what people share with one.
    (
        "ALTER POLICY contact ON discreet.messages USING ((owner_id, party, contact_id)"
        " = (SELECT s.owner_id, s.party, s.contact_id FROM gate.scope() s))",
        "discreet.messages",
    ),
    (
        "ALTER POLICY shared ON discreet.attachments USING (contact_id IS NULL"
        " AND owner_id = (SELECT s.owner_id FROM gate.scope() s))",
        "discreet.attachments",
    ),
    ("ALTER POLICY owner ON discreet.drafts USING (true)", "discreet.drafts"),
    ("ALTER POLICY shared ON discreet.outbox USING (true)", "discreet.outbox"),
    (
        "ALTER TABLE discreet.memories DROP CONSTRAINT memories_agent_id_owner_id_fkey",
        "discreet.memories.agent_id",
    ),
    (
        "ALTER TABLE discreet.web_chats DROP CONSTRAINT web_chats_minter_id_owner_id_fkey",
        "discreet.web_chats.minter_id",
    ),
)


async def test_what_a_change_shows_is_seen_without_a_comparison_with_this_version(
    installation: Audited, admin: Admin
) -> None:
    [agent] = await list_agents(installation.db, installation.owner_id)
    async with open_fixture(installation) as fixture:
        scene = await prepare_agent_fixture(fixture, agent, "seed", attackers=1)
        trial = RowTrial(installation.database, scene, "seed")
        assert trial.look() == []
        for statement, _ in SHOWN:
            admin.execute(statement.encode())
        seen = {one.where for one in trial.look()}
        assert {where for _, where in SHOWN} <= seen


async def test_the_neighbour_has_rows_in_all_tables_but_those_that_would_act(
    installation: Audited, admin: Admin
) -> None:
    [agent] = await list_agents(installation.db, installation.owner_id)
    async with open_fixture(installation) as fixture:
        await prepare_agent_fixture(fixture, agent, "seed", attackers=1)
        tables = admin.execute(
            "SELECT a.attrelid::regclass::text FROM pg_attribute a"
            " JOIN pg_policy p ON p.polrelid = a.attrelid AND p.polname IN ('owner', 'contact')"
            " WHERE a.attname = 'owner_id' AND a.attrelid::regclass::text LIKE 'discreet.%'"
            " GROUP BY a.attrelid"
        ).fetchall()
        empty = set()
        for (table,) in tables:
            asked = f"SELECT EXISTS (SELECT FROM {table} WHERE owner_id = %s)"
            row = admin.execute(asked.encode(), (fixture.neighbour_id,)).fetchone()
            if row is None or not row[0]:
                empty.add(str(table))
        # A table that is new may wait for its row: this is about those that had one.
        assert len(tables) - len(empty) >= FILLED, empty


async def test_a_statement_that_tells_of_others_rows_is_found(
    installation: Audited, admin: Admin
) -> None:
    [agent] = await list_agents(installation.db, installation.owner_id)
    admin.execute("ALTER POLICY contact ON discreet.memories USING (true)")
    async with open_fixture(installation) as fixture:
        scene = await prepare_agent_fixture(fixture, agent, "seed", attackers=1)
        trial = RowTrial(installation.database, scene, "seed")
        trial.ask()
        await stir(scene)
        told = trial.compare()
    assert {one.id for one in told} == {"rows-told"}
    assert any("discreet.memories" in one.where for one in told)


def test_files_listeners_backups_and_versions_are_looked_at(installation: Audited) -> None:
    home = installation.settings.home
    assert list(check_files(home)) == []
    (home / "credentials.json").write_text("{}")
    (home / "credentials.json").chmod(0o644)
    note_backup(home, home / "made.backup")
    (home / "made.backup").write_bytes(b"")
    (home / "made.backup").chmod(0o600)
    (home / "backups.jsonl").chmod(0o600)
    assert [(one.id, one.severity) for one in check_files(home)] == [
        ("file-mode", "warning"),
        ("backup-unencrypted", "warning"),
    ]
    home.chmod(0o755)
    assert [(one.id, one.severity) for one in check_files(home)][:2] == [
        ("file-mode", "leak"),
        ("file-mode", "leak"),
    ]
    wide = Settings(home=home, listen="0.0.0.0:8780", model_base_url="http://models.example/v1")
    assert [one.where for one in check_listeners(wide)] == [
        "DISCREET_LISTEN=0.0.0.0:8780",
        "DISCREET_MODEL_BASE_URL=http://models.example",
    ]
    assert [one.where for one in check_versions("16.4 (Debian)", "0.8.2")] == [
        "CVE-2024-10976", "CVE-2025-1094", "CVE-2025-8713", "CVE-2026-6473",
    ]  # fmt: skip
    assert list(check_versions("18.4", "0.8.2")) == []
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost", "10.0.0.1", "x")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_tool_servers_that_serve_everybody_or_strangers_are_named() -> None:
    plain = ToolServerSeen("files", "Ada", "https://tools.example", shared=False, open=False)
    local = replace(plain, url="http://127.0.0.1:9000")
    assert list(check_tool_servers([plain, local, replace(plain, url="")])) == []
    bad = ToolServerSeen(
        "calendar", "Ada", "http://tools.example", shared=True, open=True, trusted=True
    )
    assert {one.id for one in check_tool_servers([bad])} == {
        "shared-tool-server", "trusted-tool-server", "open-admission-with-tools", "url-without-tls",
    }  # fmt: skip


def test_findings_are_sarif_results_worst_first() -> None:
    found = worst_first(
        [Finding("b", "note", "B.", "", "Do b."), Finding("a", "leak", "A.", "here", "Do a.")]
    )
    [run] = as_sarif(found, "1.0")["runs"]
    assert [result["level"] for result in run["results"]] == ["error", "note"]
    assert run["results"][0]["message"]["text"] == "A. Do a."
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"a", "b"}


async def _leave_a_fixture(installation: Audited) -> None:
    """Open a fixture with people and rows on it, and die."""
    async with open_scoped(installation.database) as db:
        mine = replace(installation, db=db)
        [agent] = await list_agents(db, mine.owner_id)
        async with open_fixture(mine) as fixture:
            await prepare_agent_fixture(fixture, agent, "seed", attackers=2)
            os.kill(os.getpid(), signal.SIGKILL)


async def test_the_stage_of_a_killed_audit_is_deleted_by_the_next_one_and_a_running_one_is_not(
    installation: Audited, admin: Admin
) -> None:
    before = _rows(admin)
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_leave_a_fixture(installation))
        finally:
            os._exit(1)  # it didn't die as it should
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert _rows(admin)["discreet.memories"] > before["discreet.memories"]
    # Its lease holds for some seconds, as that of a living one does.
    assert await clear_stages(installation.db) == 0
    admin.execute("UPDATE queue.leases SET leased_until = now() - interval '1 second'")
    deleted = Counter[str]()
    assert await clear_stages(installation.db, deleted) == 2
    assert (deleted["owners"], deleted["memories"] > 3) == (2, True)
    after = _rows(admin)
    for table in ("owners", "agents", "contacts", "sessions", "messages", "memories"):
        assert after[f"discreet.{table}"] == before[f"discreet.{table}"], table


async def test_only_an_audits_owner_can_be_deleted(installation: Audited) -> None:
    async with installation.db.begin(WorkScope()) as tx:
        with pytest.raises(NotFound):
            await tx.value("SELECT gate.end_audit(%(o)s)", {"o": installation.owner_id})
