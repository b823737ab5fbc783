"""Notice that a server read less than it was sent.

Ollama, for one, drops what doesn't fit its context without an error; only ``prompt_tokens`` tells.
An estimate of tokens may be far off for an unusual text, and a sender could write one on purpose,
so this counts what every tokenizer needs at least: a token for each word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LEAST_WINDOW = 512
"""A server that says it read less than this doesn't count what it has in its cache, or at all."""
STEP = 1_024
"""Contexts are multiples of it."""
_WORD = re.compile(r"\S*\w\S*")
# Scripts that are written without spaces: no tokenizer has many words of more than three of these.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
UNSPACED_PER_TOKEN = 3


def least_tokens(texts: Iterable[str]) -> int:
    """Return a number of tokens below which no tokenizer gets."""
    return sum(
        len(_WORD.findall(text)) + len(_UNSPACED.findall(text)) // UNSPACED_PER_TOKEN
        for text in texts
    )


def window_of_truncated(read: int, least: int) -> int | None:
    """Return the context of a server that read so many tokens of at least ``least``; None: it may
    well have read all of them."""
    if read < LEAST_WINDOW or read >= least:
        return None
    return -(-read // STEP) * STEP
