"""Functions of the database are short, and leave texts and numbers to the program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

import discreet
from discreet.domain.database_codes import DATABASE_CODES
from discreet.domain.policy import Policy
from discreet.domain.sender_notices import duration, sender_notices

MAX_LINES = 70

Functions = dict[str, str]


@pytest.fixture
def functions(admin: psycopg.Connection[Any]) -> Functions:
    found = admin.execute(
        "SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid) FROM pg_proc p"
        " WHERE p.pronamespace IN ('gate'::regnamespace, 'discreet'::regnamespace)"
        "   AND p.prokind IN ('f', 'p')"
    ).fetchall()
    assert len(found) > 90
    return dict(found)


def test_no_sql_function_is_longer_than_seventy_lines(functions: Functions) -> None:
    sizes = {name: len(text.strip().splitlines()) for name, text in functions.items()}
    assert {name: size for name, size in sizes.items() if size > MAX_LINES} == {}


def test_what_functions_raise_for_people_are_codes_with_a_text(functions: Functions) -> None:
    raised = {
        (code, text)
        for body in functions.values()
        for text, code in re.findall(r"RAISE EXCEPTION '([^']*)'\s+USING ERRCODE = '(DS\d+)'", body)
    }
    assert {code for code, _ in raised} == {"DS001", "DS002", "DS003"}
    assert {text for _, text in raised if text not in DATABASE_CODES} == set()


def test_no_function_raises_a_sentence(functions: Functions) -> None:
    texts = [t for body in functions.values() for t in re.findall(r"RAISE \w+ '([^']*)'", body)]
    assert len(texts) > 15
    assert [text for text in texts if not re.fullmatch(r"[a-z_]+|%", text)] == []


def test_no_time_of_a_row_is_compared_with_a_clock_that_no_index_serves() -> None:
    source = Path(discreet.__file__).parent
    compared = re.compile(r"(?:created|started)_at [<>]=? [^;\n]*clock_timestamp\(\)")
    files = [*source.rglob("*.py"), *(source / "postgres/sql/functions").rglob("*.sql")]
    assert len(files) > 300
    assert [(file.name, found) for file in files for found in compared.findall(file.read_text())
            ] == []  # fmt: skip


def test_the_policy_in_the_database_is_the_default_one(admin: psycopg.Connection[Any]) -> None:
    row = admin.execute("SELECT to_jsonb(p) - 'one' FROM gate.policy p").fetchone()
    assert row is not None
    assert row[0] == Policy().model_dump()


def test_the_texts_in_the_database_are_those_of_the_program(
    admin: psycopg.Connection[Any], functions: Functions
) -> None:
    found = dict(admin.execute("SELECT code, text FROM gate.notices").fetchall())
    assert found == sender_notices(Policy())
    named = {
        code
        for body in functions.values()
        for code in re.findall(r"n\.code = '(\w+)'|'(pairing|owner_linked)', ", body)
    }
    assert {a or b for a, b in named} <= set(found)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3600, "an hour"),
        (7200, "2 hours"),
        (60, "a minute"),
        (5400, "90 minutes"),
        (61, "61 seconds"),
    ],
)
def test_a_time_is_told_in_the_largest_unit_that_fits(seconds: int, text: str) -> None:
    assert duration(seconds) == text
