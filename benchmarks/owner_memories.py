"""A million memories that are not all alike, for benchmarks of the owner's recall.

Every contact talks about things of its own, in words as rare and as common as words are; vectors
are those of the bundled embedder.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
import psycopg

from discreet.memory.embedding import Vectors, bundled_embedder
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import terms_of
from discreet.postgres.roles import ADMIN_ROLE
from discreet.postgres.server import Database

EACH = 100
"""Memories of a contact."""
WORDS_IN_TEXT = 10
BATCH = 2_000
TWO_YEARS = 2 * 365 * 86_400
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


def vocabulary() -> list[str]:
    """Some ten thousand words, the most frequent first; which those are is arbitrary."""
    known = bundled_embedder()._tokenizer.get_vocab()
    words = sorted(
        token[1:] for token in known if token[0] == "▁" and token[1:].isascii()
        and token[1:].isalpha() and token[1:].islower() and len(token) > 4
    )  # fmt: skip
    random.Random(7).shuffle(words)
    return words


def texts(contacts: int) -> Iterator[list[str]]:
    """The texts of one contact after the other."""
    words = np.array(vocabulary())
    rng = np.random.default_rng(7)
    common = 1 / np.arange(1, len(words) + 1)
    common /= common.sum()
    own_share = 1 / np.arange(1, 61)
    own_share /= own_share.sum()
    for _ in range(contacts):
        own = words[rng.integers(0, len(words), size=60)]
        of_own = own[rng.choice(60, size=(EACH, WORDS_IN_TEXT // 2), p=own_share)]
        of_all = words[rng.choice(len(words), size=(EACH, WORDS_IN_TEXT // 2), p=common)]
        yield [
            " ".join([*a, *b, str(n)])
            for n, (a, b) in enumerate(zip(of_own.tolist(), of_all.tolist(), strict=True))
        ]


def load(database: Database, owner: UUID, agent: UUID, contacts: int) -> list[UUID]:
    """Stores them; the contacts' ids."""
    ids = [uuid4() for _ in range(contacts)]
    embedder = bundled_embedder()
    with (
        psycopg.connect(database.conninfo(ADMIN_ROLE), autocommit=True) as admin,
        indexes_made_last(admin),
    ):
        admin.execute("SET session_replication_role = replica")
        with admin.cursor().copy("COPY discreet.contacts (id, owner_id) FROM STDIN") as copy:
            for contact in ids:
                copy.write_row((contact, owner))
        chance = np.random.default_rng(8)
        now = datetime.now(UTC).timestamp() - _EPOCH
        with admin.cursor().copy(
            "COPY discreet.memories (owner_id, agent_id, contact_id, content, terms, tokens,"
            " embedder, embedding, created_at) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            head = _field(owner.bytes) + _field(agent.bytes)
            name = _field(embedder.name.encode())
            waiting: list[tuple[UUID, str]] = []
            for contact, said in zip(ids, texts(contacts), strict=True):
                waiting += [(contact, text) for text in said]
                if len(waiting) >= BATCH or contact == ids[-1]:
                    vectors = embedder.embed([text for _, text in waiting])
                    ages = chance.random(len(waiting)) * TWO_YEARS
                    copy.write(b"".join(
                        b"\0\x09" + head + _field(whose.bytes) + _field(text.encode())
                        + _field(_array(terms_of(text))) + _field(bytes.fromhex(tokens[2:]))
                        + name + _field(_vector(vector))
                        + _field(struct.pack(">q", int((now - age) * 1e6)))
                        for (whose, text), tokens, vector, age in zip(
                            waiting, pack([text for _, text in waiting]), vectors, ages, strict=True
                        )
                    ))  # fmt: skip
                    waiting = []
            copy.write(b"\xff\xff")
        admin.execute("VACUUM ANALYZE discreet.memories")
    return ids


@contextmanager
def indexes_made_last(admin: psycopg.Connection[Any]) -> Iterator[None]:
    """A million rows are loaded first, and the indexes that only the owner uses made of them all:
    row by row that takes three times as long."""
    made = admin.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'discreet.memories'::regclass"
        "   AND pg_get_indexdef(indexrelid) ~ 'USING (hnsw|gin)'"
    ).fetchall()
    for name, _ in made:
        admin.execute(f"DROP INDEX {name}")
    yield
    admin.execute("SET maintenance_work_mem = '3GB'")
    for _, definition in made:
        admin.execute(definition)


def _field(value: bytes) -> bytes:
    return struct.pack(">i", len(value)) + value


def _array(terms: list[str]) -> bytes:
    head = struct.pack(">iiiii", 1, 0, 25, len(terms), 1)
    return head + b"".join(_field(term.encode()) for term in terms)


def _vector(vector: npt.NDArray[np.float32] | Vectors) -> bytes:
    return struct.pack(">hh", len(vector), 0) + vector.astype(">f4").tobytes()
