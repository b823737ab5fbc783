"""Try to link a scope's own rows to somebody else's: the keys of the tables must refuse it.

Each statement copies a row that the scope is shown, with one id in it replaced by another party's.
It runs in a transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg

from discreet.audit.catalogue import Catalogue, CatalogueColumn, Table
from discreet.audit.findings import Finding

__all__ = ["Rows", "read_rows", "ties"]

Conn = psycopg.Connection[Any]
Enter = Callable[[Conn], None]
Rows = Mapping[str, Mapping[str, str]]
"""A row of each table, as text by column."""
FREE = frozenset({"id", "turn_id", "last_event_id"})
"""Ids without a foreign key, because one would show which ids exist; or chosen by who inserts."""
TO_DO = "Restore the keys: sb db migrate with the admin's URL, or a backup."


def read_rows(conn: Conn, catalogue: Catalogue, enter: Enter, where: str = "") -> Rows:
    """Return one row of each table that this scope is shown. ``where``: a condition on it."""
    found: dict[str, Mapping[str, str]] = {}
    for table in catalogue.tables:
        names = [column.name for column in table.readable()]
        if not names or not table.name.startswith("discreet."):
            continue
        if where and "contact_id" not in names:
            continue
        picked = ", ".join(f"{name}::text" for name in names)
        with conn.transaction(force_rollback=True):
            enter(conn)
            row = conn.execute(
                f"SELECT {picked} FROM {table.name} {where} LIMIT 1".encode()
            ).fetchone()
        if row is not None:
            found[table.name] = {
                name: value for name, value in zip(names, row, strict=True) if value is not None
            }
    return found


def ties(
    conn: Conn, catalogue: Catalogue, enter: Enter, own: Rows, others: Rows, role: str
) -> Iterator[Finding]:
    """Yield the columns in which a row was accepted that holds another party's id."""
    for table in catalogue.tables:
        mine, theirs = own.get(table.name), others.get(table.name)
        if mine is None or theirs is None:
            continue
        written = [column for column in table.columns if column.insertable]
        for column in written:
            if column.type != "uuid" or column.name in FREE or column.name not in theirs:
                continue
            if theirs[column.name] == mine.get(column.name):
                continue
            statement = _insert(table, written, {**mine, column.name: theirs[column.name]})
            with conn.transaction(force_rollback=True):
                enter(conn)
                try:
                    conn.execute(statement)
                    conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
                except psycopg.Error:
                    continue
            yield Finding(
                "rows-tied", "leak", f"{role} can tie a row to somebody else's.",
                f"{table.name}.{column.name}", TO_DO,
            )  # fmt: skip


def _insert(table: Table, written: list[CatalogueColumn], row: Mapping[str, str]) -> bytes:
    """Return the statement. What may have to be unique is made so: texts, digests, positions."""
    given = [column for column in written if column.name in row or column.name == "id"]
    values = []
    for column in given:
        value = row.get(column.name, "").replace("'", "''").replace("\\", "\\\\")
        literal = f"E'{value}'::{column.type}"
        if column.name == "id":
            literal = "gen_random_uuid()"
        elif column.type == "bytea":
            literal = "sha256(uuid_send(gen_random_uuid()))"
        elif column.type == "text" and column.name in ("name", "title", "topic_key", "content"):
            literal = f"left({literal}, 20) || '2'"
        elif column.name in ("called", "label"):
            literal = f"{literal} || '2'"
        elif column.name == "position":
            literal = f"{literal} + 100000"
        values.append(literal)
    names = ", ".join(column.name for column in given)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(values)})".encode()
