"""What no login role may do on the server, whatever its ticket: no right depends on one."""

from __future__ import annotations

import psycopg

from discreet.postgres.installation import in_installation
from discreet.postgres.roles import LOGIN_ROLES
from discreet.postgres.server import Database
from tests.isolation.hostile import DENIED

REFUSED = (
    # Names that would be found before ours.
    "CREATE TEMP TABLE memories (a int)",
    "CREATE TEMP SEQUENCE jobs",
    "CREATE FUNCTION pg_temp.scope() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR public.=== (leftarg = int, rightarg = int, function = int4eq)",
    "CREATE CAST (text AS int) WITH INOUT",
    "CREATE STATISTICS public.planted ON content, summary FROM discreet.memories",
    # Large objects, which belong to nobody's scope.
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_get(1)",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_open(1, 131072)",
    "SELECT lo_unlink(1)",
    "SELECT lo_export(1, '/tmp/planted')",
    "SELECT * FROM pg_largeobject",
    # Who is there, what it does and what it waits for.
    "SELECT * FROM pg_stat_activity",
    "SELECT * FROM pg_stat_get_activity(NULL)",
    "SELECT pg_stat_get_backend_activity(1)",
    "SELECT pg_stat_get_backend_idset()",
    "SELECT * FROM pg_locks",
    "SELECT * FROM pg_lock_status()",
    "SELECT pg_cancel_backend(pg_backend_pid())",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_log_backend_memory_contexts(pg_backend_pid())",
    # What was read and written.
    "SELECT * FROM pg_stat_user_tables",
    "SELECT * FROM pg_stat_xact_user_tables",
    "SELECT * FROM pg_stat_all_indexes",
    "SELECT * FROM pg_stat_user_functions",
    "SELECT * FROM pg_statio_user_sequences",
    "SELECT * FROM pg_stat_database",
    "SELECT * FROM pg_stat_bgwriter",
    "SELECT * FROM pg_stat_progress_copy",
    "SELECT pg_stat_get_tuples_inserted('discreet.memories'::regclass)",
    "SELECT pg_stat_get_xact_numscans('discreet.memories'::regclass)",
    "SELECT pg_stat_get_function_calls('gate.scope'::regproc)",
    "SELECT pg_total_relation_size('discreet.memories')",
    "SELECT pg_tablespace_size('pg_default')",
    "SELECT * FROM pg_ls_waldir()",
    "SELECT pg_current_logfile()",
    "SELECT pg_logical_emit_message(false, 'planted', '')",
    # Sequences are the queue's.
    "SELECT setval('queue.procrastinate_jobs_id_seq', 1)",
    # Settings that would write others' statements into a log, or switch keys off.
    "SET log_statement = 'all'",
    "SET log_min_messages = 'debug5'",
    "SET track_functions = 'all'",
    "SET compute_query_id = on",
    "SET backtrace_functions = 'x'",
    "SET session_replication_role = 'replica'",
    "SET zero_damaged_pages = on",
    # Files.
    "COPY (SELECT 1) TO '/tmp/planted'",
    "COPY discreet.memories (content) FROM '/etc/passwd'",
    "COPY discreet.memories (content) FROM PROGRAM 'id'",
    "COPY gate.secrets TO STDOUT",
    "REINDEX TABLE discreet.memories",
    "CLUSTER discreet.memories USING memories_scope",
)
SEQUENCES = (
    "SELECT nextval('queue.procrastinate_jobs_id_seq')",
    "SELECT currval('queue.procrastinate_jobs_id_seq')",
    "SELECT last_value FROM queue.procrastinate_jobs_id_seq",
    "SELECT * FROM pg_get_sequence_data('queue.procrastinate_jobs_id_seq')",
)
LOCKS = ("SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_xact_lock_shared(1)")


def test_no_login_may_become_another_or_look_at_the_server_or_leave_anything_on_it(
    database: Database,
) -> None:
    installation = database.credentials.installation
    allowed = []
    for role in LOGIN_ROLES:
        others = (*LOGIN_ROLES, "discreet_gate", "discreet_schema")
        statements = [
            *REFUSED,
            *(f"SET ROLE {other}" for other in others if other != role),
            *(f"SET SESSION AUTHORIZATION {other}" for other in others if other != role),
            *(SEQUENCES if role != "discreet_worker" else ()),
            *(LOCKS if role not in ("discreet_owner", "discreet_worker") else ()),
        ]
        with psycopg.connect(database.conninfo(role), autocommit=True) as conn:
            for statement in statements:
                ended = _ended(conn, in_installation(statement, installation))
                if ended != DENIED:
                    allowed.append((role, statement, ended))
    assert allowed == []


def _ended(conn: psycopg.Connection[object], statement: str) -> str | None:
    try:
        conn.execute(statement.encode(), prepare=False)
    except psycopg.Error as error:
        return error.sqlstate
    return ""
