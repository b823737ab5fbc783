"""Hindi words are glossed in English, whatever their form and spelling."""

from __future__ import annotations

import pytest

from discreet.memory.hindi import glossed, spelled


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("मेरी बहन दिल्ली में नर्स है।", "sister nurse"),
        ("दाँत दांत", "tooth tooth"),
        ("दुकानों में सब्ज़ियाँ", "shop vegetable"),
        ("Anna की गाड़ी: 1200 रुपये", "Anna car 1200 money"),
    ],
)
def test_known_words_are_glossed_and_others_dropped(text: str, english: str) -> None:
    words = "".join(one if one.isalnum() else " " for one in glossed(text)).split()
    assert words == english.split()


@pytest.mark.parametrize("text", ["", "plain English", "Straße über", "私の犬", "मॅनहॅटन", "हूँ"])
def test_a_text_without_a_known_hindi_word_stays_as_it_is(text: str) -> None:
    assert glossed(text) == text


def test_accepted_spellings_are_one() -> None:
    assert spelled("हिन्दी") == spelled("हिंदी")
    assert spelled("ज़मीन") == spelled("जमीन")
    assert spelled("café") == "café"
