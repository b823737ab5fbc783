"""Any right that is granted or revoked makes the page of roles and privileges wrong.

The page is compared with the catalogue. Every possible right is tried; those of one role together.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.docs import privileges

Admin = psycopg.Connection[Any]

SCOPE_ROLES = ("discreet_contact", "discreet_shared", "discreet_owner")
LOGIN_ROLES = (*SCOPE_ROLES, "discreet_intake", "discreet_worker")
ROLES = (*LOGIN_ROLES, "discreet_gate", "discreet_schema")
TABLES = """
SELECT oid::regclass::text FROM pg_class
 WHERE relnamespace = ANY (ARRAY['discreet', 'gate', 'queue']::regnamespace[]) AND relkind = 'r'
   AND relowner <> %s::regrole
 ORDER BY 1
"""
FUNCTIONS = """
SELECT oid::regprocedure::text, 'gate.' || proname FROM pg_proc
 WHERE pronamespace = 'gate'::regnamespace AND proowner <> %s::regrole ORDER BY 1
"""
COLUMNS_GIVEN = """
SELECT a.attrelid::regclass::text, quote_ident(a.attname), g.privilege_type
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) g
 WHERE c.relnamespace = 'discreet'::regnamespace AND g.grantee = %s::regrole ORDER BY 1, 2, 3
"""


def table_rights(admin: Admin) -> dict[str, set[privileges.Row]]:
    """Return the page's entries for each table."""
    found: dict[str, set[privileges.Row]] = {}
    for row in privileges.table_rights(admin):
        found.setdefault(row[0], set()).add(row)
    return found


def has(admin: Admin, role: str, table: str, right: str) -> bool:
    asked = admin.execute("SELECT has_table_privilege(%s, %s, %s)", (role, table, right))
    return asked.fetchone() == (True,)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("right", privileges.RIGHTS)
def test_a_right_on_any_table_that_a_role_gets_is_not_on_the_page(
    admin: Admin, role: str, right: str
) -> None:
    before = table_rights(admin)
    tables = [name for (name,) in admin.execute(TABLES, (role,)).fetchall()]
    given = [table for table in tables if not has(admin, role, table, right)]
    with admin.transaction(force_rollback=True):
        for table in given:
            admin.execute(f"GRANT {right} ON {table} TO {role}".encode())
        after = table_rights(admin)
    assert given or role == "discreet_gate"
    assert [table for table in given if after[table] == before[table]] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_right_on_any_column_that_a_role_loses_is_missed_on_the_page(
    admin: Admin, role: str
) -> None:
    given = admin.execute(COLUMNS_GIVEN, (role,)).fetchall()
    by_column: dict[tuple[str, str], list[str]] = {}
    for table, column, right in given:
        by_column.setdefault((table, right), []).append(column)
    unseen = []
    before = table_rights(admin)
    # One column of each table at a time: several removed together could hide each other.
    for turn in range(max(map(len, by_column.values()), default=0)):
        taken = [
            (t, r, columns[turn]) for (t, r), columns in by_column.items() if turn < len(columns)
        ]
        for right in privileges.RIGHTS:
            here = [(table, column) for table, said, column in taken if said == right]
            with admin.transaction(force_rollback=True):
                for table, column in here:
                    admin.execute(f"REVOKE {right} ({column}) ON {table} FROM {role}".encode())
                after = table_rights(admin)
            unseen += [(right, *one) for one in here if after.get(one[0]) == before[one[0]]]
    keys = [one for one in unseen if one[2] in privileges.KEYS]
    assert [one for one in unseen if one not in keys] == []


@pytest.mark.parametrize("role", ["PUBLIC", *ROLES])
def test_a_function_that_a_role_may_call_or_may_no_longer_call_is_seen_on_the_page(
    admin: Admin, role: str
) -> None:
    owner = "discreet_schema" if role == "PUBLIC" else role
    before = dict(privileges.function_rights(admin))
    found = admin.execute(FUNCTIONS, (owner,)).fetchall()
    assert found or role == "discreet_gate"
    may = {
        function: admin.execute(
            "SELECT has_function_privilege(%s, %s, 'EXECUTE')", (role.lower(), function)
        ).fetchone()
        == (True,)
        for function, _ in found
    }
    with admin.transaction(force_rollback=True):
        for function, _ in found:
            # A right of everybody is granted to the role too, which adds a name to the page.
            change = "REVOKE" if role != "PUBLIC" and may[function] else "GRANT"
            word = "FROM" if change == "REVOKE" else "TO"
            admin.execute(f"{change} EXECUTE ON FUNCTION {function} {word} {role}".encode())
        after = dict(privileges.function_rights(admin))
    unseen = [name for function, name in found if after[name] == before[name]]
    assert unseen == []
