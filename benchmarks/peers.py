"""Recall and remember beside other memory stores, on the same PostgreSQL with the same vectors.

20,000 memories of 500 people, 40 each, unless told otherwise; every store returns ten whole rows of
one person. Each peer is installed from the package index into an environment of its own. Discreet
and the peers take turns with every question, so that all meet the same load. Discreet makes its
vectors itself; the peers look theirs up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict
from tests.support.world import World, make_world

from benchmarks.scratch import p50_p95, scratch_database
from discreet.domain.ids import ContactId
from discreet.memory.embedding import Embedder, bundled_embedder
from discreet.memory.indexing import index_soon, vector_literal
from discreet.memory.memories import NewMemory, remember
from discreet.memory.query import prepare_soon
from discreet.memory.recall import recall
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import terms_of
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database
from discreet.scope import ContactScope, ScopedDatabase

PEOPLE, EACH, LIMIT = 500, 40, 10
ROUNDS, WARM = 300, 20
RECALL_TARGET, REMEMBER_TARGET = 0.4, 0.8
PEERS = {
    "mem0": ["mem0ai==2.2.1", "psycopg[binary,pool]==3.3.9"],
    "langgraph": ["langgraph==1.2.24", "langgraph-checkpoint-postgres==3.2.0",
                  "psycopg[binary,pool]==3.3.9"],
    "langmem": ["langmem==0.0.30", "langgraph-checkpoint-postgres==3.2.0",
                "psycopg[binary,pool]==3.3.9"],
    "agno": ["agno==3.1.10", "pgvector==0.5.1", "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13"],
}  # fmt: skip
"""What is installed for each. The first package is the peer."""
STORE_OF = {"langmem": "langgraph"}
"""Peers that work on another's store; they share its database."""

Rows = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Texts:
    """Who said, asks, and adds what."""

    memories: Rows
    questions: Rows
    additions: Rows


@dataclass(frozen=True, slots=True)
class Ours:
    """This package's own store."""

    db: ScopedDatabase
    scopes: dict[str, ContactScope]
    embedder: Embedder

    async def recall(self, who: str, question: str) -> int:
        query = await prepare_soon(question, self.embedder)
        async with self.db.read(self.scopes[who]) as tx:
            return len(await recall(tx, query, limit=LIMIT))

    async def remember(self, who: str, text: str) -> None:
        new = NewMemory(text, await index_soon(text, self.embedder))
        async with self.db.begin(self.scopes[who]) as tx:
            await remember(tx, new)


async def main(environments: Path, people: int, rounds: int) -> None:
    texts, embedder = make_texts(people, rounds), bundled_embedder()
    pythons = {name: install(name, environments) for name in PEERS}
    async with AsyncExitStack() as stack:
        database, db = await stack.enter_async_context(scratch_database())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="discreet-peers-")))
        await asyncio.to_thread(write_down, texts, embedder, folder)
        ours = await filled(database, await make_world(db), texts, embedder)
        peers, urls = {}, dict[str, str]()
        for name, python in pythons.items():
            url = urls.get(STORE_OF.get(name, name)) or await asyncio.to_thread(
                own_database, database, f"peer_{name}"
            )
            urls[name] = url
            peers[name] = await stack.enter_async_context(peer(name, python, url, folder))
            print(f"{name} is filled", flush=True)
        await asyncio.to_thread(settled, database)
        for what, target in (("recall", RECALL_TARGET), ("remember", REMEMBER_TARGET)):
            await compare(what, target, ours, peers, texts)


async def compare(
    what: str, target: float, ours: Ours, peers: dict[str, asyncio.subprocess.Process], texts: Texts
) -> None:
    took: dict[str, list[float]] = {name: [] for name in ("discreet", *peers)}
    fewest = dict.fromkeys(took, LIMIT)
    for number in range(len(texts.questions)):
        for name, seconds in took.items():
            if name == "discreet":
                start = time.perf_counter()
                if what == "recall":
                    fewest[name] = min(fewest[name], await ours.recall(*texts.questions[number]))
                else:
                    await ours.remember(*texts.additions[number])
                seconds.append(time.perf_counter() - start)
            else:
                one, found = await ask(peers[name], f"{what} {number}")
                seconds.append(one)
                fewest[name] = min(fewest[name], found)
    p50 = {name: p50_p95(seconds[WARM:]) for name, seconds in took.items()}
    whole = [name for name in peers if fewest[name] >= LIMIT]  # less than asked for isn't faster
    fastest = min(whole, key=lambda name: p50[name][0])
    for name, (half, most) in p50.items():
        package = "discreet" if name == "discreet" else PEERS[name][0].replace("==", " ")
        shown = f"discreet {version('discreet')}" if name == "discreet" else package
        print(f"{what}, {shown}: p50 {1e3 * half:.2f} ms, p95 {1e3 * most:.2f} ms;"
              f" at least {fewest[name]} rows")  # fmt: skip
    ratio = p50["discreet"][0] / p50[fastest][0]
    print(f"{what}: {ratio:.2f} of the faster ({fastest}; at most {target})", flush=True)


def make_texts(count: int, rounds: int) -> Texts:
    """Return short facts; every person has 40, and a question is about one of their own."""
    chance = random.Random(18)
    things = ["dog", "sister", "garden", "train", "piano", "boat", "teacher", "window"]
    things += ["bicycle", "doctor", "kitchen", "letter", "coat", "neighbour", "passport", "violin"]
    places = ["Lisbon", "Graz", "Oslo", "Turin", "Leeds", "Bergen", "Ghent", "Split", "Porto"]
    doing = ["was repaired in", "comes from", "is expected in", "was lost in", "waits in"]
    memories: Rows = []
    for person in range(count):
        for number in range(EACH):
            fact = f"{chance.choice(things)} {chance.choice(doing)} {chance.choice(places)}"
            memories.append((f"p{person}", f"My {fact}, note {person}-{number}."))
    people = [f"p{chance.randrange(count)}" for _ in range(rounds)]
    questions = [(who, f"Where is my {chance.choice(things)} {n}?") for n, who in enumerate(people)]
    additions = [(who, f"The {chance.choice(things)} of {chance.choice(places)} is new: {n}.")
                 for n, who in enumerate(people)]  # fmt: skip
    return Texts(memories, questions, additions)


def write_down(texts: Texts, embedder: Embedder, folder: Path) -> None:
    """Write what the peers read: the texts, and the vector of each."""
    rows = [*texts.memories, *texts.questions, *texts.additions]
    (folder / "vectors.bin").write_bytes(
        embedder.embed([text for _, text in rows]).astype("float32").tobytes()
    )
    given = {name: getattr(texts, name) for name in Texts.__slots__}
    (folder / "texts.json").write_text(json.dumps({**given, "dimensions": embedder.dimensions}))


def install(name: str, environments: Path) -> Path:
    """Return the Python of a peer's environment; make it if it isn't there."""
    folder = environments / name
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS[name]], check=True)
        (folder / "complete").touch()
    return python


def own_database(database: Database, name: str) -> str:
    """Make a database with pgvector on the same server, and return its URL."""
    conninfo = database.conninfo(ADMIN_ROLE)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(conninfo, dbname=name, autocommit=True) as admin:
        admin.execute("CREATE EXTENSION IF NOT EXISTS vector")
    parts = {key: quote(str(value), safe="") for key, value in conninfo_to_dict(conninfo).items()}
    scheme = "postgresql+psycopg2" if name == "peer_agno" else "postgresql"
    password = f":{parts['password']}" if "password" in parts else ""
    port = f"&port={parts['port']}" if "port" in parts else ""
    return f"{scheme}://{parts['user']}{password}@/{name}?host={parts['host']}{port}"


def settled(database: Database) -> None:
    """Vacuum and analyse every database, so that none is measured without its statistics."""
    conninfo = database.conninfo(ADMIN_ROLE)
    with psycopg.connect(conninfo, autocommit=True) as admin:
        made = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
        names = [row[0] for row in admin.execute(made)]
    for name in names:
        with psycopg.connect(conninfo, dbname=name, autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")


async def filled(database: Database, world: World, texts: Texts, embedder: Embedder) -> Ours:
    """Return this package's store with the same memories."""
    scopes = {one: world.contact(ContactId(uuid4())) for one in {row[0] for row in texts.memories}}
    await asyncio.to_thread(load, database, scopes, texts.memories, embedder)
    return Ours(world.db, scopes, embedder)


def load(
    database: Database, scopes: dict[str, ContactScope], rows: Rows, embedder: Embedder
) -> None:
    """Store memories with all that a search needs."""
    contents = [text for _, text in rows]
    with psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        with admin.cursor().copy("COPY discreet.contacts (id, owner_id) FROM STDIN") as copy:
            for scope in scopes.values():
                copy.write_row((scope.contact_id, scope.owner_id))
        with admin.cursor().copy(
            "COPY discreet.memories (owner_id, agent_id, contact_id, content, terms, tokens,"
            " embedder, embedding) FROM STDIN"
        ) as copy:
            packed, vectors = pack(contents), embedder.embed(contents)
            for (who, text), tokens, vector in zip(rows, packed, vectors, strict=True):
                scope = scopes[who]
                ids = (scope.owner_id, scope.agent_id, scope.contact_id)
                found = (terms_of(text), tokens, embedder.name, vector_literal(vector))
                copy.write_row((*ids, text, *found))


@asynccontextmanager
async def peer(
    name: str, python: Path, url: str, folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    program = Path(__file__).with_name("peer_stores.py")
    process = await asyncio.create_subprocess_exec(
        python, program, name, url, folder,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != b"ready\n":
            raise SystemExit(f"{name} could not be filled")
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def ask(process: asyncio.subprocess.Process, what: str) -> tuple[float, int]:
    """Return the seconds and the number of rows."""
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes
    process.stdin.write(f"{what}\n".encode())
    await process.stdin.drain()
    seconds, found = (await process.stdout.readline()).split()
    return float(seconds), int(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    kept = Path(tempfile.gettempdir()) / "discreet-peers"
    parser.add_argument("--environments", type=Path, default=kept, help="folder, kept for later")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    asyncio.run(main(given.environments, given.people, given.rounds))
