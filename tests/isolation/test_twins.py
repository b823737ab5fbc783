"""No statement's answer depends on other people's rows.

Each condition on each column that a role may name, with any ticket, runs in databases that differ
in those rows: here in two or three of its five forms, in ``scripts/twins`` in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain, islice

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from discreet.audit.catalogue import read_catalogue
from discreet.audit.probes import (
    Probe,
    arrivals,
    calls,
    conflicts,
    kept,
    mixed_calls,
    planted,
    singles,
    writes,
)
from discreet.audit.twins import answers, compare
from discreet.postgres.server import Database
from tests.conftest import Server
from tests.support.twins import TICKETS, Copies, Ticket, Town, build_town, copies_for

ROLES = ("contact", "shared", "owner")


@pytest.fixture(scope="module")
def town(server: Server, shared_database: Database) -> Town:
    admin = make_conninfo(server.admin_conninfo, dbname=shared_database.credentials.dbname)
    return asyncio.run(build_town(shared_database, admin))


@pytest.fixture(scope="module")
def copies(town: Town, request: pytest.FixtureRequest) -> Iterator[Copies]:
    """One set for all tests of a role: their statements are rolled back."""
    with copies_for(town, request.param) as copies:
        yield copies


def _told(
    copies: Copies, ticket: Ticket, probes: Iterator[Probe], enough: int = 3
) -> tuple[list[str], int]:
    with copies.twins(ticket) as twins:
        found, tried = compare(twins, probes, enough=enough)
    return [str(difference) for difference in found], tried


@pytest.mark.parametrize("copies", ROLES, indirect=True)
def test_twins_are_alike_in_all_that_the_planner_goes_by(copies: Copies) -> None:
    """Test the planner's inputs: otherwise a plan could differ for reasons other than others'
    values.
    """
    totals, samples = (copies.ask("there", asked) for asked in (TOTALS, SAMPLES))
    assert copies.ask("other", TOTALS) == totals
    assert samples == copies.ask("other", SAMPLES) == [(0,)]


TOTALS = """
SELECT oid::regclass::text, reltuples, relpages, relallvisible, pg_relation_size(oid)
  FROM pg_class WHERE relnamespace = 'discreet'::regnamespace AND relkind IN ('r', 'i') ORDER BY 1
"""
SAMPLES = """
SELECT count(*) FROM pg_statistic
 WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'discreet'::regnamespace)
"""


@pytest.mark.parametrize("copies", ROLES, indirect=True)
def test_no_single_condition_tells_what_others_rows_hold(copies: Copies) -> None:
    # Every other one: of five forms, each condition gets now these and then those.
    probes = islice(singles(copies.catalogue, copies.values), 0, None, 2)
    told, tried = _told(copies, "valid", probes)
    assert tried > 500
    assert told == []


@pytest.mark.parametrize("copies", ROLES, indirect=True)
def test_without_a_ticket_that_holds_no_condition_tells_anything(copies: Copies) -> None:
    for ticket in TICKETS[1:]:
        # Each ticket gets a part of them: 17 has no divisor in common with forms and switches.
        probes = islice(singles(copies.catalogue, copies.values), TICKETS.index(ticket), None, 17)
        told, tried = _told(copies, ticket, probes)
        assert tried > 50, ticket
        assert told == [], ticket


@pytest.mark.parametrize("copies", ROLES, indirect=True)
def test_no_write_and_no_call_tells_what_others_rows_hold(copies: Copies) -> None:
    told, tried = _told(
        copies,
        "valid",
        chain(
            # Steps without a divisor in common with the number of forms of each.
            islice(writes(copies.catalogue, copies.values), 0, None, 9),
            islice(conflicts(copies.catalogue, copies.values), 0, None, 5),
            islice(kept(copies.catalogue, copies.values), 0, None, 47),
            calls(copies.catalogue, copies.values),
            mixed_calls(copies.catalogue, copies.values, copies.own),
            islice(planted(copies.catalogue, copies.values, copies.own), 0, None, 13),
        ),
    )
    assert tried > 100
    assert told == []


@pytest.mark.parametrize("copies", ["intake"], indirect=True)
def test_nothing_that_arrives_for_one_owner_tells_what_another_has(copies: Copies) -> None:
    for ticket in TICKETS:
        told, tried = _told(
            copies,
            ticket,
            chain(
                arrivals(copies.catalogue, copies.values, copies.own),
                calls(copies.catalogue, copies.values),
                mixed_calls(copies.catalogue, copies.values, copies.own),
            ),
        )
        assert tried > 50
        assert told == [], ticket


OTHERS = """
DO $$ BEGIN
  EXECUTE (
    SELECT 'CREATE FUNCTION gate.others(mine text[]) RETURNS text LANGUAGE sql SECURITY DEFINER'
           ' AS $f$ SELECT string_agg(digest, '' '') FROM ('
           || string_agg(format(
                'SELECT %L || '' '' || count(*) || '' '' ||'
                '       coalesce(sum(hashtextextended(r::text, 0)), 0)'
                ' AS digest FROM %s r WHERE r.scope_key <> ALL (mine)',
                attrelid::regclass, attrelid::regclass), ' UNION ALL ' ORDER BY attrelid)
           || ') d $f$'
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid AND relkind = 'r'
     WHERE attname = 'scope_key' AND relnamespace = 'discreet'::regnamespace);
  GRANT EXECUTE ON FUNCTION gate.others TO discreet_contact, discreet_shared;
END $$
"""


BREAKS = """
CREATE FUNCTION gate.breaks(session uuid) RETURNS void LANGUAGE sql SECURITY DEFINER AS
$$ UPDATE discreet.sessions s SET ended_at = '2026-01-01 12:00+00' WHERE s.id = session $$;
GRANT EXECUTE ON FUNCTION gate.breaks TO discreet_contact, discreet_shared
"""


@pytest.mark.parametrize("copies", ["contact", "shared"], indirect=True)
def test_no_call_changes_somebody_elses_row(copies: Copies) -> None:
    copies.everywhere(OTHERS)
    tried = chain(
        mixed_calls(copies.catalogue, copies.values, copies.own),
        islice(planted(copies.catalogue, copies.values, copies.own), 0, None, 7),
    )
    states = _states_of_others(copies, tried)
    assert len(states) > 50
    assert len(set(states)) == 1
    copies.everywhere(BREAKS)
    theirs = copies.values["discreet.sessions", "id"][0]
    broken = _states_of_others(copies, iter([Probe(f"SELECT gate.breaks('{theirs}')")]))
    copies.everywhere("DROP FUNCTION gate.breaks; DROP FUNCTION gate.others")
    assert len(set(broken)) == 2


def _states_of_others(copies: Copies, probes: Iterator[Probe]) -> list[tuple[str, ...]]:
    """Return a digest of others' rows before, and after each statement that didn't fail."""
    # No row: the statement has reset the ticket, which ends the scope.
    look = (
        "SELECT gate.others(mine) FROM (SELECT array_agg(k) FROM jsonb_object_keys(gate.keys()) k)"
        " AS keys (mine) WHERE mine IS NOT NULL"
    )
    looked = chain([Probe(look)], (Probe(f"{one.statement}; {look}") for one in probes))
    with copies.twins("valid") as [there, *_]:
        return [rows for _, rows, _ in answers(there, looked) if rows]


TELLS = {
    "by what it returns": "RETURNS boolean LANGUAGE sql SECURITY DEFINER AS"
    " $$ SELECT EXISTS (SELECT FROM discreet.sessions s WHERE s.id = session) $$",
    "by waiting for whoever has locked it": "RETURNS void LANGUAGE sql SECURITY DEFINER AS"
    " $$ SELECT FROM discreet.sessions s WHERE s.id = session FOR UPDATE $$",
}


@pytest.mark.parametrize("copies", ["contact"], indirect=True)
def test_a_function_that_tells_of_somebody_elses_row_is_found(copies: Copies) -> None:
    for how, body in TELLS.items():
        copies.everywhere(
            f"CREATE FUNCTION gate.tells(session uuid) {body};"
            " GRANT EXECUTE ON FUNCTION gate.tells TO discreet_contact"
        )
        with psycopg.connect(copies.databases["there"].conninfo("discreet_contact")) as conn:
            catalogue = read_catalogue(conn)
        told, _ = _told(copies, "valid", mixed_calls(catalogue, copies.values, copies.own))
        copies.everywhere("DROP FUNCTION gate.tells")
        assert told != [], how
        assert all("gate.tells" in one for one in told)


ONLY_COMPARED = """
ALTER POLICY contact ON discreet.memories USING (
  (owner_id, agent_id, contact_id)
    = (SELECT s.owner_id, s.agent_id, s.contact_id FROM gate.scope() s))
"""
RAISES = """
CREATE FUNCTION gate.raises() RETURNS gate.scope LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF (gate.scope()).known IS NULL THEN RAISE EXCEPTION 'this ticket is not valid'; END IF;
  RETURN gate.scope();
END $$;
GRANT EXECUTE ON FUNCTION gate.raises() TO discreet_contact;
ALTER POLICY contact ON discreet.memories USING (
  (owner_id, agent_id, contact_id)
    = (SELECT s.owner_id, s.agent_id, s.contact_id FROM gate.raises() s))
"""
NOT_FIRST = """
ALTER POLICY contact ON discreet.memories USING (
  (SELECT (gate.scope()).known) AND
  (owner_id, agent_id, contact_id)
    = (SELECT s.owner_id, s.agent_id, s.contact_id FROM gate.scope() s))
"""
OPENED: dict[str, tuple[Ticket, str]] = {
    "a policy that only compares": ("valid", ONLY_COMPARED),
    "a policy that raises for a bad ticket": ("forged", RAISES),
    "a policy that first asks whether there is a scope": ("valid", NOT_FIRST),
    "an index without the scope": (
        "valid",
        "CREATE INDEX opened ON discreet.memories (content)",
    ),
    "an index that anybody can use": (
        "valid",
        "CREATE INDEX opened ON discreet.memories (expires_at)",
    ),
}
CLOSED = """
DROP POLICY contact ON discreet.memories;
CREATE POLICY contact ON discreet.memories TO discreet_contact USING (
  (SELECT gate.keys())[scope_key] IS NOT NULL
  AND (owner_id, agent_id, party, contact_id)
    = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
DROP INDEX IF EXISTS discreet.opened
"""


@pytest.mark.parametrize("copies", ["contact"], indirect=True)
def test_rights_that_are_opened_again_are_found(copies: Copies) -> None:
    of_memories = [
        probe
        for probe in singles(copies.catalogue, copies.values)
        if " discreet.memories " in probe.statement
    ]
    for name, (ticket, statement) in OPENED.items():
        copies.everywhere(statement)
        told, _ = _told(copies, ticket, iter(of_memories), enough=1)
        assert told != [], name
        copies.everywhere(CLOSED)
    told, tried = _told(copies, "valid", iter(of_memories[::7]))
    assert tried > 100
    assert told == []
