"""Whole sentences in lists of commands, where the framework would cut them off."""

from __future__ import annotations

import inspect
import re
from typing import Any

__all__ = ["first_sentence", "say_whole_summaries"]

_SENTENCE_END = re.compile(r"(?<=[.!?])\s")


def say_whole_summaries(command: Any) -> None:
    """Give a command and all below it the first sentence of their help as the summary."""
    for below in getattr(command, "commands", {}).values():
        if not below.short_help and below.help:
            below.short_help = first_sentence(below.help)
        say_whole_summaries(below)


def first_sentence(text: str) -> str:
    """Return the first sentence of a help text, on one line."""
    first, *_ = inspect.cleandoc(text).split("\n\n")
    return _SENTENCE_END.split(" ".join(first.split()), maxsplit=1)[0]
