"""Generate SQL statements that probe for values in other people's rows.

One file, although it is long: all generators build on the same values, conditions and calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from discreet.audit.catalogue import Catalogue, CatalogueColumn, Function, Table

__all__ = [
    "SWITCHES",
    "Probe",
    "Values",
    "arrivals",
    "calls",
    "conflicts",
    "kept",
    "mixed_calls",
    "pairs",
    "planted",
    "singles",
    "writes",
]

Values = Mapping[tuple[str, str], Sequence[str]]
"""Values, as text, in other people's rows, by table and column."""

FAILS = "(SELECT 1 / (now() IS NULL)::int > 0)"
"""Unknown to the planner; fails when it is evaluated, which happens when a row needs it."""
WATCHED = "(SELECT now() IS NOT NULL)"
"""Never fails; EXPLAIN ANALYZE shows whether it was evaluated."""
TICKET = "current_setting('discreet.ticket', true)"
"""For functions that take the ticket as an argument."""
EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF, SUMMARY OFF) "

SWITCHES: tuple[tuple[str, ...], ...] = (
    (),
    ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
    ("enable_seqscan",),
    ("enable_seqscan", "enable_bitmapscan"),
    ("enable_seqscan", "enable_indexscan", "enable_indexonlyscan"),
    ("enable_seqscan", "enable_indexscan"),
)
"""Planner settings to turn off; each makes it read the same rows in another way."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A statement. ``by_plan``: its answer depends on the plan.

    The answer is then a plan, or depends on which condition the plan evaluates first, and thus on
    the total number of rows and index entries.
    """

    statement: str
    off: tuple[str, ...] = ()
    by_plan: bool = False


def singles(catalogue: Catalogue, values: Values) -> Iterator[Probe]:
    """Yield every condition of every readable column, in each detectable form.

    Each comes with each of ``SWITCHES`` in turn.
    """
    turn = 0
    for table in catalogue.tables:
        for column in table.readable():
            for condition in _conditions(catalogue, table, column, values):
                for statement in _shapes(table, column, condition):
                    turn += 1
                    off = SWITCHES[turn % len(SWITCHES)]
                    late = _late(column, FAILS)
                    yield Probe(statement, off, statement.startswith(EXPLAIN) or late in statement)


def pairs(catalogue: Catalogue, values: Values, chance: Random) -> Iterator[Probe]:
    """Yield, without end, random pairs of conditions on a table, with switches."""
    tables = [table for table in catalogue.tables if table.readable()]
    known = {
        table.name: [
            (column, condition)
            for column in table.readable()
            for condition in _conditions(catalogue, table, column, values)
        ]
        for table in tables
    }
    while True:
        table = chance.choice(tables)
        (column, one), (other_column, other) = chance.choices(known[table.name], k=2)
        late = chance.choice((FAILS, WATCHED))
        both = chance.choice(
            (
                f"{one} AND {other}",
                f"{one} OR {other}",
                f"CASE WHEN {one} THEN {other} ELSE {late} END",
                f"CASE WHEN {one} AND {other} THEN {late} ELSE true END",
                f"({one} OR {late}) AND {other}",
                f"coalesce({one} AND {other}, {late})",
                f"{one} AND {_late(column, late)} AND {other}",
                f"{one} AND {_late(other_column, late)}",
                f"NOT ({one}) OR ({other} AND {late})",
            )
        )
        shape = chance.choice(
            (
                "SELECT count(*) FROM {t} WHERE {c}",
                "SELECT {x}::text FROM {t} WHERE {c} ORDER BY {x} LIMIT 3",
                "SELECT min({x}::text) FROM {t} WHERE {c}",
                "SELECT count(*) FROM {t} a JOIN {t} b USING ({x}) WHERE {c}",
                "SELECT count(*) FROM {t} TABLESAMPLE SYSTEM (100) WHERE {c}",
                "SELECT EXISTS (SELECT FROM {t} WHERE {c})",
            )
        ).format(t=table.name, c="{c}", x=column.name)
        if " a JOIN " in shape:
            both = f"EXISTS (SELECT FROM {table.name} WHERE {both})"
        explains = chance.random() < 0.3
        statement = shape.format(c=both)
        several = late == FAILS and not both.startswith(("CASE", "coalesce", "NOT"))
        yield Probe(
            EXPLAIN + statement if explains else statement,
            chance.choice(SWITCHES),
            explains or several,
        )


def writes(catalogue: Catalogue, values: Values) -> Iterator[Probe]:
    """Yield changes that name other people's values, or conflict with them in a key."""
    for table in catalogue.tables:
        insertable = [column for column in table.columns if column.insertable]
        if insertable:
            names = ", ".join(column.name for column in insertable)
            for at in range(3):
                row = ", ".join(_some(table, column, values, at) for column in insertable)
                for tail in ("", " ON CONFLICT DO NOTHING"):
                    insert = f"INSERT INTO {table.name} ({names}) VALUES ({row}){tail}"
                    yield Probe(insert)
                    yield Probe(f"SET CONSTRAINTS ALL DEFERRED; {insert}")
        writable = [column for column in table.columns if column.writable]
        for column in table.readable():
            for condition in _conditions(catalogue, table, column, values):
                for changed in writable[:1]:
                    yield Probe(
                        f"UPDATE {table.name} SET {changed.name} = {changed.name}"
                        f" WHERE CASE WHEN {condition} THEN {FAILS} ELSE true END"
                    )
                if table.deletable:
                    yield Probe(
                        f"DELETE FROM {table.name} WHERE {condition} RETURNING {column.name}"
                    )
        for changed in writable:
            for value in values.get((table.name, changed.name), ())[:2]:
                literal = _literal(changed, value)
                yield Probe(f"UPDATE {table.name} SET {changed.name} = {literal}")
                yield Probe(
                    f"MERGE INTO {table.name} t USING (SELECT 1) s ON {table.readable()[0].name}"
                    f" IS NOT NULL WHEN MATCHED THEN UPDATE SET {changed.name} = {literal}"
                )


def conflicts(catalogue: Catalogue, values: Values) -> Iterator[Probe]:
    """Yield inserts and merges that meet other people's values in each unique key."""
    for table in catalogue.tables:
        given = [column for column in table.columns if column.insertable]
        if not given:
            continue
        names = ", ".join(column.name for column in given)
        shown = [column.name for column in given if column.readable] or ["1"]
        returning = f"RETURNING {', '.join(shown)}"
        changed = [column.name for column in given if column.writable][:1]
        for key, at in product(table.keys, range(2)):
            row = ", ".join(_some(table, column, values, at) for column in given)
            target = f"({', '.join(key.columns)}){f' WHERE {key.where}' if key.where else ''}"
            insert = f"INSERT INTO {table.name} AS t ({names}) VALUES ({row})"
            yield Probe(f"{insert} ON CONFLICT {target} DO NOTHING {returning}")
            for name in changed:
                update = f"DO UPDATE SET {name} = excluded.{name}"
                yield Probe(f"{insert} ON CONFLICT {target} {update} {returning}")
                yield Probe(f"{insert} ON CONFLICT {target} {update} WHERE {FAILS} {returning}")
            parts = [column for column in table.columns if column.name in key.columns]
            met = [
                f"t.{column.name} = {_some(table, column, values, at)}"
                for column in parts
                if column.readable and (table.name, column.name) in values
            ]
            if met:
                yield from _merges(table, " AND ".join(met), f"({names}) VALUES ({row})", changed)


def _merges(table: Table, met: str, row: str, changed: Sequence[str]) -> Iterator[Probe]:
    merge = f"MERGE INTO {table.name} AS t USING (SELECT 1) s ON {met} "
    yield Probe(f"{merge}WHEN NOT MATCHED THEN INSERT {row} RETURNING merge_action()")
    yield Probe(f"{merge}WHEN MATCHED AND {FAILS} THEN DO NOTHING")
    yield Probe(f"{merge}WHEN NOT MATCHED BY SOURCE AND {FAILS} THEN DO NOTHING")
    for name in changed:
        update = f"THEN UPDATE SET {name} = t.{name}"
        yield Probe(
            f"{merge}WHEN MATCHED {update}"
            f" WHEN NOT MATCHED BY SOURCE AND t.{name}::text <> '' {update}"
            f" RETURNING merge_action(), t.{name}"
        )


IN_PARALLEL = (
    "SET LOCAL debug_parallel_query = on; SET LOCAL min_parallel_table_scan_size = 0;"
    " SET LOCAL min_parallel_index_scan_size = 0; SET LOCAL parallel_setup_cost = 0;"
    " SET LOCAL parallel_tuple_cost = 0; "
)
OTHERWISE: tuple[str, ...] = (
    "DECLARE probe SCROLL CURSOR FOR {select}; FETCH ALL FROM probe",
    "DECLARE probe CURSOR WITH HOLD FOR {select}; SET LOCAL discreet.ticket = ''; FETCH ALL probe",
    "SET LOCAL plan_cache_mode = force_generic_plan; PREPARE probe_{turn} AS {select};"
    " EXECUTE probe_{turn}",
    "PREPARE probe_{turn} AS {select}; EXECUTE probe_{turn}; SET LOCAL discreet.ticket = 'x#y';"
    " EXECUTE probe_{turn}",
    IN_PARALLEL + "SELECT count(*) FROM ({select}) s",
)
"""Other ways to run a query: through a cursor, a stored plan, another ticket, parallel workers."""


def kept(catalogue: Catalogue, values: Values) -> Iterator[Probe]:
    """Yield every condition of every readable column in each of ``OTHERWISE`` in turn."""
    turn = 0
    for table in catalogue.tables:
        for column in table.readable():
            for condition in _conditions(catalogue, table, column, values):
                watched = f"CASE WHEN {condition} THEN {FAILS} ELSE true END"
                for where in (condition, watched):
                    turn += 1
                    select = f"SELECT {column.name}::text FROM {table.name} WHERE {where}"
                    how = OTHERWISE[turn % len(OTHERWISE)]
                    # A plan with workers evaluates every subselect first, so what fails is a plan.
                    by_plan = how.startswith(IN_PARALLEL)
                    yield Probe(how.format(select=select, turn=turn), by_plan=by_plan)


def calls(catalogue: Catalogue, values: Values) -> Iterator[Probe]:
    """Yield calls of every permitted function, with other people's ids and texts and with nulls.

    Compared are whether and how it fails, how many rows it returns, and whether they are null; of a
    number or a boolean, the value. Other results may be random.
    """
    by_type: dict[str, list[str]] = {}
    types = {
        (table.name, column.name): column.type
        for table in catalogue.tables
        for column in table.columns
    }
    for (table, column), known in values.items():
        by_type.setdefault(types.get((table, column), "uuid"), []).extend(known[:2])
    for function in catalogue.functions:
        for at in range(6):
            given = [
                TICKET
                if function.named[place] == "ticket"
                else "NULL::" + kind
                if at == 0 or not by_type.get(kind)
                else _quoted(by_type[kind][(at * 7 + place) % len(by_type[kind])]) + "::" + kind
                for place, kind in enumerate(function.arguments)
            ]
            yield _call(function, given)


def mixed_calls(catalogue: Catalogue, values: Values, own: Mapping[str, str]) -> Iterator[Probe]:
    """Yield calls with one id of somebody else's among the scope's own.

    A function that finds the first id in order may take the next one without a look. ``own``: an id
    of the scope for each table. An argument is named like a row of its table: ``turn``.
    """
    for function in catalogue.functions:
        places = [place for place, kind in enumerate(function.arguments) if kind == "uuid"]
        for place in places:
            table = _table_of(function.named[place], own)
            for theirs in values.get((table, "id"), ()):
                given = [
                    _quoted(theirs) + "::uuid" if at == place else _harmless(kind, name, own)
                    for at, (kind, name) in enumerate(
                        zip(function.arguments, function.named, strict=True)
                    )
                ]
                yield _call(function, given)


def planted(catalogue: Catalogue, values: Values, own: Mapping[str, str]) -> Iterator[Probe]:
    """Yield calls after an id of somebody else's was written into the scope's own rows.

    A function may trust what a row of the scope refers to.
    """
    for table in catalogue.tables:
        for column in table.columns:
            if not column.writable or column.type != "uuid":
                continue
            of = _table_of(column.name.removeprefix("current_").removesuffix("_id"), own)
            ids = [(of, "id")] if of else [key for key in values if key[1] == "id"]
            for theirs in (value for key in ids for value in values.get(key, ())[:1]):
                plant = f"UPDATE {table.name} SET {column.name} = {_quoted(theirs)}"
                yield Probe(plant)
                yield from _calls_after(plant, catalogue, own, of, theirs)


def _calls_after(
    plant: str, catalogue: Catalogue, own: Mapping[str, str], of: str, theirs: str
) -> Iterator[Probe]:
    for function in catalogue.functions:
        named = list(zip(function.arguments, function.named, strict=True))
        mine = [_harmless(kind, name, own) for kind, name in named]
        mixed = [
            f"{_quoted(theirs)}::uuid" if of and _table_of(name, own) == of else given
            for given, (_, name) in zip(mine, named, strict=True)
        ]
        for given in (mine, mixed) if mixed != mine else (mine,):
            yield Probe(f"{plant}; {_call(function, given).statement}")


def arrivals(catalogue: Catalogue, values: Values, own: Mapping[str, str]) -> Iterator[Probe]:
    """Yield messages that come in with one value of other people's rows among the scope's own.

    Compared is what becomes of them; the ids of what is stored are random.
    """
    takes = [one.name for one in catalogue.functions if "gate.inbound[]" in one.arguments]
    channel = own.get("discreet.channels")
    if not takes or channel is None:
        return
    plain = {
        "channel": channel, "chat": "x", "platform_thread": "", "platform_message": "x",
        "written_at": "2026-01-01 12:00+00", "sender_kind": "address",
        "sender_platform": "telegram", "sender_id": "1001", "sender_display": "",
        "group_name": "", "thread": "", "force_new": False, "body": "x", "in_reply_to": "",
        "addressed": True, "album_id": "", "files": [], "limited": False, "details": {},
        "edit_of": "",
    }  # fmt: skip
    for field, (table, column), also in _ARRIVING:
        for theirs in values.get((f"discreet.{table}", column), ()):
            for name in takes:
                said = _quoted(json.dumps({**plain, **also, field: theirs}))
                row = f"jsonb_populate_record(NULL::gate.inbound, {said})"
                yield Probe(f"SELECT outcome, code, about FROM {name}({TICKET}, ARRAY[{row}])")


_FILE = {"kind": "photo", "platform_file": "x", "name": "", "media_type": "", "size": 1}
_ARRIVING: tuple[tuple[str, tuple[str, str], Mapping[str, object]], ...] = (
    ("channel", ("channels", "id"), {}),
    ("chat", ("routes", "chat_id"), {}),
    ("platform_message", ("messages", "platform_message_id"), {}),
    ("platform_message", ("messages", "platform_message_id"), {"files": [_FILE]}),
    ("sender_contact", ("contacts", "id"), {"sender_kind": "contact"}),
    ("sender_contact", ("contacts", "id"), {"sender_kind": "group"}),
    ("sender_id", ("addresses", "platform_id"), {}),
    ("group_id", ("addresses", "platform_id"), {"group_platform": "telegram"}),
    ("thread", ("sessions", "thread_key"), {}),
    ("body", ("messages", "text"), {}),
    ("in_reply_to", ("messages", "platform_message_id"), {}),
    ("edit_of", ("messages", "platform_message_id"), {}),
)
"""Fields of an arriving message, the column with values for it, and what else they need."""


def _call(function: Function, given: Sequence[str]) -> Probe:
    shown = {"void": "count(*)", "boolean": "called", "integer": "called", "bigint": "called"}.get(
        function.returns, "called IS NULL"
    )
    return Probe(f"SELECT {shown} FROM {function.name}({', '.join(given)}) AS called")


def _table_of(argument: str, own: Mapping[str, str]) -> str:
    plural = argument.removesuffix("y") + "ies" if argument.endswith("y") else argument + "s"
    return next((table for table in own if table.split(".")[1] == plural), "")


def _harmless(kind: str, name: str, own: Mapping[str, str]) -> str:
    """Return an argument that leads as far as possible: the scope's own id, or a short value."""
    if name == "ticket":
        return TICKET
    mine = own.get(_table_of(name, own)) if kind == "uuid" else _SHORT.get(kind)
    return f"NULL::{kind}" if mine is None else f"{_quoted(mine)}::{kind}"


_SHORT = {
    "boolean": "true",
    "integer": "1",
    "interval": "1 minute",
    "jsonb": "{}",
    "text": "x",
    "timestamp with time zone": "2026-01-01 12:00+00",
    "timestamp without time zone": "2026-01-01 12:00",
}


def _shapes(table: Table, column: CatalogueColumn, condition: str) -> Iterator[str]:
    name = table.name
    yield f"SELECT {column.name}::text FROM {name} WHERE {condition}"
    yield f"SELECT count(*) FROM {name} WHERE CASE WHEN {condition} THEN {FAILS} ELSE true END"
    yield f"SELECT count(*) FROM {name} WHERE {condition} AND {_late(column, FAILS)}"
    yield f"{EXPLAIN}SELECT FROM {name} WHERE {condition}"
    watched = f"CASE WHEN {condition} THEN {WATCHED} ELSE true END"
    yield f"{EXPLAIN}SELECT FROM {name} WHERE {watched}"


def _conditions(
    catalogue: Catalogue, table: Table, column: CatalogueColumn, values: Values
) -> Iterator[str]:
    name = column.name
    yield f"{name} IS NULL"
    yield f"{name} IS NOT NULL"
    if column.type == "boolean":
        yield from (name, f"NOT {name}", f"{name} IS NOT TRUE", f"{name} IS UNKNOWN")
    known = values.get((table.name, column.name), ())[:1]
    for value, operator in product(known, catalogue.operators.get(column.type, ())):
        literal = _literal(column, value)
        yield f"{name} OPERATOR(pg_catalog.{operator}) {literal}"
        if not column.type.endswith("[]"):
            yield f"{name} OPERATOR(pg_catalog.{operator}) ANY (ARRAY[{literal}])"
    for value in known[:1]:
        literal = _literal(column, value)
        yield f"{name} IS NOT DISTINCT FROM {literal}"
        if not column.type.endswith(("[]", "json", "jsonb", "vector")):
            yield f"({name}, {name}) >= ({literal}, {literal})"


def _late(column: CatalogueColumn, late: str) -> str:
    """Return an indexable condition on the column whose value is evaluated late."""
    if column.type == "boolean":
        return f"{column.name} = {late}"
    return f"{column.name}::text >= {late}::text"


def _some(table: Table, column: CatalogueColumn, values: Values, at: int) -> str:
    known = values.get((table.name, column.name), ())
    return _literal(column, known[at % len(known)]) if known else "DEFAULT"


def _literal(column: CatalogueColumn, value: str) -> str:
    return f"{_quoted(value)}::{column.type}"


def _quoted(value: str) -> str:
    escaped = value.replace("'", "''")
    return f" E'{escaped}'".replace("\\", "\\\\") if "\\" in value else f"'{escaped}'"
