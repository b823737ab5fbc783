"""``docs/tables.md``: the tables and their references, drawn from ``schema.sql``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TABLE = re.compile(
    r"^CREATE TABLE (?:discreet|gate)\.(\w+) \(\n(.*?)\n\)(?:\nWITH [^\n]*)?;", re.M | re.S
)
_COLUMN = re.compile(
    r"^    (\w+|\"\w+\") ([a-z][\w. ]*?(?:\[\])?)(?= DEFAULT| NOT NULL| GENERATED|,?$)"
)
_KEY = re.compile(
    r"^ALTER TABLE ONLY (?:discreet|gate)\.(\w+)\n"
    r"    ADD CONSTRAINT \w+ (PRIMARY KEY|FOREIGN KEY) \(([^)]*)\)"
    r"(?: REFERENCES (?:discreet|gate)\.(\w+)\()?",
    re.MULTILINE,
)
_TYPES = {
    "timestamp with time zone": "timestamptz",
    "public.vector": "vector",
    "text[]": "text_array",
}

HEAD = """\
# The tables

Drawn from `src/discreet/postgres/sql/schema.sql` by `scripts/schema`; a test says when it is stale.
The policies, the rights and the reasons are in the file of each table, below
`src/discreet/postgres/sql/tables/`. A line ends in a fork at the table that has the foreign key.
"""


@dataclass
class Table:
    columns: list[tuple[str, str]] = field(default_factory=list)
    primary: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)


def page_of(schema: str) -> str:
    """Return the page for the text of ``schema.sql``.

    Raises:
        ValueError: there is no table in it.
    """
    tables = _tables(schema)
    if not tables:
        raise ValueError("no table in schema.sql")
    lines = [HEAD, "## How they refer to each other\n", "```mermaid", "erDiagram"]
    lines += [
        f"    {target} ||--o{{ {name} : has"
        for name, table in sorted(tables.items())
        for target in sorted(table.targets)
    ]
    lines += [f"    {name}" for name, table in sorted(tables.items()) if not _related(name, tables)]
    lines += ["```\n", "## Their columns\n", "```mermaid", "erDiagram"]
    for name, table in sorted(tables.items()):
        lines.append(f"    {name} {{")
        for column, kind in table.columns:
            marks = [m for m, of in (("PK", table.primary), ("FK", table.foreign)) if column in of]
            lines.append(f"        {kind} {column} {', '.join(marks)}".rstrip())
        lines.append("    }")
    return "\n".join([*lines, "```\n"])


def _tables(schema: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name, body in _TABLE.findall(schema):
        table = tables.setdefault(name, Table())
        for line in body.splitlines():
            found = _COLUMN.match(line)
            if found and found[1] != "CONSTRAINT":
                kind = _TYPES.get(found[2], found[2]).replace(" ", "_")
                table.columns.append((found[1].strip('"'), kind))
    for name, kind, columns, target in _KEY.findall(schema):
        if name not in tables:
            continue
        named = {column.strip(' "') for column in columns.split(",")}
        if kind == "PRIMARY KEY":
            tables[name].primary |= named
        else:
            tables[name].foreign |= named
            tables[name].targets.add(target)
    return tables


def _related(name: str, tables: dict[str, Table]) -> bool:
    return bool(tables[name].targets) or any(name in table.targets for table in tables.values())
