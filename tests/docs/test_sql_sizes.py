"""A function that nobody can hold in their head hides what it lets through."""

from __future__ import annotations

from typing import Any

import psycopg

MAX_LINES = 70


def test_no_sql_function_is_longer_than_seventy_lines(admin: psycopg.Connection[Any]) -> None:
    found = admin.execute(
        "SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p"
        " WHERE p.pronamespace IN ('gate'::regnamespace, 'discreet'::regnamespace)"
        "   AND p.prokind IN ('f', 'p')"
    ).fetchall()
    assert len(found) > 90
    sizes = [(name, len(text.strip().splitlines())) for name, text in found]
    assert [(name, lines) for name, lines in sizes if lines > MAX_LINES] == []
