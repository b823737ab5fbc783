"""Tickets for tests that run raw SQL on a connection of their own."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.postgres.pool import MEET
from discreet.scope import Scope
from discreet.scope.tickets import ticket_for


def ticket_on(conn: psycopg.Connection[Any], scope: Scope, key: bytes, *, late: float = 0) -> str:
    """Return a ticket valid on this connection now, or (``late``) that many seconds ago."""
    row = conn.execute(MEET).fetchone()
    assert row is not None
    return ticket_for(scope, key, row[0], row[1] - late)


def show_ticket(conn: psycopg.Connection[Any], scope: Scope, key: bytes) -> None:
    """Set a valid ticket for the current or beginning transaction."""
    conn.execute("SELECT set_config('discreet.ticket', %s, true)", (ticket_on(conn, scope, key),))
