"""Each table has its stance on retention, erasure, export, linking and backup, and keeps it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import get_type_hints

from discreet.postgres.backup import DUMP_WORDS
from discreet.postgres.migrate import SQL
from discreet.postgres.restored_secrets import BOUND
from discreet.services import exporting
from tests.schema.__main__ import SCHEMA
from tests.schema.stances import STANCES, Stance

WORDS = {
    "retention": {"deleted", "follows", "expires", "stays"},
    "erasure": {"deleted", "follows", "nobody"},
    "export": {"whole", "withheld", "nobody"},
    "linking": {"moved", "follows", "stays", "nobody"},
    "backup": {"dumped", "apart"},
}
HOW = (
    "tests/schema/stances.py needs a line for it, such as\n"
    '    "{table}": Stance(\n'
    '        "deleted", "deleted", "whole", "moved"),  # retention, erasure, export, linking\n'
    "The words and what each of them asks of you are at the top of that file."
)


def text_of(*folders: str) -> str:
    files = [file for folder in folders for file in sorted(SQL.glob(folder))]
    assert files, folders
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@cache
def schema() -> str:
    return SCHEMA.read_text(encoding="utf-8")


@cache
def tables() -> dict[str, str]:
    """Return the tables of the committed schema, with their columns as text."""
    found = re.findall(
        r"^CREATE TABLE (\w+\.\w+) \((.*?)^\)(?:\nWITH .*?)?;", schema(), re.DOTALL | re.MULTILINE
    )
    assert len(found) > 40
    return {name: columns for name, columns in found if name.split(".")[0] != "public"}


def named(table: str, text: str) -> bool:
    return re.search(rf"\b{table}\b|'{table.split('.')[1]}'", text) is not None or (
        table.startswith("queue.") and table.split(".")[1] in text
    )


def parents(table: str) -> set[str]:
    """Return the tables whose deleted rows take rows of this one with them."""
    keys = re.findall(
        rf"ALTER TABLE ONLY {re.escape(table)}\n    ADD CONSTRAINT \w+ FOREIGN KEY \([^)]*\)"
        r" REFERENCES (\S+?)\([^)]*\) ON DELETE CASCADE",
        schema(),
    )
    return set(keys)


def kind(table: str, what: str) -> str:
    stance: str = getattr(STANCES[table], what)
    return stance.split(":", maxsplit=1)[0].split(maxsplit=1)[0]


def test_every_table_has_a_line_and_every_line_a_table() -> None:
    missing = sorted(set(tables()) - set(STANCES))
    assert missing == [], "\n".join(HOW.format(table=table) for table in missing)
    assert sorted(set(STANCES) - set(tables())) == [], "these tables are gone; remove their lines"


def test_every_stance_begins_with_a_word_of_the_list() -> None:
    for table in STANCES:
        for what in get_type_hints(Stance):
            assert kind(table, what) in WORDS[what], (table, what, sorted(WORDS[what]))


def test_a_table_of_contacts_says_what_becomes_of_them() -> None:
    for table, columns in tables().items():
        if re.search(r"^    (sender_)?contact_id\b", columns, re.MULTILINE):
            says = [
                what for what in ("erasure", "export", "linking") if kind(table, what) == "nobody"
            ]
            assert says == [], f"{table} has a contact_id: {says} can't be 'nobody'"


def test_what_is_deleted_exported_or_moved_is_named_where_that_happens() -> None:
    retention = text_of("functions/retention/*.sql", "functions/contacts/erase_contact.sql")
    erasure = text_of("functions/contacts/erase_*.sql")
    linking = text_of("functions/contacts/links.sql")
    export = Path(exporting.__file__).read_text(encoding="utf-8")
    for what, word, text, where in (
        ("retention", "deleted", retention, "functions/retention/"),
        ("erasure", "deleted", erasure, "functions/contacts/erase_*.sql"),
        ("export", "whole", export, "services/exporting.py"),
        ("linking", "moved", linking, "functions/contacts/links.sql"),
    ):
        missing = [
            table for table in STANCES if kind(table, what) == word and not named(table, text)
        ]
        assert missing == [], f"{what}: {word}, but not named in {where}"


def test_what_follows_in_an_erasure_is_deleted_with_a_row_that_goes() -> None:
    for table in STANCES:
        if kind(table, "erasure") == "follows":
            gone = {one for one in parents(table) if kind(one, "erasure") in ("deleted", "follows")}
            assert gone, f"{table} has no foreign key ON DELETE CASCADE to a table that is erased"


def test_every_secret_is_encrypted_anew_where_a_backup_is_restored() -> None:
    sealed = {name for name, text in tables().items() if re.search(r"^    sealed ", text, re.M)}
    assert sealed == {f"discreet.{table}" for table in BOUND}


def test_only_what_is_apart_is_kept_out_of_a_backup() -> None:
    words = [word for word in DUMP_WORDS if word.startswith("--exclude-table")]
    apart = [table for table in STANCES if kind(table, "backup") == "apart"]
    assert sorted(words) == sorted(f"--exclude-table-data={table}" for table in apart)
