"""``scripts/twins``: search at random for statements whose answer depends on other people's rows.

Pairs of conditions on every table that a role may name, with the planner's switches and every kind
of ticket, run in three databases that differ only in rows that the role may not see. The same seed
gives the same statements.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from random import Random

import psycopg

from discreet.audit.probes import (
    Probe,
    arrivals,
    calls,
    conflicts,
    kept,
    mixed_calls,
    pairs,
    planted,
    singles,
    writes,
)
from discreet.audit.rights import open_rights
from discreet.audit.twins import Difference, compare
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import open_database
from discreet.scope.scopes import role_of
from discreet.settings import Settings
from tests.support.twins import TICKETS, Copies, Town, build_town, copies_for

ROLES = ("contact", "shared", "owner", "intake")
READERS = ROLES[:3]
"""Those that may name a table."""


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 if no answer depended on them."""
    given = _arguments(arguments)
    found: list[Difference] = []
    begun = time.monotonic()
    tried = 0
    with tempfile.TemporaryDirectory(prefix="discreet-twins-") as folder:
        for role in given.role or ROLES:
            town_found, town_tried = asyncio.run(_try(Path(folder) / role, role, given))
            found += town_found
            tried += town_tried
    print(
        f"{tried:,} statements (seed {given.seed}) in {time.monotonic() - begun:.0f} s:"
        f" {len(found):,} answers told what others' rows hold"
    )
    return 1 if found else 0


async def _try(home: Path, role: str, given: argparse.Namespace) -> tuple[list[Difference], int]:
    async with open_database(Settings(home=home), print) as database:
        town = await build_town(database, database.conninfo(ADMIN_ROLE))
        return await asyncio.to_thread(_compare, town, role, given)


def _compare(town: Town, role: str, given: argparse.Namespace) -> tuple[list[Difference], int]:
    found: list[Difference] = []
    tried = 0
    with copies_for(town, role) as copies:
        if role not in ("owner", "intake"):
            for line in open_rights_of(copies):
                raise SystemExit(f"{role}: {line}")
        for ticket in given.ticket or TICKETS:
            # Four of five have a valid ticket: what can be learned without one is soon found.
            count = given.pairs // len(READERS) * (4 if ticket == "valid" else 1) // 8
            chance = Random(f"{given.seed} {role} {ticket}")
            probes = chain(
                _all(copies),
                islice(pairs(copies.catalogue, copies.values, chance), count)
                if role in READERS
                else (),
            )
            with copies.twins(ticket) as twins:
                some, number = compare(twins, probes)
            print(f"{role}, ticket {ticket}: {number:,} statements, {len(some)} told", flush=True)
            print(*some[: given.show], sep="\n", flush=True)
            found += some
            tried += number
    return found, tried


def open_rights_of(copies: Copies) -> list[str]:
    with psycopg.connect(copies.databases["there"].conninfo(role_of(copies.scope))) as conn:
        return open_rights(conn)


def _all(copies: Copies) -> chain[Probe]:
    called = (
        calls(copies.catalogue, copies.values),
        mixed_calls(copies.catalogue, copies.values, copies.own),
        arrivals(copies.catalogue, copies.values, copies.own),
    )
    if copies.role not in READERS:
        return chain(*called)
    return chain(
        singles(copies.catalogue, copies.values),
        writes(copies.catalogue, copies.values),
        conflicts(copies.catalogue, copies.values),
        kept(copies.catalogue, copies.values),
        *called,
        planted(copies.catalogue, copies.values, copies.own),
    )


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/twins",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pairs", type=int, default=100_000, help="how many (100,000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--role", action="append", choices=ROLES)
    parser.add_argument("--ticket", action="append", choices=TICKETS)
    parser.add_argument("--show", type=int, default=20, help="how many that told (20)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
