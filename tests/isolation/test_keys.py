"""The keys between tables, without row-level security: no row can refer to another scope's.

Not even a role that sees all rows can create such a reference. Each key is violated by a statement
that violates no other.

Mostly a table of cases, one for each key.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from discreet.turn.run import run_turn
from tests.isolation.conftest import ALICE, Neighbours
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import turns_of
from tests.support.world import make_world, other_owner

Admin = psycopg.Connection[Any]

MOVED = "UPDATE discreet.{} SET {} = %({})s WHERE contact_id = %(alice)s"
ADMITTED = "INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)"
LABEL = "INSERT INTO discreet.contact_labels (owner_id, contact_id, label)"
REMINDER = (
    "INSERT INTO discreet.reminders (owner_id, agent_id, contact_id, session_id, route_id, shared,"
    " text, starts_at, zone, due_at)"
)
CALL = ", false, 'call', now(), 'UTC', now()"
ACCESS = "INSERT INTO discreet.access_log (owner_id, contact_id, number, did, place, digest)"
PAIRING = (
    "INSERT INTO discreet.pairings (channel_id, contact_id, owner_id, agent_id, code, expires_at)"
)
HELD_MESSAGES = (
    "INSERT INTO discreet.held_messages"
    " (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)"
)
LIMIT_HIT = "INSERT INTO discreet.limit_hits (agent_id, contact_id, kind, owner_id, until)"
OWNER_CHAT = (
    "INSERT INTO discreet.owner_chats"
    " (owner_id, platform, platform_id, agent_id, channel_id, chat_id)"
)
OWNER_NOTICE = "INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)"
TOKEN = "INSERT INTO discreet.tokens (owner_id, agent_id, contact_id, prefix, digest)"
MCP_SESSION = (
    "INSERT INTO discreet.mcp_sessions"
    " (digest, token_id, owner_id, agent_id, contact_id, session_id)"
)
LINK = "INSERT INTO discreet.links (id, owner_id, survivor_id, merged_id, proof)"
LINK_REQUEST = (
    "INSERT INTO discreet.link_requests"
    " (owner_id, contact_id, digest, expires_at, other_id, back_digest)"
)
TOOL_SERVER = "INSERT INTO discreet.tool_servers (owner_id, agent_id, name, url)"
A_SERVER = f"WITH s AS ({TOOL_SERVER} VALUES (%(olga)s, %(ada)s, 'shop', 'http://a') RETURNING id)"
CONNECTION = (
    "INSERT INTO discreet.connections (owner_id, agent_id, contact_id, server_id, link_hash)"
)
TOOL = "INSERT INTO discreet.tools (server_id, owner_id, name, called, schema)"
WEB_CHAT = (
    "WITH t AS (INSERT INTO discreet.tokens (owner_id, agent_id, prefix, digest)"
    "           VALUES (%(olga)s, %(ada)s, 'x', sha256(gen_random_uuid()::text::bytea))"
    "           RETURNING id)"
    " INSERT INTO discreet.web_chats"
    " (id, owner_id, agent_id, name, origins, public_key, sealed, minter_id)"
    " SELECT gen_random_uuid()"
)
CASES: dict[str, tuple[type[psycopg.Error], str]] = {
    "addresses_check": (
        CheckViolation,
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id)"
        " VALUES (%(olga)s, 'web', 'nobody')",
    ),
    "addresses_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "UPDATE discreet.addresses SET contact_id = %(alice)s WHERE owner_id = %(otto)s",
    ),
    "addresses_once": (
        UniqueViolation,
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)"
        " VALUES (%(olga)s, 'telegram', '1001', %(bob)s)",
    ),
    "agents_name": (
        UniqueViolation,
        "INSERT INTO discreet.agents (owner_id, name) VALUES (%(olga)s, 'Ada')",
    ),
    "channels_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.channels (owner_id, agent_id, platform)"
        " VALUES (%(otto)s, %(ada)s, 'web')",
    ),
    "channels_open": (
        UniqueViolation,
        "INSERT INTO discreet.channels (owner_id, agent_id, platform, account)"
        " SELECT owner_id, %(eve)s, platform, account FROM discreet.channels"
        "  WHERE agent_id = %(ada)s",
    ),
    "drafts_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.drafts (turn_id, owner_id, agent_id, contact_id, text)"
        " SELECT %(bobs_turn)s, %(olga)s, %(ada)s, %(bob)s, v.text"
        "  FROM (VALUES ('a'), ('b')) v (text)",
    ),
    "outbox_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.outbox"
        " (message_id, owner_id, agent_id, contact_id, session_id, route_id)"
        " SELECT message_id, owner_id, agent_id, contact_id, session_id, route_id"
        "  FROM discreet.outbox",
    ),
    "drafts_turn_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.drafts (turn_id, owner_id, agent_id, contact_id, text)"
        " VALUES (%(bobs_turn)s, %(olga)s, %(ada)s, %(alice)s, 'x')",
    ),
    "memories_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
        " VALUES (%(otto)s, %(ada)s, NULL, 'x')",
    ),
    "memories_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("memories", "contact_id", "ottos_alice"),
    ),
    "memory_history_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("memory_history", "agent_id", "ottos_ada"),
    ),
    "memory_history_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("memory_history", "contact_id", "ottos_alice"),
    ),
    "memory_history_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.memory_history (memory_id, version, owner_id, agent_id, contact_id,"
        " shared, content, summary, topics, salience, source, metadata, terms, created_at,"
        " updated_at, change) SELECT memory_id, version, owner_id, agent_id, contact_id, shared,"
        " content, summary, topics, salience, source, metadata, terms, created_at, updated_at,"
        " change FROM discreet.memory_history WHERE contact_id = %(alice)s",
    ),
    "messages_route_id_session_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("messages", "route_id", "bobs_route") + " AND direction = 'in'",
    ),
    "messages_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        MOVED.format("messages", "contact_id", "bob"),
    ),
    "messages_session_id_position_owner_id_agent_id_party_key": (
        UniqueViolation,
        MOVED.format("messages", "position", "two") + " AND position = 1",
    ),
    "messages_turn_id_session_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("messages", "turn_id", "bobs_turn"),
    ),
    "outbox_message_id_session_id_route_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("outbox", "message_id", "bobs_message"),
    ),
    "outbox_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        MOVED.format("outbox", "contact_id", "bob"),
    ),
    "passages_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.passages (owner_id, agent_id, title, position, content)"
        " VALUES (%(otto)s, %(ada)s, 'x', 1, 'x')",
    ),
    "passages_agent_id_title_position_owner_id_key": (
        UniqueViolation,
        "INSERT INTO discreet.passages (owner_id, agent_id, title, position, content)"
        " SELECT %(olga)s, %(ada)s, 'x', 1, n FROM unnest(ARRAY['x', 'y']) n",
    ),
    "quarantine_channel_id_dedupe_key_owner_id_key": (
        UniqueViolation,
        "INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason)"
        " SELECT %(olga)s, %(channel)s, 'x', '{}', n FROM unnest(ARRAY['x', 'y']) n",
    ),
    "routes_channel_id_owner_id_agent_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("routes", "channel_id", "eves_channel"),
    ),
    "routes_session_id_channel_id_chat_id_thread_id_owner_id_age_key": (
        UniqueViolation,
        "INSERT INTO discreet.routes (owner_id, agent_id, contact_id, session_id, channel_id,"
        " chat_id) SELECT owner_id, agent_id, contact_id, session_id, channel_id, chat_id"
        " FROM discreet.routes WHERE contact_id = %(alice)s",
    ),
    "routes_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        MOVED.format("routes", "contact_id", "bob"),
    ),
    "sessions_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id)"
        " VALUES (%(otto)s, %(ada)s, NULL)",
    ),
    "sessions_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id)"
        " VALUES (%(olga)s, %(ada)s, %(ottos_alice)s)",
    ),
    "turns_route_id_session_id_fkey": (
        ForeignKeyViolation,
        MOVED.format("turns", "route_id", "bobs_route"),
    ),
    "turns_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        MOVED.format("turns", "contact_id", "bob"),
    ),
    "memories_once": (
        UniqueViolation,
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
        " SELECT owner_id, agent_id, contact_id, content FROM discreet.memories"
        "  WHERE contact_id = %(alice)s",
    ),
    "memories_once of the owner": (
        UniqueViolation,
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
        " SELECT owner_id, agent_id, contact_id, content FROM discreet.memories"
        "  WHERE contact_id IS NULL",
    ),
    "memories_topic": (
        UniqueViolation,
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, topic_key)"
        " VALUES (%(olga)s, %(ada)s, %(alice)s, 'one home', 'home'),"
        "        (%(olga)s, %(ada)s, %(alice)s, 'another home', 'home')",
    ),
    "memories_topic of the owner": (
        UniqueViolation,
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, topic_key)"
        " VALUES (%(olga)s, %(ada)s, NULL, 'one home', 'home'),"
        "        (%(olga)s, %(ada)s, NULL, 'another home', 'home')",
    ),
    "messages_once": (
        UniqueViolation,
        "INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id,"
        " position, direction, text, channel_id, chat_id, platform_message_id)"
        " SELECT owner_id, agent_id, contact_id, session_id, route_id, 99, 'in', 'x', channel_id,"
        " chat_id, platform_message_id FROM discreet.messages"
        "  WHERE contact_id = %(alice)s AND direction = 'in' AND position = 1",
    ),
    "sessions_open": (
        UniqueViolation,
        "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id)"
        " VALUES (%(olga)s, %(ada)s, %(alice)s)",
    ),
    "sessions_open of the owner": (
        UniqueViolation,
        "INSERT INTO discreet.sessions (owner_id, agent_id, contact_id)"
        " VALUES (%(olga)s, %(ada)s, NULL)",
    ),
    "admissions_channel_id_owner_id_agent_id_fkey": (
        ForeignKeyViolation,
        ADMITTED + " VALUES (%(eves_channel)s, %(bob)s, %(olga)s, %(ada)s)",
    ),
    "admissions_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        ADMITTED + " VALUES (%(channel)s, %(ottos_alice)s, %(olga)s, %(ada)s)",
    ),
    "admissions_pkey": (
        UniqueViolation,
        ADMITTED + " SELECT %(channel)s, %(bob)s, %(olga)s, %(ada)s FROM generate_series(1, 2)",
    ),
    "contact_labels_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        LABEL + " VALUES (%(olga)s, %(ottos_alice)s, 'staff')",
    ),
    "contact_labels_pkey": (
        UniqueViolation,
        LABEL + " SELECT %(olga)s, %(bob)s, 'staff' FROM generate_series(1, 2)",
    ),
    "reminders_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        REMINDER + " SELECT %(olga)s, %(ada)s, %(alice)s, %(bobs_session)s, %(bobs_route)s" + CALL,
    ),
    "reminders_route_id_session_id_fkey": (
        ForeignKeyViolation,
        REMINDER
        + " SELECT %(olga)s, %(ada)s, %(alice)s, s.id, %(bobs_route)s"
        + CALL
        + " FROM discreet.sessions s WHERE s.contact_id = %(alice)s LIMIT 1",
    ),
    "connections_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        f"{A_SERVER} {CONNECTION} SELECT %(olga)s, %(ada)s, %(ottos_alice)s, id, 'x' FROM s",
    ),
    "connections_server_id_owner_id_fkey": (
        ForeignKeyViolation,
        f"{A_SERVER} {CONNECTION} SELECT %(otto)s, %(ada)s, %(ottos_alice)s, id, 'x' FROM s",
    ),
    "access_log_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        ACCESS + " VALUES (%(olga)s, %(ottos_alice)s, 1, 'read', 'terminal', '')",
    ),
    "access_log_pkey": (
        UniqueViolation,
        ACCESS + " SELECT %(olga)s, %(bob)s, 1, 'read', 'terminal', '' FROM generate_series(1, 2)",
    ),
    "self_erasures_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.self_erasures (owner_id, contact_id, digest)"
        " VALUES (%(olga)s, %(ottos_alice)s, '')",
    ),
    "owner_term_stats_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)"
        " VALUES (%(olga)s, 'tea', 1), (%(olga)s, 'tea', 2)",
    ),
    "pairings_channel_id_owner_id_agent_id_fkey": (
        ForeignKeyViolation,
        PAIRING + " VALUES (%(eves_channel)s, %(bob)s, %(olga)s, %(ada)s, 'A', now())",
    ),
    "pairings_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        PAIRING + " VALUES (%(channel)s, %(ottos_alice)s, %(olga)s, %(ada)s, 'A', now())",
    ),
    "pairings_channel_id_contact_id_key": (
        UniqueViolation,
        PAIRING + " SELECT %(channel)s, %(bob)s, %(olga)s, %(ada)s, code, now()"
        "  FROM (VALUES ('A'), ('B')) v (code)",
    ),
    "pairings_code": (
        UniqueViolation,
        PAIRING + " VALUES (%(channel)s, %(bob)s, %(olga)s, %(ada)s, 'ZZZZZZZZ', now())",
    ),
    "held_messages_pairing_id_owner_id_fkey": (
        ForeignKeyViolation,
        HELD_MESSAGES + " SELECT %(channel)s, '1', '1', %(otto)s, id, '{}' FROM discreet.pairings",
    ),
    "held_messages_pkey": (
        UniqueViolation,
        HELD_MESSAGES + " SELECT %(channel)s, '1', '1', %(olga)s, id, '{}'"
        "  FROM discreet.pairings, generate_series(1, 2)",
    ),
    "limits_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.limits (owner_id, contact_id) VALUES (%(olga)s, %(ottos_alice)s)",
    ),
    "limits_owner_id_contact_id_key": (
        UniqueViolation,
        "INSERT INTO discreet.limits (owner_id, contact_id)"
        " SELECT %(olga)s, NULL FROM generate_series(1, 2)",
    ),
    "retention_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.retention (owner_id, agent_id, kind)"
        " VALUES (%(olga)s, %(ottos_ada)s, 'files')",
    ),
    "retention_channel_id_owner_id_agent_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.retention (owner_id, agent_id, channel_id, kind)"
        " SELECT %(olga)s, a.id, gen_random_uuid(), 'files' FROM discreet.agents a"
        "  WHERE a.owner_id = %(olga)s LIMIT 1",
    ),
    "retention_owner_id_agent_id_channel_id_kind_key": (
        UniqueViolation,
        "INSERT INTO discreet.retention (owner_id, kind)"
        " SELECT %(olga)s, 'files' FROM generate_series(1, 2)",
    ),
    "retention_check": (
        CheckViolation,
        "INSERT INTO discreet.retention (owner_id, channel_id, kind)"
        " VALUES (%(olga)s, gen_random_uuid(), 'files')",
    ),
    "budgets_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.budgets (owner_id, agent_id) VALUES (%(olga)s, %(ottos_ada)s)",
    ),
    "budgets_owner_id_agent_id_key": (
        UniqueViolation,
        "INSERT INTO discreet.budgets (owner_id, agent_id)"
        " SELECT %(olga)s, NULL FROM generate_series(1, 2)",
    ),
    "sessions_check": (
        CheckViolation,
        "UPDATE discreet.sessions SET takeover_contact_id = %(alice)s WHERE id = %(bobs_session)s",
    ),
    "sessions_takeover_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.sessions"
        " (owner_id, agent_id, contact_id, thread_key, takeover_contact_id)"
        " VALUES (%(olga)s, %(ada)s, NULL, 'owner:chat', %(ottos_alice)s)",
    ),
    "owner_chats_channel_id_owner_id_agent_id_fkey": (
        ForeignKeyViolation,
        OWNER_CHAT + " VALUES (%(otto)s, 'telegram', '1', %(ada)s, %(channel)s, '1')",
    ),
    "owner_chats_pkey": (
        UniqueViolation,
        OWNER_CHAT + " SELECT %(olga)s, 'telegram', '1', %(ada)s, %(channel)s, '1'"
        "  FROM generate_series(1, 2)",
    ),
    "owner_notices_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        OWNER_NOTICE + " VALUES (%(olga)s, 'said', 'x', %(ottos_alice)s, %(bobs_message)s)",
    ),
    "owner_notices_pkey": (
        UniqueViolation,
        OWNER_NOTICE + " SELECT %(olga)s, 'said', 'x', %(bob)s, %(bobs_message)s"
        "  FROM generate_series(1, 2)",
    ),
    "tool_servers_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        TOOL_SERVER + " VALUES (%(otto)s, %(ada)s, 'shop', 'http://a')",
    ),
    "tool_servers_name": (
        UniqueViolation,
        TOOL_SERVER + " SELECT %(olga)s, %(ada)s, 'shop', 'http://a' FROM generate_series(1, 2)",
    ),
    "webhooks_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.webhooks (id, owner_id, agent_id, url, sealed)"
        " VALUES (gen_random_uuid(), %(otto)s, %(ada)s, 'http://a', '')",
    ),
    "web_chats_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        WEB_CHAT + ", %(olga)s, a.id, 'shop', '{}', 'key', NULL, t.id"
        " FROM t, discreet.agents a WHERE a.owner_id = %(otto)s",
    ),
    "web_chats_minter_id_owner_id_fkey": (
        ForeignKeyViolation,
        WEB_CHAT + ", %(otto)s, a.id, 'shop', '{}', 'a key', NULL, t.id"
        " FROM t, discreet.agents a WHERE a.owner_id = %(otto)s",
    ),
    "web_chats_check": (
        CheckViolation,
        WEB_CHAT + ", %(olga)s, %(ada)s, 'shop', '{}', 'key', '', id FROM t",
    ),
    "web_chats_name": (
        UniqueViolation,
        WEB_CHAT + ", %(olga)s, %(ada)s, 'shop', '{}', 'key', NULL, id"
        " FROM t, generate_series(1, 2)",
    ),
    "url_or_command": (CheckViolation, TOOL_SERVER + " VALUES (%(olga)s, %(ada)s, 'shop', NULL)"),
    "accounts_apart": (
        CheckViolation,
        "INSERT INTO discreet.tool_servers (owner_id, agent_id, name, url, signs_in, shared)"
        " VALUES (%(olga)s, %(ada)s, 'shop', 'http://a', true, true)",
    ),
    "tools_server_id_owner_id_fkey": (
        ForeignKeyViolation,
        f"{A_SERVER} {TOOL} SELECT id, %(otto)s, 'find', 'shop__find', '{{}}' FROM s",
    ),
    "tools_pkey": (
        UniqueViolation,
        f"{A_SERVER} {TOOL} SELECT id, %(olga)s, 'find', 'shop__' || n, '{{}}'"
        " FROM s, generate_series(1, 2) n",
    ),
    "tools_server_id_called_owner_id_key": (
        UniqueViolation,
        f"{A_SERVER} {TOOL} SELECT id, %(olga)s, 'find' || n, 'shop__find', '{{}}'"
        " FROM s, generate_series(1, 2) n",
    ),
    "tools_check": (
        CheckViolation,
        f"{A_SERVER}"
        " INSERT INTO discreet.tools (server_id, owner_id, name, called, schema, allowed)"
        " SELECT id, %(olga)s, 'find', 'shop__find', '{}', 'labels' FROM s",
    ),
    "held_answers_turn_id_session_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)"
        " SELECT %(olga)s, s.id, %(bobs_turn)s, 'x' FROM discreet.sessions s"
        "  WHERE s.contact_id = %(alice)s",
    ),
    "held_answers_turn": (
        UniqueViolation,
        "INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text)"
        " SELECT %(olga)s, %(bobs_session)s, %(bobs_turn)s, 'x' FROM generate_series(1, 2)",
    ),
    "tokens_check2": (
        CheckViolation,
        "INSERT INTO discreet.tokens (owner_id, prefix, digest, purpose)"
        " VALUES (%(olga)s, 'x', sha256('1'), 'dashboard')",
    ),
    "tokens_check3": (
        CheckViolation,
        "INSERT INTO discreet.tokens (owner_id, agent_id, prefix, digest, minted_by, expires_at)"
        " SELECT owner_id, %(ada)s, 'x', sha256('1'), id, now() FROM discreet.tokens LIMIT 1",
    ),
    "limit_hits_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        LIMIT_HIT + " VALUES (%(ottos_ada)s, %(bob)s, 'waiting', %(olga)s, now())",
    ),
    "limit_hits_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        LIMIT_HIT + " VALUES (%(ada)s, %(ottos_alice)s, 'waiting', %(olga)s, now())",
    ),
    "limit_hits_pkey": (
        UniqueViolation,
        LIMIT_HIT + " SELECT %(ada)s, %(bob)s, 'waiting', %(olga)s, now()"
        "  FROM generate_series(1, 2)",
    ),
    "tokens_agent_id_owner_id_fkey": (
        ForeignKeyViolation,
        TOKEN + " VALUES (%(olga)s, %(ottos_ada)s, NULL, 'x', sha256('1'))",
    ),
    "tokens_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        TOKEN + " VALUES (%(olga)s, %(ada)s, %(ottos_alice)s, 'x', sha256('1'))",
    ),
    "tokens_check": (
        CheckViolation,
        TOKEN + " VALUES (%(olga)s, NULL, %(alice)s, 'x', sha256('1'))",
    ),
    "tokens_check1": (
        CheckViolation,
        "INSERT INTO discreet.tokens (owner_id, agent_id, prefix, digest, expires_at, purpose)"
        " VALUES (%(olga)s, %(ada)s, '', sha256('2'), now(), 'dashboard')",
    ),
    "mcp_sessions_check": (
        CheckViolation,
        MCP_SESSION
        + " SELECT 'a', id, %(olga)s, NULL, NULL, %(bobs_session)s FROM discreet.tokens",
    ),
    "mcp_sessions_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        MCP_SESSION + " SELECT 'a', id, %(olga)s, %(ada)s, %(alice)s, %(bobs_session)s"
        "  FROM discreet.tokens",
    ),
    "idempotency_keys_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, request_digest)"
        " SELECT id, 'a', %(olga)s, 'a' FROM discreet.tokens, generate_series(1, 2)",
    ),
    "attachments_check": (
        CheckViolation,
        "UPDATE discreet.attachments SET state = 'kept'",
    ),
    "attachments_message_id_position_key": (
        UniqueViolation,
        "INSERT INTO discreet.attachments (owner_id, agent_id, contact_id, session_id, route_id,"
        " message_id, position, kind, platform_file, channel_id, chat_id, platform_message_id)"
        " SELECT owner_id, agent_id, contact_id, session_id, route_id, message_id, position, kind,"
        " platform_file, channel_id, chat_id, platform_message_id FROM discreet.attachments",
    ),
    "attachments_message_id_session_id_route_id_fkey": (
        ForeignKeyViolation,
        "UPDATE discreet.attachments SET message_id = %(alices_message)s",
    ),
    "attachments_session_id_owner_id_agent_id_party_fkey": (
        ForeignKeyViolation,
        "UPDATE discreet.attachments SET contact_id = %(alice)s",
    ),
    "channel_secrets_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.channel_secrets (owner_id, platform, account, sealed)"
        " SELECT %(olga)s, 'telegram', '7', 'a' FROM generate_series(1, 2)",
    ),
    "channels_check": (
        CheckViolation,
        "UPDATE discreet.channels SET only_chat = '-1' WHERE id = %(channel)s",
    ),
    "channels_parent_id_owner_id_platform_account_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.channels"
        " (owner_id, agent_id, platform, account, parent_id, only_chat)"
        " SELECT %(otto)s, %(ottos_ada)s, platform, account, id, '-1' FROM discreet.channels"
        "  WHERE id = %(channel)s",
    ),
    "contacts_check": (
        CheckViolation,
        "UPDATE discreet.contacts SET merged_into = id WHERE id = %(alice)s",
    ),
    "contacts_merged_into_owner_id_fkey": (
        ForeignKeyViolation,
        "UPDATE discreet.contacts SET merged_into = %(ottos_alice)s WHERE id = %(alice)s",
    ),
    "erased_addresses_pkey": (
        UniqueViolation,
        "INSERT INTO discreet.erased_addresses (owner_id, digest)"
        " SELECT %(olga)s, 'a' FROM generate_series(1, 2)",
    ),
    "links_survivor_id_owner_id_fkey": (
        ForeignKeyViolation,
        LINK + " VALUES (gen_random_uuid(), %(olga)s, %(ottos_alice)s, %(bob)s, 'owner')",
    ),
    "links_merged_id_owner_id_fkey": (
        ForeignKeyViolation,
        LINK + " VALUES (gen_random_uuid(), %(olga)s, %(bob)s, %(ottos_alice)s, 'owner')",
    ),
    "links_merged": (
        UniqueViolation,
        LINK + " SELECT gen_random_uuid(), %(olga)s, %(alice)s, %(bob)s, 'owner'"
        "  FROM generate_series(1, 2)",
    ),
    "linked_rows_pkey": (
        UniqueViolation,
        "WITH made AS (" + LINK + " VALUES (gen_random_uuid(), %(olga)s, %(alice)s, %(bob)s,"
        " 'owner') RETURNING id)"
        " INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key)"
        " SELECT made.id, %(olga)s, 'session', 'x' FROM made, generate_series(1, 2)",
    ),
    "linked_rows_link_id_owner_id_fkey": (
        ForeignKeyViolation,
        "WITH made AS (" + LINK + " VALUES (gen_random_uuid(), %(olga)s, %(alice)s, %(bob)s,"
        " 'owner') RETURNING id)"
        " INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key)"
        " SELECT made.id, %(otto)s, 'session', 'x' FROM made",
    ),
    "link_requests_check": (
        CheckViolation,
        LINK_REQUEST + " VALUES (%(olga)s, %(alice)s, 'a', now(), %(bob)s, NULL)",
    ),
    "link_requests_check1": (
        CheckViolation,
        LINK_REQUEST + " VALUES (%(olga)s, %(alice)s, 'a', now(), %(alice)s, 'b')",
    ),
    "link_requests_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        LINK_REQUEST + " VALUES (%(olga)s, %(ottos_alice)s, 'a', now(), NULL, NULL)",
    ),
    "link_requests_other_id_owner_id_fkey": (
        ForeignKeyViolation,
        LINK_REQUEST + " VALUES (%(olga)s, %(alice)s, 'a', now(), %(ottos_alice)s, 'b')",
    ),
    "wrong_codes_contact_id_owner_id_fkey": (
        ForeignKeyViolation,
        "INSERT INTO discreet.wrong_codes (owner_id, contact_id)"
        " VALUES (%(olga)s, %(ottos_alice)s)",
    ),
}


@pytest.fixture
async def ids(neighbours: Neighbours, admin: Admin) -> dict[str, Any]:
    """Return ids of Alice's and Bob's rows with Olga's agent Ada, and of other agents and owners.

    These are her agent Eve, and another owner with an agent Ada and a contact with Alice's address.
    Alice's and Bob's messages are answered.
    """
    world = neighbours.world
    await world.say(ALICE, calling("recall"))
    for one in (neighbours.alice, neighbours.bob):
        await run_turn(turns_of(world.db, Responder(do_as_told)), one.session_id)
    eve = await make_world(world.db, agent="Eve")
    otto = await other_owner(world, admin)
    ottos = await otto.say(ALICE, "hello Otto")
    bob = neighbours.bob
    rows = admin.execute(
        "SELECT (SELECT id FROM discreet.turns WHERE session_id = %(s)s),"
        " (SELECT id FROM discreet.routes WHERE session_id = %(s)s)",
        {"s": bob.session_id},
    ).fetchone()
    assert rows is not None
    admin.execute(
        "INSERT INTO discreet.attachments (owner_id, agent_id, contact_id, session_id, route_id,"
        " message_id, position, kind, platform_file, channel_id, chat_id, platform_message_id)"
        " SELECT owner_id, agent_id, contact_id, session_id, route_id, id, 1, 'photo', 'file',"
        " channel_id, chat_id, platform_message_id FROM discreet.messages WHERE id = %s",
        (bob.message_id,),
    )
    admin.execute(
        PAIRING + " VALUES (%s, %s, %s, %s, 'ZZZZZZZZ', now())",
        (world.channel_id, neighbours.alice.contact_id, world.owner_id, world.agent_id),
    )
    admin.execute(TOKEN + " VALUES (%s, NULL, NULL, 'x', sha256('0'))", (world.owner_id,))
    return {
        "bobs_session": bob.session_id,
        "olga": world.owner_id, "ada": world.agent_id, "channel": world.channel_id,
        "alice": neighbours.alice.contact_id, "bob": bob.contact_id, "bobs_turn": rows[0],
        "alices_message": neighbours.alice.message_id,
        "bobs_route": rows[1], "bobs_message": bob.message_id, "two": 2, "eve": eve.agent_id,
        "eves_channel": eve.channel_id, "otto": otto.owner_id, "ottos_ada": otto.agent_id,
        "ottos_alice": ottos.contact_id,
    }  # fmt: skip


async def test_each_key_refuses_what_would_mix_two_scopes(
    ids: dict[str, Any], admin: Admin
) -> None:
    for key, (error, statement) in CASES.items():
        with pytest.raises(error) as refused:
            admin.execute(statement, ids)
        assert refused.value.diag.constraint_name == key.removesuffix(" of the owner"), key


def test_each_key_of_several_columns_has_such_a_case(admin: Admin) -> None:
    found = admin.execute(
        "SELECT c.conname FROM pg_constraint c WHERE c.connamespace = 'discreet'::regnamespace"
        " AND cardinality(c.conkey) > 1 AND (c.contype IN ('f', 'c') OR c.contype IN ('p', 'u')"
        "   AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f'"
        "                    AND f.conindid = c.conindid))"
        " UNION ALL SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = 'discreet'::regnamespace AND i.indisunique"
        "   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)"
    ).fetchall()
    assert sorted(name for (name,) in found) == sorted(
        key for key in CASES if not key.endswith(" of the owner")
    )


def test_what_keys_go_through_is_made_in_one_way_and_never_null(admin: Admin) -> None:
    found = admin.execute(
        "SELECT count(DISTINCT pg_get_expr(d.adbin, d.adrelid)), bool_and(a.attnotnull),"
        " string_agg(DISTINCT a.attgenerated::text, '')"
        " FROM pg_attribute a JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)"
        " JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attname = 'party' AND c.relnamespace = 'discreet'::regnamespace"
    ).fetchone()
    assert found == (1, True, "s")


async def test_the_owners_rows_can_not_become_shared_nor_vice_versa(
    ids: dict[str, Any], admin: Admin, neighbours: Neighbours
) -> None:
    await run_turn(
        turns_of(neighbours.world.db, Responder(do_as_told)), neighbours.owner.session_id
    )
    for table in ("routes", "turns", "messages", "outbox"):
        change = f"UPDATE discreet.{table} SET shared = NOT shared WHERE contact_id IS NULL"
        with pytest.raises(ForeignKeyViolation):
            admin.execute(change)
