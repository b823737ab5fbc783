"""The audit of a sender's rights finds every right that is opened again."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from discreet.audit.rights import open_rights
from discreet.postgres.server import Database

ROLES = ("discreet_contact", "discreet_shared")
OPENED = {
    "ALTER TABLE discreet.messages ALTER CONSTRAINT"
    " messages_session_id_owner_id_agent_id_party_fkey DEFERRABLE": (
        "messages_session_id_owner_id_agent_id_party_fkey of discreet.messages can be deferred"
    ),
    "GRANT SELECT ON discreet.memories TO {role}": (
        "discreet.memories can be read whole, and so by ctid and currtid2"
    ),
    "GRANT SELECT (ctid) ON discreet.memories TO {role}": "discreet.memories.ctid can be read",
    "GRANT SELECT (xmin) ON discreet.turns TO {role}": "discreet.turns.xmin can be read",
    "GRANT SELECT (scope_key) ON discreet.turns TO {role}": "discreet.turns.scope_key can be read",
    "GRANT DELETE ON discreet.drafts TO {role}": "discreet.drafts can be locked",
    "GRANT UPDATE ON discreet.outbox TO {role}": "discreet.outbox can be locked",
    "GRANT UPDATE (contact_id) ON discreet.memories TO {role}": (
        "discreet.memories.contact_id can be written"
    ),
    "GRANT INSERT (owner_id) ON discreet.messages TO {role}": (
        "discreet.messages.owner_id can be written"
    ),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_senders_role_has_no_right_that_tells_of_others(database: Database, role: str) -> None:
    with psycopg.connect(database.conninfo(role)) as conn:
        assert open_rights(conn) == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("opened", OPENED)
def test_a_right_that_was_taken_away_is_found_where_it_is_given_again(
    database: Database, admin: psycopg.Connection[Any], opened: str, role: str
) -> None:
    admin.execute(opened.format(role=role))
    with psycopg.connect(database.conninfo(role)) as conn:
        assert OPENED[opened] in open_rights(conn)


FREE = {"gate.begin_turn.max_messages"}
"""How many waiting messages a turn takes at once is no limit on anybody."""
CHOSEN = """
SELECT format('%s.%s', p.oid::regproc, given.name)
  FROM pg_proc p,
       unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY AS given (name, type, place)
 WHERE p.pronamespace = 'gate'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')
   AND given.place <= p.pronargs
   AND (given.type = 'interval'::regtype OR given.name ~ '^(max|min|valid|limit)_')
"""


@pytest.mark.parametrize("role", ROLES)
def test_a_sender_chooses_no_limit_and_no_duration_of_the_gate(
    database: Database, role: str
) -> None:
    with psycopg.connect(database.conninfo(role)) as conn:
        assert {found for (found,) in conn.execute(CHOSEN)} <= FREE
