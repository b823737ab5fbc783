"""Equal words give equal terms in many languages, and any text gives some terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.memory.languages import language_of
from discreet.memory.tokenizer import ASKS, NUMBER, TIME, VERSION, content_terms, terms_of, words_of


def _words(text: str) -> list[str]:
    return [term for term in terms_of(text) if not term.startswith("<")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("She walks", "she WALKING"),
        ("allergies", "allergy"),
        ("café", "cafe"),
        ("Straße", "STRASSE"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("книгами", "книги"),
        ("dog's", "dogs"),
        ("don’t", "don't"),
        ("साफ़ दाँत", "साफ दांत"),
        ("हिन्दी", "हिंदी"),
        ("७ ٤٢", "7 42"),
        ("Bursa’da oturuyorum", "Artık Bursa'dan değil, oturuyorum"),
    ],
)
def test_other_spellings_and_forms_of_a_word_give_the_same_term(one: str, other: str) -> None:
    assert set(_words(one)) <= set(_words(other))


def test_a_bag_keeps_order_and_repeats_and_starts_with_its_version() -> None:
    assert terms_of("dog cat dog") == [VERSION, "dog", "cat", "dog"]


def test_markers_say_what_a_text_holds() -> None:
    assert terms_of("Really?")[-1] == ASKS
    assert TIME in terms_of("we met yesterday")
    assert NUMBER in terms_of("I have two cats")
    assert NUMBER in terms_of("born in 1987")


def test_emoji_are_terms() -> None:
    assert "🐶" in terms_of("look 🐶!")


def test_a_word_of_a_script_without_spaces_is_found_in_a_sentence() -> None:
    assert set(content_terms("寿司")) <= set(terms_of("私は寿司が好きです"))
    assert set(content_terms("犬")) <= set(terms_of("私の犬はレックスです"))


def test_a_question_is_about_its_content_words() -> None:
    assert content_terms("What is the name of my dog?") == ["name", "dog"]


def test_a_question_of_function_words_only_still_has_terms() -> None:
    assert content_terms("who are you?") == ["who", "are", "you"]


@given(st.text(max_size=200))
def test_any_text_gives_terms_that_hold_no_space_and_are_the_same_each_time(text: str) -> None:
    terms = terms_of(text)
    assert terms == terms_of(text)
    assert all(term and not any(map(str.isspace, term)) for term in terms)
    assert not any(word.startswith("<") for word in words_of(text))


@given(st.text(max_size=60))
def test_case_makes_no_difference_to_words(text: str) -> None:
    assert words_of(text.casefold()) == words_of(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("green door", "english"),
        ("doors opening", "english"),
        ("her son won", "english"),
        ("the green door over the hill", "english"),
        ("die hard", "english"),
        ("come on", "english"),
        ("van life", "english"),
        ("De deur is groen", "dutch"),
        ("Was hat Anna gekauft?", "german"),
        ("Wo wohnt Anna?", "german"),
        ("Wann war das Fest?", "german"),
        ("La casa de mi hermana", "spanish"),
        ("mi hermano", "spanish"),
        ("Comment tu t'appelles ?", "french"),
        ("ma soeur", "english"),
        ("Minha irmã mora no Porto", "portuguese"),
        ("Come ti chiami?", "italian"),
        ("Benim kedim var", "turkish"),
    ],
)
def test_a_language_needs_a_word_of_its_own(text: str, language: str) -> None:
    assert language_of(words_of(text)) == language
