"""A model's reasoning is separated from its answer, however the tags are written and split."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.turn.reasoning import Habits, Splitter

CASES = [
    ("<think>no</think>Hello", "Hello", "no"),
    ("<thinking>no</thinking>\n\nHello", "Hello", "no"),
    ("<reasoning>no</reasoning>Hello", "Hello", "no"),
    ("<THINK>no</Think>Hello", "Hello", "no"),
    ('<think lang="en">no</think >Hello', "Hello", "no"),
    ("<thought>no</thought>Hello", "Hello", "no"),
    ("<seed:think>no</seed:think>Hello", "Hello", "no"),
    ("[THINK]no[/THINK]Hello", "Hello", "no"),
    ("◁think▷no◁/think▷Hello", "Hello", "no"),
    ("<|begin_of_thought|>no<|end_of_thought|>Hello", "Hello", "no"),
    (
        "<|channel|>analysis<|message|>no<|end|><|start|>assistant<|channel|>final<|message|>Hello",
        "Hello",
        "no",
    ),
    ("Hello <think>no</think>there", "Hello there", "no"),
    ("<think>a</think>Hel<think>b</think>lo", "Hello", "a\nb"),
    ("no</think>Hello", "Hello", "no"),
    ("no</thinking>\nHello", "Hello", "no"),
    ("<think>a</think>b</think>Hello", "Hello", "a\nb"),
    ("<think>a<think>b</think>c</think>Hello", "Hello", "ab\nc"),
    ("<think>what is <think> for?</think>Hello", "Hello", "what is  for?"),
    ("<think>never closed", "", "never closed"),
    ("<think></think>Hello", "Hello", ""),
    ("Write `<think>` first.", "Write `<think>` first.", ""),
    ("Write `</think>` last.", "Write `</think>` last.", ""),
    ("Write ``a ` <think>`` first.", "Write ``a ` <think>`` first.", ""),
    ("```html\n<think>x</think>\n```\nSo.", "```html\n<think>x</think>\n```\nSo.", ""),
    ("~~~\n</think>\n~~~\nSo.", "~~~\n</think>\n~~~\nSo.", ""),
    ("It`s <think>no</think>yes", "It`s yes", "no"),
    ("It`s\n\n<think>no</think>a `b`", "It`s\n\na `b`", "no"),
    ("<think>I write `</think>` now.</think>Hello", "Hello", "I write `</think>` now."),
    ("<think>``` not closed</think>Hello", "Hello", "``` not closed"),
    ("1 < 2 and a <b>c</b> [link](x) ~~gone~~", "1 < 2 and a <b>c</b> [link](x) ~~gone~~", ""),
    ("a <thinker> is a < think > b", "a <thinker> is a < think > b", ""),
    ("", "", ""),
    ("<", "<", ""),
    ("<thi", "<thi", ""),
]


def split(chunks: list[str]) -> Splitter:
    splitter = Splitter()
    for chunk in chunks:
        splitter.feed(chunk)
    splitter.finish()
    return splitter


@pytest.mark.parametrize(("text", "said", "thought"), CASES)
def test_reasoning_is_separated_wherever_the_chunks_are_cut(
    text: str, said: str, thought: str
) -> None:
    ways = [[text], list(text)]
    ways += [[text[:cut], text[cut:]] for cut in range(len(text))]
    ways += [[text[at : at + size] for at in range(0, len(text), size)] for size in (2, 3, 5)]
    for chunks in ways:
        made = split(chunks)
        assert (made.text.strip(), made.reasoning) == (said, thought), chunks
        assert made.said == len(made.text)


@pytest.mark.parametrize(
    "text", [text for text, _, _ in CASES if "no" in text and not text.startswith("no")]
)
def test_no_draft_on_the_way_ever_shows_reasoning(text: str) -> None:
    splitter = Splitter()
    for char in text:
        splitter.feed(char)
        assert "no" not in splitter.text
        assert "<" not in splitter.text.replace("`<think>`", "")


@given(st.text(alphabet="ab <>/`~\n[]THINKthink|", max_size=60), st.data())
def test_a_text_is_split_alike_however_it_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)) | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(cuts)]
    whole, cut = split([text]), split(pieces)
    assert (whole.text, whole.reasoning) == (cut.text, cut.reasoning)


@given(st.text(alphabet=st.characters(exclude_characters="<[◁~`"), max_size=200))
def test_a_text_without_marks_is_said_as_it_is(text: str) -> None:
    assert split(list(text)).text == text


def test_a_long_answer_costs_in_proportion_to_its_length() -> None:
    splitter = Splitter()
    for _ in range(200_000):
        splitter.feed("word ")
    splitter.finish()
    assert splitter.said == 1_000_000


@pytest.mark.parametrize("name", ["deepseek-r1:8b", "QwQ-32B", "kimi-thinking", "magistral-small"])
def test_models_that_open_with_reasoning_are_known_by_their_names(name: str) -> None:
    assert Habits().of(name) == "unmarked"
    assert Habits().of("gpt-5.2") == "unknown"
