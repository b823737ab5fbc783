"""The page of roles and privileges says what the catalogue says, neither more nor less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from discreet.postgres.roles import LOGIN_ROLES
from tests.docs import privileges
from tests.docs.pages import DOCS, Row, as_table, table

PAGE = DOCS / "roles-and-privileges.md"

Admin = psycopg.Connection[Any]


def _compare(heading: str, head: Sequence[str], written: Sequence[Row], true: set[Row]) -> None:
    width = len(next(iter(true)))
    said = [row[:width] for row in written]
    notes = {row[:1]: row[width:] for row in written}
    if set(said) == true and len(said) == len(set(said)):
        return
    correct = as_table(
        head,
        [
            (f"`{row[0]}`", *row[1:], *notes.get(row[:1], [""] * (len(head) - width)))
            for row in sorted(true)
        ],
    )
    missing = "\n".join(map(str, sorted(true - set(said))))
    wrong = "\n".join(map(str, sorted(set(said) - true)))
    pytest.fail(
        f"{PAGE.name}, {heading!r}.\nNot on the page:\n{missing}\nNot so in the database:\n{wrong}"
        f"\n\nThe table as it should be:\n\n{correct}\n",
        pytrace=False,
    )


def test_the_rights_on_every_table_are_on_the_page(admin: Admin) -> None:
    head = ("table", "roles", "SELECT", "INSERT", "UPDATE", "DELETE")
    written = table(PAGE, "Tables")
    _compare("Tables", head, written, privileges.table_rights(admin))


def test_the_rights_on_every_function_are_on_the_page(admin: Admin) -> None:
    head = ("function", "EXECUTE", "what it does")
    written = table(PAGE, "Functions")
    _compare("Functions", head, written, privileges.function_rights(admin))
    assert all(len(row) == 3 and row[2] for row in written), "a function isn't explained"


def test_the_rights_on_everything_else_are_on_the_page(admin: Admin) -> None:
    head = ("object", "right", "roles")
    written = table(PAGE, "Database, schemas, sequences")
    _compare("Database, schemas, sequences", head, written, privileges.other_rights(admin))


def test_the_page_says_for_every_table_which_roles_see_rows_of_it(admin: Admin) -> None:
    columns = ("contact", "shared", "owner", "gate")
    written = {
        name.strip(): {role for role, cell in zip(columns, row[1:], strict=True) if cell != "–"}
        for row in table(PAGE, "Rows")
        for name in row[0].split(",")
    }
    assert written == dict(privileges.policies(admin))


def test_every_role_has_its_purpose_on_the_page() -> None:
    written = {row[0] for row in table(PAGE, "Roles")}
    assert written == {*LOGIN_ROLES, "discreet_schema", "discreet_gate"}
