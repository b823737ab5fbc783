"""One peer's memory store, driven over standard input and output. Runs in the peer's environment.

``python peer_stores.py NAME DATABASE FOLDER``: fills the store from FOLDER, says ``ready``, and
then answers each line ``recall NUMBER`` or ``remember NUMBER`` with the seconds that it took.
Vectors are looked up, so no peer waits for a model.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LIMIT = 10
BATCH = 500


class Data:
    """The texts, their people and their vectors."""

    def __init__(self, folder: Path) -> None:
        given = json.loads((folder / "texts.json").read_text())
        self.memories: list[tuple[str, str]] = given["memories"]  # person, text
        self.questions: list[tuple[str, str]] = given["questions"]
        self.additions: list[tuple[str, str]] = given["additions"]
        self.dimensions: int = given["dimensions"]
        self._vectors = array("f", (folder / "vectors.bin").read_bytes())
        texts = [
            text for part in (self.memories, self.questions, self.additions) for _, text in part
        ]
        self._at = {text: at for at, text in enumerate(texts)}

    def vector(self, text: str) -> list[float]:
        start = self._at[text] * self.dimensions
        return self._vectors[start : start + self.dimensions].tolist()


@contextmanager
def indexes_made_last(database: str) -> Iterator[None]:
    """Drop the vector indexes and make them again of all rows, which is many times as fast."""
    import psycopg

    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as admin:
        made = admin.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE pg_get_indexdef(indexrelid) ~ 'USING (hnsw|ivfflat)'"
        ).fetchall()
        for name, _ in made:
            admin.execute(f"DROP INDEX {name}")
        yield
        admin.execute("SET maintenance_work_mem = '256MB'")
        for _, definition in made:
            admin.execute(definition)


Recall = Callable[[str, str], int]
Remember = Callable[[str, str], object]


def mem0(database: str, data: Data) -> tuple[Recall, Remember]:
    os.environ |= {"OPENAI_API_KEY": "unused", "MEM0_TELEMETRY": "False"}
    from mem0 import Memory

    store = {"connection_string": database, "embedding_model_dims": data.dimensions}
    memory = Memory.from_config({"vector_store": {"provider": "pgvector", "config": store}})

    class Lookup:
        config = memory.embedding_model.config

        def embed(self, text: str, *_: Any, **__: Any) -> list[float]:
            return data.vector(text)

        def embed_batch(self, texts: list[str], *_: Any, **__: Any) -> list[list[float]]:
            return [data.vector(text) for text in texts]

    memory.embedding_model = Lookup()
    with indexes_made_last(database):
        _fill_mem0(memory, data)
    return (
        lambda who, question: len(
            memory.search(question, filters={"user_id": who}, top_k=LIMIT, threshold=0.0)["results"]
        ),
        lambda who, text: memory.add(text, user_id=who, infer=False),
    )


def _fill_mem0(memory: Any, data: Data) -> None:
    rows = data.memories
    for at in range(0, len(rows), BATCH):
        part = rows[at : at + BATCH]
        memory.vector_store.insert(
            vectors=[data.vector(text) for _, text in part],
            payloads=[
                {"data": text, "user_id": who, "created_at": "2026-01-01T00:00:00+00:00",
                 "hash": str(hash(text)), "text_lemmatized": text.lower()}
                for who, text in part
            ],
            ids=[f"00000000-0000-0000-0000-{at + n:012}" for n in range(len(part))],
        )  # fmt: skip


def _langgraph_store(database: str, data: Data) -> Any:
    from langgraph.store.base import PutOp
    from langgraph.store.postgres import PostgresStore
    from psycopg import Connection
    from psycopg.rows import dict_row

    def embed(texts: list[str]) -> list[list[float]]:
        return [data.vector(text) for text in texts]

    index: Any = {"dims": data.dimensions, "embed": embed, "fields": ["content"]}
    # As PostgresStore.from_conn_string connects.
    connection = Connection.connect(
        database, autocommit=True, prepare_threshold=0, row_factory=dict_row
    )
    store = PostgresStore(connection, index=index)
    store.setup()
    if store.search(("memories",), limit=1):
        return store  # langmem works on LangGraph's store, which is filled already
    with indexes_made_last(database):
        for at in range(0, len(data.memories), BATCH):
            store.batch(
                [
                    PutOp(("memories", who), str(at + number), {"content": text})
                    for number, (who, text) in enumerate(data.memories[at : at + BATCH])
                ]
            )
    return store


def langgraph(database: str, data: Data) -> tuple[Recall, Remember]:
    store = _langgraph_store(database, data)
    numbers = iter(range(10**9))
    return (
        lambda who, question: len(store.search(("memories", who), query=question, limit=LIMIT)),
        lambda who, text: store.put(("memories", who), f"new {next(numbers)}", {"content": text}),
    )


def langmem(database: str, data: Data) -> tuple[Recall, Remember]:
    from langmem import create_manage_memory_tool, create_search_memory_tool

    store = _langgraph_store(database, data)
    namespace = ("memories", "{person}")
    manage = create_manage_memory_tool(namespace, store=store)
    search = create_search_memory_tool(
        namespace, store=store, response_format="content_and_artifact"
    )

    def of(who: str) -> Any:
        return {"configurable": {"person": who}}

    def recall(who: str, question: str) -> int:
        return len(json.loads(search.invoke({"query": question, "limit": LIMIT}, config=of(who))))

    return recall, lambda who, text: manage.invoke(
        {"content": text, "action": "create"}, config=of(who)
    )


def agno(database: str, data: Data) -> tuple[Recall, Remember]:
    from agno.knowledge.document import Document
    from agno.knowledge.embedder.base import Embedder
    from agno.vectordb.pgvector import HNSW, PgVector

    class Lookup(Embedder):
        dimensions = data.dimensions

        def get_embedding(self, text: str) -> list[float]:
            return data.vector(text)

        def get_embedding_and_usage(self, text: str) -> Any:
            return data.vector(text), None

    store = PgVector(
        "memories",
        db_url=database,
        embedder=Lookup(dimensions=data.dimensions),
        vector_index=HNSW(configuration={}),
    )
    store.create()

    def keep(rows: list[tuple[str, str]], who: str) -> None:
        store.insert(
            f"{who} {rows[0][1]}",
            [Document(content=text, name=text, id=f"{who} {text}") for _, text in rows],
            user_id=who,
        )

    by_person: dict[str, list[tuple[str, str]]] = {}
    for row in data.memories:
        by_person.setdefault(row[0], []).append(row)
    for who, rows in by_person.items():
        keep(rows, who)
    with suppress(Exception):  # its full-text index fails; a search by vectors doesn't need it
        store.optimize()
    return (
        lambda who, question: len(store.search(question, limit=LIMIT, user_id=who)),
        lambda who, text: keep([(who, text)], who),
    )


def main() -> None:
    name, database, folder = sys.argv[1:]
    data = Data(Path(folder))
    logging.disable(logging.INFO)
    said, sys.stdout = sys.stdout, sys.stderr  # what the library prints isn't an answer
    recall, remember = globals()[name](database, data)
    print("ready", file=said, flush=True)
    for line in sys.stdin:
        what, number = line.split()
        asked = (data.questions if what == "recall" else data.additions)[int(number)]
        start = time.perf_counter()
        found = (recall if what == "recall" else remember)(*asked)
        took = time.perf_counter() - start
        print(took, found if what == "recall" else LIMIT, file=said, flush=True)


if __name__ == "__main__":
    main()
