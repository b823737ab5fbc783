"""What each role may do, written down once more: a right that is not in this book was not meant.

Row-level security decides about rows, this about tables, columns and functions. Ids, and the
columns that say whose a row is, can be written by nobody who logs in.
"""

from __future__ import annotations

from typing import Any

import psycopg

Admin = psycopg.Connection[Any]

LOGIN_ROLES = (
    "discreet_contact",
    "discreet_shared",
    "discreet_owner",
    "discreet_intake",
    "discreet_worker",
)
# Rights on the tables of `discreet`, `gate` and `queue`; a star stands for all columns.
OF_EVERY_SCOPE = """
discreet.drafts DELETE *
discreet.drafts INSERT text turn_id
discreet.drafts SELECT *
discreet.drafts UPDATE text
discreet.memories DELETE *
discreet.memories SELECT *
discreet.memories UPDATE content embedder embedding expires_at metadata salience summary terms \
topic_key topics updated_at version
discreet.memory_history SELECT *
discreet.messages INSERT direction embedder embedding position reply_to route_id session_id state \
terms text turn_id
discreet.messages SELECT *
discreet.messages UPDATE attempts embedder embedding not_before state terms turn_id
discreet.outbox INSERT message_id route_id session_id
discreet.outbox SELECT *
discreet.outbox UPDATE attempts error next_try_at platform_message_id sent_at state
discreet.passages SELECT *
discreet.routes SELECT *
discreet.sessions SELECT *
discreet.sessions UPDATE current_turn ended_at last_position
discreet.turns INSERT attempt model route_id session_id
discreet.turns SELECT *
discreet.turns UPDATE error finished_at model prompt state steps usage
"""
OF_A_SENDER = """
discreet.agents SELECT id instructions memory_model model name role
discreet.memories INSERT content embedder embedding expires_at metadata salience source summary \
terms topic_key topics turn_id
"""
BOOK = {
    "discreet_contact": OF_EVERY_SCOPE
    + OF_A_SENDER
    + """
discreet.addresses SELECT *
discreet.contacts SELECT created_at id name owner_id type
""",
    "discreet_shared": OF_EVERY_SCOPE + OF_A_SENDER,
    "discreet_owner": OF_EVERY_SCOPE
    + """
discreet.addresses SELECT *
discreet.agents INSERT instructions memory_model model name role
discreet.agents SELECT *
discreet.agents UPDATE instructions memory_model model name role updated_at
discreet.channels INSERT account agent_id platform
discreet.channels SELECT *
discreet.contacts SELECT *
discreet.contacts UPDATE aliases name note
discreet.memories INSERT agent_id content embedder embedding expires_at metadata salience source \
summary terms topic_key topics turn_id
discreet.owners SELECT *
discreet.passages DELETE *
discreet.passages INSERT agent_id content embedder embedding position terms title
discreet.passages UPDATE embedder embedding terms
discreet.quarantine SELECT *
""",
    "discreet_intake": "",
    "discreet_worker": "".join(
        f"queue.procrastinate_{table} {right} *\n"
        for table in ("events", "jobs", "periodic_defers", "workers")
        for right in ("DELETE", "INSERT", "SELECT", "UPDATE")
    ),
}
FUNCTIONS = {
    "discreet_contact": "restore_memory scope wake_route wake_session",
    "discreet_shared": "restore_memory scope wake_route wake_session",
    "discreet_owner": "restore_memory scope wake_route wake_session",
    "discreet_intake": "accept_message quarantine_message release_quarantined scope",
    "discreet_worker": "due_quarantined find_or_create_first_owner owners route_scope scope"
    " session_scope wake_stranded",
}


def _rights(admin: Admin, role: str) -> list[str]:
    found = admin.execute(
        """
        SELECT c.oid::regclass::text, p.privilege,
               CASE WHEN has_table_privilege(%(role)s, c.oid, p.privilege) THEN '*'
                    ELSE (SELECT string_agg(a.attname, ' ' ORDER BY a.attname)
                            FROM pg_attribute a
                           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                             AND p.privilege = ANY (ARRAY['SELECT', 'INSERT', 'UPDATE',
                                                          'REFERENCES'])
                             AND has_column_privilege(%(role)s, c.oid, a.attnum,
                                   CASE WHEN p.privilege = ANY (ARRAY['DELETE', 'TRUNCATE',
                                                                      'TRIGGER', 'MAINTAIN'])
                                        THEN 'SELECT' ELSE p.privilege END))
               END
          FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',
                                        'REFERENCES', 'TRIGGER', 'MAINTAIN']) AS p(privilege)
         WHERE c.relnamespace IN ('discreet'::regnamespace, 'gate'::regnamespace,
                                  'queue'::regnamespace)
           AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        """,
        {"role": role},
    ).fetchall()
    return sorted(f"{table} {right} {columns}" for table, right, columns in found if columns)


def test_each_role_has_the_rights_of_the_book_and_no_others(admin: Admin) -> None:
    for role in LOGIN_ROLES:
        assert _rights(admin, role) == sorted(filter(None, BOOK[role].splitlines())), role


def test_each_role_may_call_the_functions_of_the_book_and_no_others(admin: Admin) -> None:
    for role in LOGIN_ROLES:
        found = admin.execute(
            "SELECT DISTINCT p.proname FROM pg_proc p"
            " WHERE p.pronamespace IN ('gate'::regnamespace, 'discreet'::regnamespace)"
            "   AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            (role,),
        ).fetchall()
        assert sorted(name for (name,) in found) == FUNCTIONS[role].split(), role


def test_only_the_worker_may_call_functions_of_the_queue(admin: Admin) -> None:
    for role in LOGIN_ROLES:
        found = admin.execute(
            "SELECT count(*) FROM pg_proc p WHERE p.pronamespace = 'queue'::regnamespace"
            " AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            (role,),
        ).fetchone()
        assert found is not None
        assert (found[0] > 0) == (role == "discreet_worker"), role


def test_no_role_may_see_or_move_a_sequence_but_the_workers_queue(admin: Admin) -> None:
    found = admin.execute(
        "SELECT DISTINCT r.rolname::text, c.relnamespace::regnamespace::text"
        "  FROM pg_class c, pg_roles r"
        " WHERE r.rolname = ANY(%s) AND c.relkind = 'S'"
        "   AND has_sequence_privilege(r.rolname, c.oid, 'USAGE,SELECT,UPDATE')",
        (list(LOGIN_ROLES),),
    ).fetchall()
    assert found == [("discreet_worker", "queue")]
