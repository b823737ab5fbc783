"""Mutants read from a live catalogue, so that new policies, keys and functions are included.

Rights have no mutants: ``test_rights.py`` tries all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg

from tests.mutation.mutant import SUITE, Mutant

Admin = psycopg.Connection[Any]

POLICIES = ("tests/isolation/test_policies.py",)
CATALOGUE = ("tests/isolation/test_catalogue.py",)
KEYS = ("tests/isolation/test_keys.py",)
RAW = "tests/isolation/test_raw_sql.py"
TRIGGERS = (
    ("archive_memory", ("tests/memory/test_memories.py",)),
    ("schedule_delivery", ("tests/delivery/test_deliver.py",)),
    ("apply_early_receipts", ("tests/delivery/test_receipts.py",)),
    ("record_delivery_at_once", ("tests/delivery/test_deliver.py",)),
    ("record_", ("tests/isolation/test_events.py", "tests/services/test_event_webhooks.py")),
    ("reject_merged_contact", ("tests/contacts",)),
    (
        "validate_reply_target",
        (f"{RAW}::test_an_answer_replies_only_to_what_was_said_in_its_own_session",),
    ),
    ("reject_open_shared_agent", ("tests/intake/test_admission.py",)),
    (
        "prevent_undercounting",
        (
            f"{RAW}::test_what_a_sender_has_used_can_not_be_made_less_by_its_own_statements",
            f"{RAW}::test_each_hostile_statement_ends_as_it_must_and_shows_or_touches_nobody_elses_rows",
        ),
    ),
    ("notify_access_changed", ("tests/api/test_access.py", "tests/api/test_states.py")),
    ("notify_channels_changed", ("tests/channels/contract",)),
    ("notify_erasure", ("tests/api/test_access.py",)),
    (
        "notify_waiting_clients",
        ("tests/api/test_waiting.py", "tests/docs/test_what_postgresql_shows.py"),
    ),
    ("enforce_memory_limit", ("tests/memory/test_limit.py",)),
)
"""Tests known to notice that a trigger whose name begins so is gone."""

_COMPARED = re.compile(
    r"\((?P<left>[^()]+)\) = \( SELECT (?P<right>[^()]+?)\s+FROM gate\.scope\(\)"
)

_NOBODYS = "(contact_id IS NULL) AND "

_KEY = re.compile(r"\(\(\( SELECT gate\.keys\(\) AS keys\)\)\[\w+\] IS NOT NULL\) AND ")


def of_catalogue(admin: Admin) -> list[Mutant]:
    """Return all of them, for a migrated database without mutations."""
    return [
        *_policies(admin),
        *_row_security(admin),
        *_keys(admin),
        *_parties(admin),
        *_search_paths(admin),
        *_triggers(admin),
    ]


def _policies(admin: Admin) -> Iterator[Mutant]:
    """Yield mutants in which a policy shows everything, ignores one column, or is gone."""
    found = admin.execute(
        "SELECT tablename, policyname, qual, coalesce(with_check, '') FROM pg_policies"
        " WHERE schemaname = 'discreet' AND policyname <> 'gate' ORDER BY 1, 2"
    ).fetchall()
    for table, policy, qual, check in found:
        name = f"policy {table}/{policy}"
        alter = f"ALTER POLICY {policy} ON discreet.{table} USING"
        yield Mutant(f"{name}: shows everything", "policies", POLICIES, sql=f"{alter} (true)")
        if check:
            sql = f"ALTER POLICY {policy} ON discreet.{table} WITH CHECK (true)"
            yield Mutant(f"{name}: lets everything be written", "policies", POLICIES, sql=sql)
        for left_out, weaker in _weaker(qual):
            sql = f"{alter} ({weaker})"
            yield Mutant(f"{name}: without {left_out}", "policies", POLICIES, sql=sql)


def _weaker(qual: str) -> Iterator[tuple[str, str]]:
    """Yield the condition without one of its columns, and without the key, which includes all.

    A party repeats the contact, or the agent where a row is shared: both are left out together,
    because no row can differ in one of them alone.
    """
    qual = _KEY.sub("", qual)
    compared = _COMPARED.search(qual)
    if compared is not None:
        left = [part.strip() for part in compared["left"].split(",")]
        is_nobodys = _NOBODYS in qual
        for column in left:
            left_out = {column}
            if "party" in left and (
                column == "contact_id" or (is_nobodys and column == "agent_id")
            ):
                left_out.add("party")
            if column == "party" and ("contact_id" in left or is_nobodys):
                continue
            yield " and ".join(sorted(left_out)), _without(qual, left_out)
        if is_nobodys and "party" in left:
            yield "contact_id and party", _without(qual, {"party"}).replace(_NOBODYS, "")
    if _NOBODYS in qual and (compared is None or "party" not in compared["left"]):
        yield "contact_id", qual.replace(_NOBODYS, "")
    if "shared AND " in qual:
        yield "shared", qual.replace("shared AND ", "")


def _without(qual: str, columns: set[str]) -> str:
    compared = _COMPARED.search(qual)
    assert compared is not None
    pairs = zip(
        (part.strip() for part in compared["left"].split(",")),
        (part.strip() for part in compared["right"].split(",")),
        strict=True,
    )
    kept = [(left, right) for left, right in pairs if left not in columns]
    names, values = (", ".join(side) for side in zip(*kept, strict=True))
    return qual.replace(compared[0], f"({names}) = ( SELECT {values} FROM gate.scope()")


def _row_security(admin: Admin) -> Iterator[Mutant]:
    for table in _tables(admin, "discreet"):
        for switch in ("DISABLE", "NO FORCE"):
            sql = f"ALTER TABLE {table} {switch} ROW LEVEL SECURITY"
            yield Mutant(
                f"{table}: {switch} row level security", "row-level security", CATALOGUE, sql=sql
            )


def _keys(admin: Admin) -> Iterator[Mutant]:
    """Yield mutants without a key or check of several columns, or with nulls that don't conflict.

    A key that others refer to can't be dropped.
    """
    found = admin.execute(
        "SELECT c.conrelid::regclass::text, c.conname FROM pg_constraint c"
        " WHERE c.connamespace = 'discreet'::regnamespace AND cardinality(c.conkey) > 1"
        "   AND (c.contype IN ('f', 'c') OR c.contype IN ('p', 'u') AND NOT EXISTS ("
        "     SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = c.conindid))"
        " ORDER BY 1, 2"
    ).fetchall()
    for table, name in found:
        sql = f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        yield Mutant(f"key {table}.{name}: gone", "keys", KEYS, sql=sql)
    indexes = admin.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND i.indisunique"
        "   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid) ORDER BY 1"
    ).fetchall()
    for index, definition in indexes:
        plain = definition.replace("CREATE UNIQUE INDEX", "CREATE INDEX").replace(
            " NULLS NOT DISTINCT", ""
        )
        yield Mutant(f"index {index}: not unique", "keys", KEYS, sql=f"DROP INDEX {index}; {plain}")
        if "NULLS NOT DISTINCT" in definition:
            nulls = definition.replace(" NULLS NOT DISTINCT", "")
            sql = f"DROP INDEX {index}; {nulls}"
            yield Mutant(f"index {index}: any number of nulls", "keys", KEYS, sql=sql)


def _parties(admin: Admin) -> Iterator[Mutant]:
    """Yield mutants in which the keys distinguish fewer parties, in all tables alike."""
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attname = 'party' AND c.relnamespace = 'discreet'::regnamespace"
        "   AND c.relkind = 'r' ORDER BY 1"
    ).fetchall()
    for what, expression in (
        ("the owner alone", "owner_id"),
        ("a contact or the owner, shared or not", "coalesce(contact_id, owner_id)"),
    ):
        change = f"ALTER COLUMN party SET EXPRESSION AS ({expression})"
        sql = ";\n".join(f"ALTER TABLE {table} {change}" for (table,) in tables)
        yield Mutant(f"keys: they go through {what}", "keys", KEYS, sql=sql)


def _search_paths(admin: Admin) -> Iterator[Mutant]:
    found = admin.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p"
        " WHERE p.pronamespace = 'gate'::regnamespace AND p.prosecdef"
        "   AND p.proconfig::text LIKE '%search_path%' ORDER BY 1"
    ).fetchall()
    for (function,) in found:
        sql = f"ALTER FUNCTION {function} RESET search_path"
        yield Mutant(
            f"function {function}: the caller's search path", "search paths", CATALOGUE, sql=sql
        )


def _triggers(admin: Admin) -> Iterator[Mutant]:
    found = admin.execute(
        "SELECT t.tgrelid::regclass::text, t.tgname FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND NOT t.tgisinternal ORDER BY 1, 2"
    ).fetchall()
    for table, trigger in found:
        sql = f"DROP TRIGGER {trigger} ON {table}"
        tests = next((tests for name, tests in TRIGGERS if trigger.startswith(name)), (SUITE,))
        yield Mutant(f"trigger {table}.{trigger}: gone", "triggers", tests, sql=sql)


def _tables(admin: Admin, schema: str) -> list[str]:
    found = admin.execute(
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relkind = 'r' ORDER BY 1",
        (schema,),
    ).fetchall()
    return [name for (name,) in found]
