"""According to the catalogue, no table is open; a new table without a policy fails here."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from discreet.postgres.bootstrap import prepare_database
from discreet.postgres.migrate import read_migrations
from discreet.postgres.server import Database
from tests.conftest import Server

LOGIN_ROLES = (
    "discreet_contact",
    "discreet_shared",
    "discreet_owner",
    "discreet_intake",
    "discreet_worker",
)
# The record of migrations holds no personal data.
NOBODYS = {"schema_migrations"}

Admin = psycopg.Connection[Any]


def _tables(admin: Admin) -> list[tuple[str, bool, bool]]:
    return admin.execute(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relnamespace = 'discreet'::regnamespace AND relkind IN ('r', 'p', 'm', 'v', 'f')"
    ).fetchall()


def test_every_table_has_row_level_security_enabled_and_forced(admin: Admin) -> None:
    open_tables = [
        name
        for name, enabled, forced in _tables(admin)
        if name not in NOBODYS and not (enabled and forced)
    ]
    assert open_tables == []


def test_every_role_that_may_touch_a_table_has_one_policy_of_its_own_there(admin: Admin) -> None:
    wrong = []
    for name, _, _ in _tables(admin):
        if name in NOBODYS:
            continue
        policies = admin.execute(
            "SELECT roles::text[] FROM pg_policies WHERE schemaname = 'discreet'"
            " AND tablename = %s",
            (name,),
        ).fetchall()
        named = [role for (roles,) in policies for role in roles]
        for role in (*LOGIN_ROLES, "discreet_gate"):
            may = admin.execute(
                "SELECT bool_or(has_any_column_privilege(%(role)s, c.oid, p))"
                "  OR has_table_privilege(%(role)s, min(c.oid::bigint)::oid, 'DELETE')"
                " FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p"
                " WHERE c.oid = ('discreet.' || quote_ident(%(table)s))::regclass",
                {"role": role, "table": name},
            ).fetchone()
            assert may is not None
            if bool(may[0]) != (named.count(role) == 1):
                wrong.append((name, role, may[0], named))
    assert wrong == []


def test_no_policy_is_for_everybody(admin: Admin) -> None:
    found = admin.execute(
        "SELECT tablename, policyname FROM pg_policies WHERE 'public' = ANY (roles)"
    ).fetchall()
    assert found == []


@pytest.mark.parametrize("role", ["discreet_intake", "discreet_worker"])
def test_intake_and_worker_have_no_right_on_any_table_of_data(admin: Admin, role: str) -> None:
    rights = admin.execute(
        "SELECT c.relname FROM pg_class c"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'"
        "   AND c.relname <> 'schema_migrations'"
        "   AND (has_any_column_privilege(%(r)s, c.oid, 'SELECT')"
        "     OR has_any_column_privilege(%(r)s, c.oid, 'INSERT')"
        "     OR has_any_column_privilege(%(r)s, c.oid, 'UPDATE')"
        "     OR has_table_privilege(%(r)s, c.oid, 'DELETE'))",
        {"r": role},
    ).fetchall()
    assert rights == []


@pytest.mark.parametrize("role", ["discreet_contact", "discreet_shared"])
def test_a_sender_has_no_right_on_the_queue_the_secret_or_the_owners_tables(
    admin: Admin, role: str
) -> None:
    rights = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class c"
        " WHERE (c.relnamespace IN ('queue'::regnamespace, 'gate'::regnamespace)"
        "        OR c.oid IN ('discreet.owners'::regclass, 'discreet.channels'::regclass,"
        "                     'discreet.channel_secrets'::regclass,"
        "                     'discreet.quarantine'::regclass, 'discreet.admissions'::regclass,"
        "                     'discreet.contact_labels'::regclass,"
        "                     'discreet.tool_servers'::regclass, 'discreet.tools'::regclass,"
        "                     'discreet.tool_calls'::regclass,"
        "                     'discreet.pairings'::regclass, 'discreet.held_messages'::regclass,"
        "                     'discreet.owner_links'::regclass, 'discreet.wrong_codes'::regclass,"
        "                     'discreet.limits'::regclass, 'discreet.budgets'::regclass,"
        "                     'discreet.retention'::regclass,"
        "                     'discreet.retention_runs'::regclass,"
        "                     'discreet.limit_hits'::regclass,"
        "                     'discreet.tokens'::regclass, 'discreet.mcp_sessions'::regclass,"
        "                     'discreet.links'::regclass, 'discreet.linked_rows'::regclass,"
        "                     'discreet.link_requests'::regclass))"
        "   AND c.relkind IN ('r', 'v', 'S')"
        "   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%(r)s, c.oid, 'USAGE,SELECT')"
        "       ELSE has_any_column_privilege(%(r)s, c.oid, 'SELECT,INSERT,UPDATE,REFERENCES') END",
        {"r": role},
    ).fetchall()
    assert rights == []


@pytest.mark.parametrize("role", ["discreet_contact", "discreet_shared"])
@pytest.mark.parametrize("column", ["id", "owner_id", "agent_id", "contact_id"])
def test_no_column_that_says_whose_a_row_is_can_be_written_by_a_sender(
    admin: Admin, role: str, column: str
) -> None:
    writable = admin.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r' AND a.attname = %(c)s"
        "   AND has_column_privilege(%(r)s, c.oid, a.attname, 'INSERT,UPDATE')",
        {"r": role, "c": column},
    ).fetchall()
    assert writable == []


def test_nobody_who_logs_in_may_create_anything_anywhere(admin: Admin) -> None:
    for role in LOGIN_ROLES:
        creatable = admin.execute(
            "SELECT nspname FROM pg_namespace WHERE has_schema_privilege(%s, oid, 'CREATE')",
            (role,),
        ).fetchall()
        on_database = admin.execute(
            "SELECT has_database_privilege(%s, current_database(), 'CREATE,TEMP')", (role,)
        ).fetchone()
        assert (creatable, on_database) == ([], (False,)), role


def test_every_gate_function_can_be_called_only_by_roles_with_a_grant(admin: Admin) -> None:
    public = admin.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p"
        " WHERE p.pronamespace IN ('gate'::regnamespace, 'queue'::regnamespace)"
        "   AND (p.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(p.proacl) a"
        "                                     WHERE a.grantee = 0))"
    ).fetchall()
    assert public == []


def test_every_function_with_the_gates_rights_fixes_its_search_path_or_names_all_it_uses(
    admin: Admin,
) -> None:
    unfixed = admin.execute(
        "SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'gate'::regnamespace"
        " AND p.prosecdef AND NOT coalesce(p.proconfig::text LIKE '%search_path%', false)"
    ).fetchall()
    # These run for every statement, where a fixed path is slow; they qualify every name.
    assert sorted(name for (name,) in unfixed) == ["keys", "open_scope", "require_owner", "scope"]


# Small sets of words, whose frequency reveals nothing about anybody.
COUNTED = {
    "state", "direction", "salience", "type", "memory_model", "change", "platform", "kind",
    "admission", "purpose",
}  # fmt: skip


def test_the_planner_samples_no_column_that_holds_what_people_say_or_are_called(
    admin: Admin,
) -> None:
    sampled = admin.execute(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
        "   AND NOT a.attisdropped AND a.attstattarget IS DISTINCT FROM 0"
        "   AND a.atttypid IN ('text'::regtype, 'varchar'::regtype, 'text[]'::regtype,"
        "                      'json'::regtype, 'jsonb'::regtype, 'bytea'::regtype,"
        "                      'public.vector'::regtype)"
        "   AND a.attname <> ALL (%s)",
        (list(COUNTED),),
    ).fetchall()
    assert sampled == []


def test_nobody_who_logs_in_may_read_a_whole_table_and_so_its_system_columns(admin: Admin) -> None:
    whole = admin.execute(
        "SELECT c.relname, r.rolname FROM pg_class c, pg_roles r"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
        "   AND r.rolname = ANY (%s) AND has_table_privilege(r.oid, c.oid, 'SELECT')",
        (list(LOGIN_ROLES),),
    ).fetchall()
    assert whole == []
    system = admin.execute(
        "SELECT DISTINCT c.relname, a.attname FROM pg_class c, pg_roles r, pg_attribute a"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'"
        "   AND a.attrelid = c.oid AND a.attnum < 0 AND r.rolname = ANY (%s)"
        "   AND has_column_privilege(r.oid, c.oid, a.attnum, 'SELECT') ORDER BY 1",
        (list(LOGIN_ROLES),),
    ).fetchall()
    assert system == [("agents", "xmin"), ("contacts", "xmin")]


def test_no_sender_may_lock_a_table(admin: Admin) -> None:
    """Test that LOCK TABLE is denied: it requires a right on the whole table, not on columns."""
    lockable = admin.execute(
        "SELECT c.oid::regclass::text, r.rolname FROM pg_class c, pg_roles r"
        " WHERE c.relkind IN ('r', 'p', 'm') AND r.rolname = ANY (%s)"
        "   AND (has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, MAINTAIN')"
        "        OR has_table_privilege(r.oid, c.oid, 'SELECT')"
        "           AND c.relnamespace NOT IN ('pg_catalog'::regnamespace,"
        "                                      'information_schema'::regnamespace))",
        (["discreet_contact", "discreet_shared", "discreet_intake"],),
    ).fetchall()
    assert lockable == []


def test_no_sender_may_name_a_key_that_policies_compare(admin: Admin) -> None:
    named = admin.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid,"
        " unnest(ARRAY['discreet_contact', 'discreet_shared']) r (role)"
        " WHERE c.relnamespace = 'discreet'::regnamespace"
        "   AND a.attname IN ('owner_key', 'scope_key')"
        "   AND has_column_privilege(r.role, c.oid, a.attnum, 'SELECT, INSERT, UPDATE')"
    ).fetchall()
    assert named == []


def test_no_key_can_be_deferred_for_that_would_tell_which_ids_exist(admin: Admin) -> None:
    deferrable = admin.execute("SELECT conname FROM pg_constraint WHERE condeferrable").fetchall()
    assert deferrable == []


# The key comes first and costs the planner nothing, so no condition of a statement precedes it;
# then the columns that the indexes support.
POLICY = re.compile(
    r"\(\(\(\( SELECT gate\.keys\(\) AS keys\)\)\[(owner|scope)_key\] IS NOT NULL\) AND"
    r" (\((contact_id IS NULL|owner_key IS NOT NULL)\) AND )?\(?\(?[a-z_, ]+\)?"
    r" = \( SELECT [a-z_.,\s]+FROM gate\.scope\(\) s"
)


def test_every_policy_of_who_logs_in_is_of_the_one_form_that_no_condition_precedes(
    admin: Admin,
) -> None:
    found = admin.execute(
        "SELECT tablename, policyname, qual FROM pg_policies WHERE schemaname = 'discreet'"
        " AND NOT roles <@ ARRAY['discreet_gate']::name[]"
    ).fetchall()
    assert len(found) > 30
    assert [row for row in found if not POLICY.match(row[2])] == []


# Random ids and sequence numbers, whose existence reveals nothing about anybody.
NUMBERS = {"uuid", "integer", "bigint"}


@pytest.mark.parametrize("role", ["contact", "shared", "owner"])
def test_no_index_answers_a_statement_with_entries_of_others(admin: Admin, role: str) -> None:
    """Test that every usable index contains everything that the policy compares.

    Then index conditions touch only the scope's entries. Other indexes depend on a column that
    senders can't name.
    """
    compared = {
        table: set(re.findall(r"\w+", found[1]))
        for table, qual in admin.execute(
            "SELECT tablename, qual FROM pg_policies WHERE schemaname = 'discreet'"
            " AND policyname = %s",
            (role,),
        ).fetchall()
        if (found := re.search(r"\(?([a-z_, ]+)\)? = \( SELECT", qual))
    }
    # The operators of gin and hnsw are not leakproof: they never run before the policy.
    indexes = admin.execute(
        "SELECT c.relname, i.relname, coalesce(pg_get_expr(x.indpred, x.indrelid), ''),"
        "  array_agg(a.attname::text),"
        "  array_agg(a.attname::text) FILTER ("
        # A non-unique index isn't a key of ids, but on the subject or owner of a row.
        "    WHERE (format_type(a.atttypid, NULL) <> ALL (%(numbers)s)"
        "      OR NOT x.indisunique AND %(role)s <> 'owner')"
        "    AND a.attname <> ALL (%(counted)s)"
        "    AND has_column_privilege('discreet_' || %(role)s, c.oid, a.attnum, 'SELECT'))"
        " FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid"
        " JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (x.indkey)"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND m.amname = 'btree' GROUP BY 1, 2, 3",
        {"numbers": list(NUMBERS), "counted": list(COUNTED), "role": role},
    ).fetchall()
    open_to = [
        index
        for table, index, where, columns, told in indexes
        if told and (needed := compared.get(table))
        if role == "owner" or "owner_key IS NOT NULL" not in where
        if not any(needed - {either} <= set(columns) for either in ("party", "contact_id"))
    ]
    assert len(indexes) > 60
    assert sorted(open_to) == []


def test_no_text_is_compared_by_its_order_before_a_policy_where_the_admin_is_a_superuser(
    admin: Admin,
) -> None:
    [(superuser,)] = admin.execute(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchall()
    compared = admin.execute(
        "SELECT DISTINCT p.proname FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode"
        " WHERE p.proleakproof AND o.oprleft IN ('text'::regtype, 'bytea'::regtype,"
        "   'name'::regtype, 'bpchar'::regtype, 'jsonb'::regtype, 'float8'::regtype)"
    ).fetchall()
    # A hosted server's policies work without this second layer.
    assert compared == [("texteq",)] or not superuser


INDEXED = {
    "memories_terms": "discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms && '{a}'",
    "memories_expiry": "discreet.memories m WHERE m.owner_key IS NOT NULL AND m.expires_at < now()",
    "outbox_platform_messages": "discreet.outbox o"
    " WHERE o.owner_key IS NOT NULL AND o.platform_messages <> '{}'"
    " AND o.platform_messages @> '{a}'",
    "tokens_digest_key": "discreet.tokens t WHERE t.digest = '\\x00'",
    "addresses_once": "discreet.addresses a"
    " WHERE a.owner_id = gen_random_uuid() AND a.platform = 'x' AND a.platform_id = 'x'",
    "messages_once": "discreet.messages m WHERE m.channel_id = gen_random_uuid()"
    " AND m.chat_id = 'x' AND m.platform_message_id = 'x' AND m.direction = 'in'",
}


@pytest.mark.parametrize("index", INDEXED)
def test_the_gate_finds_by_its_indexes_what_its_policy_lets_it_see(
    admin: Admin, index: str
) -> None:
    with admin.transaction(force_rollback=True):
        # It has every row, so that in an empty table it costs as little as the others.
        admin.execute("DROP INDEX discreet.memories_recent")
        admin.execute("SET LOCAL ROLE discreet_gate")
        admin.execute("SET LOCAL enable_seqscan = off")
        build_prompt = admin.execute(f"EXPLAIN SELECT FROM {INDEXED[index]}").fetchall()
    assert index in str(build_prompt)


@pytest.mark.parametrize("view", ["pg_stat_activity", "pg_locks"])
def test_no_role_may_look_at_what_others_do(admin: Admin, view: str) -> None:
    # The functions behind them are revoked too, so each layer holds without the other.
    for role in LOGIN_ROLES:
        seen = admin.execute("SELECT has_table_privilege(%s, %s, 'SELECT')", (role, view))
        assert seen.fetchone() == (False,), role


def test_a_database_that_was_open_is_closed_when_it_is_prepared(
    server: Server, database: Database, admin: Admin
) -> None:
    admin.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    prepare_database(server.admin_conninfo, database.credentials, read_migrations())
    test_nobody_who_logs_in_may_create_anything_anywhere(admin)
