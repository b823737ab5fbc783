"""What a question is about, without how it is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.memory.phrasing import subject_of_question
from discreet.memory.tokenizer import content_terms


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        (
            "Can you walk me through the order in which I brought up different aspects of my"
            " garden across our conversations, in order? Mention ONLY and ONLY five items.",
            "garden",
        ),
        ("Please give me a short overview of the wedding.", "wedding"),
        ("How many different boats have I mentioned in our chats?", "boats"),
        ("What can be inferred about Ada's health so far?", "ada health"),
        ("Tell me: where is the key?", "key"),
    ],
)
def test_phrases_about_the_answer_are_left_out(asked: str, subject: str) -> None:
    assert content_terms(subject_of_question(asked)) == content_terms(subject)


@pytest.mark.parametrize(
    "asked",
    [
        "Did I order the pizza?",
        "What is on my shopping list?",
        "Did she name the puppy?",
        "I moved in order to be near the sea",
        "What did she give me for my birthday?",
        "Was habe ich so gesagt?",
        "How many",
    ],
)
def test_the_same_words_as_a_subject_are_kept(asked: str) -> None:
    assert subject_of_question(asked) == asked


@given(st.text(max_size=80))
def test_something_remains_of_any_question(text: str) -> None:
    subject = subject_of_question(text)
    assert any(map(str.isalnum, subject)) or subject == text
