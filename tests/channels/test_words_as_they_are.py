"""People's own text is shown literally, and emphasis doesn't break names or numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from discreet.channels.discord import formatting as discord
from discreet.channels.telegram import formatting as telegram
from discreet.channels.terminal import formatting as terminal
from discreet.channels.whatsapp import formatting as whatsapp
from tests.support import displays

CODES = re.compile(r"\x1b\[\d+m")
SEEN: dict[str, Callable[[str, bool], str]] = {
    "telegram": lambda text, plain: telegram.render(text, plain=plain).text,
    "discord": lambda text, plain: displays.discord(discord.render(text, plain=plain)),
    "whatsapp": lambda text, plain: displays.whatsapp(whatsapp.render(text, plain=plain)),
}
SPECIAL = "*_~`|#>-+.:;,!?()[]{}<>\\/@&=^$%'\"1 7ab"
PIECES = [
    "**",
    "__",
    "~~",
    "||",
    "```",
    "- ",
    "> ",
    "# ",
    "-# ",
    "1. ",
    "[a](https://b.org)",
    "Rex",
]
PIECES += [
    "https://a_b.org/x_y*z",
    "<@12>",
    "<t:1:R>",
    ":smile:",
    "C:\\new\\*",
    "__init__",
    "a*b*c_d",
    "discord://x",
    "https://a.b/c)<@!2>",
    "<https://z.w>",
    "![i](u)",
    "@everyone",
    "tel:1",
    "<a:e:6>",
    "||s||",
]
WORDS = st.lists(st.sampled_from([*SPECIAL, *PIECES, *"\n這éü😀،ש"]), max_size=24).map("".join)


@pytest.mark.parametrize("platform", SEEN)
@settings(max_examples=200)
@given(WORDS)
@example("*a* _b_ ~c~ `d`")
@example("`x` ```y``` **z**")
@example("a\\\\<https://b.org>")
@example("discord://x\\\\*y* steam://x\\\\-#")
@example("https://a.b/😀<@1>")
@example("<https://z.w>:smile:b%<t:1:R>")
@example("[[a](https://b.org)&![i](u);-^")
@example("<https://z.w>}```'Rex```py")
def test_words_come_back_unchanged(platform: str, words: str) -> None:
    shown = SEEN[platform](words, True)
    # A list item of the author's own looks like one of the platform's.
    seen = re.sub(r"(?m)^(\s*)• ", r"\1- ", shown) if platform == "whatsapp" else shown
    assert "".join(seen.split()) == "".join(words.split())


AS_WRITTEN = [
    "2*3*4 = 24",
    "__init__.py",
    "__init__",
    '__name__ == "__main__"',
    "foo.__init__(self)",
    "pkg/__pycache__/x.pyc",
    "(__x__)",
    "snake_case_name and _private_.py",
    "*args, **kwargs",
    "f(*args, **kwargs)",
    "**/*.py and src/**/*.js",
    "C:\\new\\_x_\\*.txt",
    "\\\\server\\share\\_x",
    "5 * 3 * 2",
    "x = a*b + c*d",
    "1_000_000",
    "obj._x_",
    "un*frigging*believable",
    "a~~b~~c",
    "**x**.y",
    "[1]: https://example.org/a_b_c",
    "3. x\n7. y",
    "2) x",
    "Ada <ada@example.org>",
    "a < b && c > d",
    "src/**/test and lib/**/x",
    "ignore **/node_modules/** here",
    "D:\\_data_\\*new*",
    "/_data_/x and ~/_x_/y",
    "_data_/*.txt and more",
    "#1 of 3",
]
EMPHASISED = [
    ("这是**重要**的", "重要"),
    ("**注意：**请看", "注意："),
    ("これは**太字**です", "太字"),
    ("นี่คือ**สำคัญ**มาก", "สำคัญ"),
    ("a **b c** d", "b c"),
    ("(**b**), **c**.", "b"),
    ("l'**eau**, oui", "eau"),
    ("**Anna**'s dog", "Anna"),
    ("__very good__ indeed", "very good"),
    ("- **b**: x", "b"),
    ("**2.0** is out", "2.0"),
    ("see **https://a.org/** now", "https://a.org/"),
    ("either **A**/*B*", "A"),
]


@pytest.mark.parametrize("platform", SEEN)
@pytest.mark.parametrize("text", AS_WRITTEN)
def test_text_that_is_not_emphasis_stays_as_written(platform: str, text: str) -> None:
    assert SEEN[platform](text, False) == text
    assert terminal.render(text) == text


@pytest.mark.parametrize(("text", "bold"), EMPHASISED)
def test_emphasis_is_shown(text: str, bold: str) -> None:
    plain = text.replace("**", "").replace("__", "").removeprefix("- ")
    formatted = telegram.render(text)
    assert formatted.text.removeprefix("• ") == plain
    assert formatted.spans[0].style == "bold"
    assert f"**{bold}**" in discord.render(text)
    assert f"*{bold}*" in whatsapp.render(text)
    assert f"\x1b[1m{bold}\x1b[22m" in terminal.render(text)
    for platform in ("discord", "whatsapp"):
        assert SEEN[platform](text, False).removeprefix("• ") == plain


@pytest.mark.parametrize("platform", SEEN)
def test_a_link_shows_its_address_where_links_have_no_text(platform: str) -> None:
    text = "see [the menu](https://example.org/menu)"
    assert "the menu" in SEEN[platform](text, False)
    sent = {
        "telegram": telegram.render(text).spans[:1] and telegram.render(text).spans[0].url,
        "discord": discord.render(text),
        "whatsapp": whatsapp.render(text),
    }[platform]
    assert "https://example.org/menu" in sent
    assert terminal.render(text) == "see the menu (https://example.org/menu)"
    assert "x (/relative)" in SEEN[platform]("[x](/relative)", False)


def test_columns_of_a_table_stand_under_each_other_in_any_script() -> None:
    table = "|名前|n|\n|-|-:|\n|山田|1|\n|Ada|22|"
    for render in (discord.render, whatsapp.render):
        assert render(table) == "```\n名前   n\n山田   1\nAda   22\n```"
    assert telegram.render(table).text == "名前   n\n山田   1\nAda   22"


def test_a_style_that_is_cut_is_whole_in_each_part() -> None:
    text = f"**{'word ' * 1_500}end**"
    for parts in (discord.split(text), whatsapp.split(text)):
        assert len(parts) > 1
        assert all(part.startswith("*") and part.endswith("*") for part in parts)


@settings(max_examples=200)
@given(WORDS.map(lambda text: text * 8), st.booleans(), st.integers(100, 200))
def test_every_part_fits_and_no_word_is_lost(text: str, plain: bool, limit: int) -> None:
    for split, render in ((discord.split, discord.render), (whatsapp.split, whatsapp.render)):
        parts = split(text, limit, plain=plain)
        assert all(len(part.encode("utf-16-le")) // 2 <= limit for part in parts)
        letters = re.compile(r"[^\W_]", re.UNICODE)
        assert letters.findall("".join(parts)) == letters.findall(render(text, plain=plain)) or (
            "http" in text  # a URL that is cut is escaped in its second half
        )


@settings(max_examples=200)
@given(WORDS)
def test_an_answer_that_grows_on_a_terminal_ends_as_the_whole_one(text: str) -> None:
    for end in range(len(text)):
        assert CODES.sub("", terminal.render_partial(text[:end])).count("\x1b") == 0
    assert "\x1b" not in CODES.sub("", terminal.render(text))


def test_an_answer_streamed_word_by_word_never_starts_over() -> None:
    text = (
        "# Plan\nGo **now** to `x`.\n\n- one **two**\n- three\n\n```py\na*b*c\n```\n\n2*3*4 ends."
    )
    shown = ""
    for end in range(len(text) + 1):
        now = terminal.render_partial(text[:end])
        assert now.startswith(shown)
        shown = now
    assert terminal.render(text).startswith(shown)
