"""``scripts/schema`` and ``scripts/freeze-schema``: files generated from the SQL files."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from discreet.postgres.binaries import run_client
from discreet.postgres.migrate import SQL, read_migrations
from discreet.postgres.schema_state import STATE_FILE
from discreet.postgres.server import Database
from tests.schema.diagram import page_of
from tests.schema.dump import schema_of, state_of
from tests.schema.sample import fill, seen
from tests.schema.scratch import Server, scratch_server
from tests.schema.sources import whole_schema
from tests.support.world import open_scoped

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = SQL / "schema.sql"
PAGE = ROOT / "docs" / "tables.md"
FROZEN = SQL / "migrations" / "frozen.txt"
BASELINE = SQL / "migrations" / "0001_baseline.sql"
VERSIONS = Path(__file__).parent / "versions"
MAX_BYTES = 200_000
"""Maximum size of one stored version."""

BASELINE_HEAD = """\
-- The whole schema as it was first released: scripts/freeze-schema --baseline wrote it. What it is
-- today: tables/, functions/ and schema.sql.
"""


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 where migrations and files don't make the same schema, or where a
    frozen migration was changed."""
    parser = argparse.ArgumentParser(prog="scripts/schema", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write", help="write schema.sql, docs/tables.md and what sb audit compares")
    freeze = commands.add_parser("freeze", help="freeze the migrations; store the newest version")
    freeze.add_argument(
        "--baseline", action="store_true",
        help="before the first release: put one new baseline in the place of all migrations",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.command == "freeze" and given.baseline:
        _new_baseline()
    elif given.command == "freeze":
        changed = changed_since_frozen(FROZEN.read_text(encoding="utf-8"), _files())
        if changed:
            print(f"Frozen migrations were changed: {', '.join(changed)}. Put them back as they")
            print("were; a change goes into a new one.")
            return 1
    with scratch_server() as server:
        sources = server.from_sources("sources")
        schema, state = schema_of(sources), state_of(sources)
        if given.command == "freeze":
            migrated = server.from_migrations("migrated")
            if schema_of(migrated) != schema:
                print("The migrations don't make what tables/ and functions/ make. See the test:")
                print("  scripts/test tests/schema/test_schema.py")
                return 1
            _store(server, "migrated")
            _freeze()
    SCHEMA.write_text(schema, encoding="utf-8")
    PAGE.write_text(page_of(schema), encoding="utf-8")
    STATE_FILE.write_text(state, encoding="utf-8")
    return 0


def _new_baseline() -> None:
    for path in [*SQL.glob("migrations/*.sql"), *VERSIONS.glob("*.gz"), *VERSIONS.glob("*.json")]:
        path.unlink()
    BASELINE.parent.mkdir(exist_ok=True)
    BASELINE.write_text(f"{BASELINE_HEAD}{whole_schema()}", encoding="utf-8")


def changed_since_frozen(frozen: str, files: Mapping[str, bytes]) -> list[str]:
    """Return the frozen migrations that are gone or have another text now. ``frozen``: the text of
    ``frozen.txt``."""
    return [
        name
        for checksum, name in (line.split("  ") for line in frozen.splitlines())
        if name not in files or hashlib.sha256(files[name]).hexdigest() != checksum
    ]


def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(SQL.glob("migrations/*.sql"))}


def _freeze() -> None:
    lines = [f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in _files().items()]
    FROZEN.write_text("".join(lines), encoding="utf-8")


def _store(server: Server, dbname: str) -> None:
    """Store the newest version as a dump with data, and what its people see."""
    newest = [m.name for m in read_migrations() if not m.repeatable][-1]
    if (VERSIONS / f"{newest}.sql.gz").exists():
        print(f"{newest} is stored already.")
        return
    views = asyncio.run(_live(server, dbname))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "dump.sql")
        inside = server.inside(dbname)
        run_client(
            "pg_dump", inside, "--inserts", "--rows-per-insert=50", f"--file={file}",
            f"--dbname={conninfo_to_dict(inside)['dbname']}",
        )  # fmt: skip
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    # Lines for psql only.
    text = "".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))
    packed = gzip.compress(text.encode(), 9, mtime=0)
    if len(packed) > MAX_BYTES:
        raise SystemExit(f"{newest} takes {len(packed)} bytes; at most {MAX_BYTES} are stored.")
    VERSIONS.mkdir(exist_ok=True)
    (VERSIONS / f"{newest}.sql.gz").write_bytes(packed)
    shown = json.dumps(views, indent=1, ensure_ascii=False)
    (VERSIONS / f"{newest}.json").write_text(f"{shown}\n", encoding="utf-8")
    print(f"{newest}: {len(packed)} bytes")


async def _live(server: Server, dbname: str) -> object:
    database = Database(server.named(dbname))
    with psycopg.connect(server.inside(dbname), autocommit=True) as admin:
        async with open_scoped(database) as db:
            with tempfile.TemporaryDirectory() as home:
                await fill(database, db, admin, Path(home))
            return await seen(db, admin)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
