"""A long answer takes linear, not quadratic time on every channel."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any
from uuid import uuid4

import pytest

from discreet.channels.discord import formatting as discord
from discreet.channels.telegram.formatting import render as telegram_render
from discreet.channels.telegram.splitting import split as telegram_split
from discreet.channels.whatsapp import formatting as whatsapp
from discreet.domain.ids import MessageId
from discreet.domain.outbound import Outbound
from discreet.domain.parts import MAX_KEPT, SplitCache

CUTS: dict[str, Callable[[str], Sequence[Any]]] = {
    "telegram": lambda text: telegram_split(telegram_render(text)),
    "discord": discord.split,
    "whatsapp": whatsapp.split,
    "discord, words": partial(discord.split, plain=True),
    "whatsapp, words": partial(whatsapp.split, plain=True),
}
SHAPES = {
    "paragraphs": "The quick brown fox jumps over the lazy dog. " * 8 + "\n\n",
    "markdown": "## Title\n\n**bold** *it* [a](https://b.org)\n\n- one\n\n```py\nx = 1\n```\n\n",
    "tables": "| a | b |\n|---|---|\n| 1 | 2 |\n\n",
    "one table": "|a|b|\n|-|-|\n",
    "items": "- a\n",
    "quotes": "> a\n\n",
    "one word": "x",
    "brackets": "[[",
    "exclamation marks": "![",
    "stars": "**a ",
    "underscores": "__a ",
    "tildes": "~~a",
    "backticks": "`a",
    "spaces": "# a" + " " * 50,
    "hashes": "# a #",
    "dashes": "|-",
    "emoji": "\N{WOMAN}\u200d\N{GIRL} ",
}
SHORT, TIMES, TRIES = 4_000, 8, 3
LEAST_SECONDS = 0.0015
"""Shorter times are those of the machine, not of the text."""


def seconds(cut: Callable[[str], Sequence[Any]], text: str) -> float:
    gc.disable()  # what others left is not this text's cost
    try:
        began = time.thread_time()
        cut(text)
        return time.thread_time() - began
    finally:
        gc.enable()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channel", CUTS)
def test_eight_times_as_long_costs_no_more_than_about_eight_times_as_much(
    channel: str, shape: str
) -> None:
    cut, unit = CUTS[channel], SHAPES[shape]
    text = unit * (SHORT * TIMES // len(unit) + 1)
    cut(text[:1_000])
    short = long = inf
    for _ in range(TRIES):  # as often as a busy machine is in the way
        short = min(short, seconds(cut, text[:SHORT]))
        long = min(long, seconds(cut, text[: SHORT * TIMES]))
        # Were it the square, it would be 64 times as much.
        if long < 24 * max(short, LEAST_SECONDS):
            return
    pytest.fail(f"{SHORT} characters: {short:.3f} s, {TIMES} times as many: {long:.3f} s")


def outbound(text: str, part: int, message_id: MessageId | None = None) -> Outbound:
    return Outbound(message_id or MessageId(uuid4()), "1", "2", "", text, None, part)


def test_an_answer_is_cut_once_for_all_of_its_parts_and_for_no_other_answer() -> None:
    cut: list[str] = []

    def in_words(text: str, *, plain: bool) -> list[str]:
        cut.append(text)
        return text.split()

    parts = SplitCache(in_words)
    one, other = MessageId(uuid4()), MessageId(uuid4())
    text = "a b c"
    sent = [
        parts.part(outbound(text, part, answer)) for part in range(3) for answer in (one, other)
    ]
    assert sent == ["a", "a", "b", "b", "c", "c"]
    assert cut == [text, text]


def test_only_a_few_unfinished_answers_are_kept() -> None:
    def in_words(text: str, *, plain: bool) -> list[str]:
        return text.split()

    parts = SplitCache(in_words)
    for number in range(10 * MAX_KEPT):
        assert parts.part(outbound(f"a{number} b", 0)) == f"a{number}"
    assert len(parts._kept) == MAX_KEPT
