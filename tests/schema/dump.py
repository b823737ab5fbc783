"""A database's schema in a form that can be compared and read."""

from __future__ import annotations

import re
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from discreet.postgres.binaries import run_client
from discreet.postgres.installation import DEFAULT_INSTALLATION, rename_roles
from discreet.postgres.schema_state import read_state, written

LEFT_OUT = "--exclude-table=public.schema_migrations"
"""The program creates the ledger before the first migration."""

_GRANT = re.compile(r"^GRANT (.*) ON TABLE (\S+) TO (\w+);$", re.MULTILINE)
_HEADER = re.compile(r"^--\n-- Name: (?P<name>.*?); Type: (?P<type>[^;]*);.*\n--\n\n", re.MULTILINE)


def schema_of(conninfo: str, installation: str = DEFAULT_INSTALLATION) -> str:
    """Return the schema of a database as a script: tables, functions, policies, triggers, rights.

    Roles are named as in the default installation, whatever the ``installation`` is called.
    Names, columns and rights come in an order that doesn't depend on how the database came to be,
    except for columns: those of a table stand as they were added.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "schema.sql")
        run_client(
            "pg_dump", conninfo, "--schema-only", LEFT_OUT, f"--file={file}",
            f"--dbname={conninfo_to_dict(conninfo)['dbname']}",
        )  # fmt: skip
        text = rename_roles(file.read_text(encoding="utf-8"), installation, DEFAULT_INSTALLATION)
    heads = list(_HEADER.finditer(text))
    ends = [head.start() for head in heads[1:]] + [text.index("\n--\n-- PostgreSQL database dump")]
    blocks, columns = [], []
    for head, end in zip(heads, ends, strict=True):
        body = text[head.end() : end].strip()
        if head["name"] in ("EXTENSION vector", "vector"):
            continue
        if head["type"] == "ACL" and head["name"].startswith("COLUMN "):
            columns.append(body)
            continue
        if head["type"] == "ACL":
            body = "\n".join(sorted(body.splitlines()))
        blocks.append(f"-- {head['type']} {head['name']}\n{body}\n")
    return "\n".join([*blocks, *_rights_on_columns("\n".join(columns))])


def state_of(conninfo: str, installation: str = DEFAULT_INSTALLATION) -> str:
    """Return what ``schema_state.txt`` says of a database: a digest for each object."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        return "".join(written(read_state(conn, installation)))


def _rights_on_columns(grants: str) -> Iterator[str]:
    """Yield one statement per table, role and right, where pg_dump has one per column."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for rights, table, role in _GRANT.findall(grants):
        for right, column in re.findall(r"(\w+)\(([^)]*)\)", rights):
            of_role = found.setdefault(table, {}).setdefault(role, {})
            of_role.setdefault(right, []).append(column)
    for table, roles in sorted(found.items()):
        yield f"-- ACL COLUMNS OF {table}"
        for role, rights_of_role in sorted(roles.items()):
            for right, names in sorted(rights_of_role.items()):
                listed = f"GRANT {right} ({', '.join(sorted(names))}) ON {table} TO {role};"
                yield textwrap.fill(listed, 100, subsequent_indent="    ")
        yield ""
