"""Turn texts into vectors. Never call this inside a transaction.

An embedder has one vector space, or one for English and one for other languages. Only vectors of
the same space are compared (see ``spaces``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from discreet.domain.errors import Unavailable
from discreet.memory.hindi import glossed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "Embedder",
    "EmbedderByLanguage",
    "StaticEmbedder",
    "VectorSpace",
    "Vectors",
    "bundled_embedder",
]

Vectors = npt.NDArray[np.float32]

MAX_CHARACTERS = 20_000
"""Characters of a text that are embedded; the rest is ignored."""
FEW = 8
"""So many texts are tokenized one by one: that takes less than waking the threads for a batch."""


class VectorSpace(Protocol):
    """Makes vectors from texts.

    ``name`` is stored with each vector, and only vectors with the same name are compared. It must
    change whenever the vectors change.
    """

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors, shape (texts, dimensions); zeros for a text without content.

        This blocks: call it in a thread if the embedder does more than arithmetic.

        Raises:
            Unavailable: the model can't be reached now.
        """
        ...


@dataclass(frozen=True, slots=True)
class EmbedderByLanguage:
    """Uses a table for English and a model for other languages.

    Attributes:
        table: Embeds English, and scripts that the model doesn't know.
        model: Returns what embeds the rest, loaded at the first call.
        model_name: Its name, known without loading it.
    """

    table: VectorSpace
    model: Callable[[], VectorSpace]
    model_name: str


Embedder = VectorSpace | EmbedderByLanguage


class StaticEmbedder:
    """Represents a text by the mean of its token vectors from a table.

    It needs no network and about 30 µs a text.

    Attributes:
        table: The vector of each token, shape (tokens, dimensions).
        begins_word: Whether a token begins a word, shape (tokens,).
    """

    def __init__(self, name: str, table: npt.NDArray[np.float16], tokenizer: Tokenizer) -> None:
        self._name = name
        self.table = table
        self._tokenizer = tokenizer
        self.begins_word = np.array(
            [_begins_word(tokenizer.id_to_token(token) or "") for token in range(len(table))]
        )

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        return int(self.table.shape[1])

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text that have a vector in the table."""
        read = [glossed(text[:MAX_CHARACTERS]) for text in texts]
        if len(read) <= FEW:
            encoded = [self._tokenizer.encode(text, add_special_tokens=False) for text in read]
        else:
            encoded = self._tokenizer.encode_batch(read, add_special_tokens=False)
        return [[token for token in one.ids if token < len(self.table)] for one in encoded]

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for at, ids in enumerate(self.tokens(texts)):
            if ids:
                vectors[at] = self.table[ids].mean(axis=0, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors


def _begins_word(piece: str) -> bool:
    """Return whether a token begins a word.

    In scripts without spaces, each character is a word; if the tokenizer encodes it as bytes, its
    first byte begins it.
    """
    if piece.startswith("<0x"):
        return int(piece[3:5], 16) >= 0xC0
    return piece.startswith("▁") or "\u3040" <= piece[:1] <= "\u9fff"


@cache
def bundled_embedder() -> StaticEmbedder:
    """Return the bundled embedder, loaded at the first call in a process.

    The files are read from the wordllama package without importing it: the import would pull in an
    HTTP client and configure the root logger, neither of which is needed to average token vectors.

    Raises:
        Unavailable: the files are missing or can't be read.
    """
    from tokenizers import Tokenizer

    package = find_spec("wordllama")
    if package is None or not package.submodule_search_locations:
        raise Unavailable("The bundled embedder is missing.", hint="Reinstall Discreet.")
    folder = Path(package.submodule_search_locations[0])
    try:
        table = _read_table(folder / "weights" / "l2_supercat_256.safetensors")
        tokenizer = Tokenizer.from_file(
            str(folder / "tokenizers" / "l2_supercat_tokenizer_config.json")
        )
    except OSError as error:
        raise Unavailable(
            "The bundled embedder can't be read.", hint="Reinstall Discreet."
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return StaticEmbedder("wordllama-l2-supercat-256", table, tokenizer)


def _read_table(path: Path) -> npt.NDArray[np.float16]:
    """Return the only matrix of a safetensors file, memory-mapped to read only the rows used.

    As a plain array: each use of a ``numpy.memmap`` runs Python code.
    """
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(header_size))
    (tensor,) = (value for key, value in header.items() if key != "__metadata__")
    return np.memmap(
        path,
        dtype="<f2",
        mode="r",
        offset=8 + header_size + tensor["data_offsets"][0],
        shape=tuple(tensor["shape"]),
    ).view(np.ndarray)
