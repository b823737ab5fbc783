"""The bundled embedder."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import numpy as np

from discreet.memory import token_vectors
from discreet.memory.embedding import bundled_embedder


def test_vectors_have_length_one_and_texts_with_nothing_in_them_give_zeros() -> None:
    vectors = bundled_embedder().embed(["my dog is called Rex", "", "寿司 🐶"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, bundled_embedder().dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1], atol=1e-5)


def test_a_text_has_the_same_vector_alone_and_among_others() -> None:
    embedder = bundled_embedder()
    alone = embedder.embed(["my dog is called Rex"])[0]
    among = embedder.embed(["a much longer text about many other things", "my dog is called Rex"])
    assert np.array_equal(alone, among[1])


def test_texts_with_the_same_meaning_are_nearer() -> None:
    asked, near, far = bundled_embedder().embed(
        ["What animal does she have?", "Her dog is called Rex", "The invoice is due on Friday"]
    )
    assert asked @ near > asked @ far


def test_loading_it_leaves_the_root_logger_alone_and_asks_no_network() -> None:
    code = (
        "import logging, sys; from discreet.memory.embedding import bundled_embedder;"
        "bundled_embedder().embed(['x']); assert not logging.getLogger().handlers;"
        "assert 'requests' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=180)
    assert logging.getLogger("wordllama").level == logging.NOTSET


def test_token_vectors_in_single_precision_are_those_of_the_table() -> None:
    table = bundled_embedder().table
    made = token_vectors._vectors_of(np.arange(len(table)))
    assert made.dtype == np.float32
    assert (made == table.astype(np.float32)).all()


def test_small_products_do_not_start_threads() -> None:
    asked = "import os, discreet.memory; print(os.environ['OPENBLAS_NUM_THREADS'])"
    environment = {name: value for name, value in os.environ.items() if "OPENBLAS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"
