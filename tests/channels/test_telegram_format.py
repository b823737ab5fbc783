"""Rendering of Markdown on Telegram, and splitting of long answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.channels.telegram.formatting import render, utf16_length
from discreet.channels.telegram.splitting import MAX_UNITS, split

FAMILY = "👨‍👩‍👧‍👦"


def styled(markdown: str) -> list[tuple[str, str]]:
    formatted = render(markdown)
    units = formatted.text.encode("utf-16-le")
    return [
        (span.style, units[2 * span.start : 2 * (span.start + span.length)].decode("utf-16-le"))
        for span in formatted.spans
    ]


@pytest.mark.parametrize(
    ("markdown", "text", "spans"),
    [
        ("plain", "plain", []),
        ("**b** and _i_", "b and i", [("bold", "b"), ("italic", "i")]),
        ("🦊 **b**", "🦊 b", [("bold", "b")]),
        ("**a *b* c**", "a b c", [("bold", "a b c"), ("italic", "b")]),
        ("~~no~~ `x*y*`", "no x*y*", [("strikethrough", "no"), ("code", "x*y*")]),
        ("# Title\ntext", "Title\n\ntext", [("bold", "Title")]),
        ("- a\n- b\n  - c", "• a\n• b\n  • c", []),
        ("3. a\n4. b", "3. a\n4. b", []),
        ("> q\n> r\n\nx", "q\nr\n\nx", [("blockquote", "q\nr")]),
        ("```py\nx = 1\n```", "x = 1", [("pre", "x = 1")]),
        ("|a|b|\n|-|-|\n|1|22|", "a  b\n1  22", [("pre", "a  b\n1  22")]),
        ("[x](https://x.org)", "x", [("text_link", "x")]),
        ("[x](javascript:alert)", "[x](javascript:alert)", []),
        ("<b>x</b> & 2 * 3 * 4", "<b>x</b> & 2 * 3 * 4", []),
        ("snake_case_name **", "snake_case_name **", []),
        ("***", "———", []),
    ],
)
def test_markdown_is_shown_as(markdown: str, text: str, spans: list[tuple[str, str]]) -> None:
    assert (render(markdown).text, styled(markdown)) == (text, spans)


def test_no_word_is_cut() -> None:
    parts = split(render("internationalisation " * 1000))
    assert len(parts) == 6
    assert {word for part in parts for word in part.text.split()} == {"internationalisation"}


def test_no_emoji_is_cut() -> None:
    parts = split(render(FAMILY * 2000))
    assert all(part.text == FAMILY * (len(part.text) // len(FAMILY)) for part in parts)


def test_a_block_of_code_that_fits_is_not_cut() -> None:
    code = "\n".join(f"line_{number}()" for number in range(200))
    parts = split(render("word " * 600 + f"\n\n```py\n{code}\n```\n\nend"))
    assert [part.spans[0].length for part in parts if part.spans] == [len(code)]
    assert any(code in part.text for part in parts)


def test_a_block_of_code_too_long_for_one_message_stays_code_in_each() -> None:
    code = "\n".join(f"    line_{number}()" for number in range(600))
    parts = split(render(f"```py\n{code}\n```"))
    assert [(span.style, span.language) for part in parts for span in part.spans] == [
        ("pre", "py")
    ] * len(parts)
    assert "\n".join(part.text for part in parts) == code


TEXTS = st.text(
    st.sampled_from("ab \n*_`~#->1.[]()|🦊é\u0301👍🏽🇵🇹\u200d\ufe0f"), min_size=0, max_size=300
).map(lambda text: text * 40)


@given(TEXTS)
def test_every_part_fits_and_no_letter_is_lost(markdown: str) -> None:
    whole = render(markdown)
    parts = split(whole, 100)
    assert all(utf16_length(part.text) <= 100 for part in parts)
    kept = "".join("".join(part.text.split()) for part in parts)
    assert kept == "".join(whole.text.split())
    for part in parts:
        for span in part.spans:
            assert 0 <= span.start < span.start + span.length <= utf16_length(part.text)
    assert utf16_length(split(whole)[0].text) <= MAX_UNITS
