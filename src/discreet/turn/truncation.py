"""Detect that a server read less than it was sent.

Ollama, for example, silently drops what doesn't fit its context; only ``prompt_tokens`` shows it. A
token estimate may be far off for an unusual text, and a sender could write one on purpose, so this
counts what every tokenizer needs at least: a token for each word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LEAST_WINDOW = 512
"""A server that reports less than this doesn't count cached tokens, or doesn't count at all."""
STEP = 1_024
"""Context sizes are multiples of this."""
_WORD = re.compile(r"\S*\w\S*")
# Scripts without spaces: no tokenizer has many tokens of more than three of these characters.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
UNSPACED_PER_TOKEN = 3


def least_tokens(texts: Iterable[str]) -> int:
    """Return a lower bound of the tokens in any tokenizer."""
    return sum(
        len(_WORD.findall(text)) + len(_UNSPACED.findall(text)) // UNSPACED_PER_TOKEN
        for text in texts
    )


def window_of_truncated(read: int, least: int) -> int | None:
    """Return the context size of a server that read ``read`` of at least ``least`` tokens.

    None: it may have read all of them.
    """
    if read < LEAST_WINDOW or read >= least:
        return None
    return -(-read // STEP) * STEP
