"""The table of mutants fits the source of today; the mutants themselves are tried by
scripts/mutate-isolation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

from tests.mutation.mutant import ROOT, Mutant, mutated
from tests.mutation.of_catalogue import of_catalogue
from tests.mutation.of_source import of_source


def test_each_edit_fits_the_source_of_today_and_changes_it() -> None:
    wrong = []
    for mutant in of_source():
        try:
            _make(mutant)
        except Exception as error:
            wrong.append(f"{mutant.name}: {error}")
    assert wrong == []


def _make(mutant: Mutant) -> None:
    changed = mutated(mutant)
    assert changed or mutant.statements, "it changes nothing"
    for path, text in changed.items():
        assert text != (ROOT / path).read_text(encoding="utf-8"), path
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_no_two_mutants_have_one_name_and_the_tests_that_notice_them_exist(
    admin: psycopg.Connection[Any],
) -> None:
    mutants = [*of_source(), *of_catalogue(admin)]
    assert len(mutants) > 400
    assert [name for name, times in Counter(m.name for m in mutants).items() if times > 1] == []
    for mutant in mutants:
        assert mutant.tests
        for test in mutant.tests:
            file, _, function = test.partition("::")
            assert (ROOT / file).exists(), mutant.name
            if function:
                assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8"), test


def test_each_policy_and_each_table_has_its_mutants(admin: psycopg.Connection[Any]) -> None:
    names = [mutant.name for mutant in of_catalogue(admin)]
    policies = admin.execute(
        "SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'discreet'"
        " AND policyname <> 'gate'"
    ).fetchall()
    assert len(policies) > 30
    for table, policy in policies:
        assert f"policy {table}/{policy}: shows everything" in names
    for (table,) in admin.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'discreet'::regnamespace"
        " AND relkind = 'r'"
    ).fetchall():
        assert f"{table}: NO FORCE row level security" in names


def test_each_mutant_of_the_database_can_be_made_there(admin: psycopg.Connection[Any]) -> None:
    refused, same = [], []
    before = _functions(admin)
    made = [mutant for mutant in of_source() if mutant.statements]
    for mutant in made:
        try:
            with admin.transaction(force_rollback=True):
                admin.execute(mutant.statements.encode())
                if not mutant.sql and _functions(admin) == before:
                    same.append(mutant.name)
        except psycopg.Error as error:
            refused.append((mutant.name, str(error)))
    assert len(made) > 200
    assert (refused, same) == ([], [])


def _functions(admin: psycopg.Connection[Any]) -> str | None:
    row = admin.execute(
        "SELECT md5(string_agg(md5(prosrc), '' ORDER BY oid)) FROM pg_proc"
        " WHERE pronamespace = 'gate'::regnamespace"
    ).fetchone()
    return None if row is None else row[0]
