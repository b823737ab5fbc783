"""The ranking of a scope's rows, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.memory.embedding import bundled_embedder
from discreet.memory.indexing import index
from discreet.memory.query import prepare
from discreet.memory.ranking import FEATURES, Candidates, Mode, Population, Ranking, rank

NOW = datetime(2024, 3, 13, tzinfo=UTC)
DAY = 86_400.0


def _candidates(
    texts: Sequence[str],
    *,
    conversation: bool = False,
    speakers: Sequence[str] = (),
    agents: Sequence[bool] = (),
    days_ago: Sequence[float] = (),
    saliences: Sequence[float] = (),
) -> Candidates:
    count = len(texts)
    return Candidates.of(
        index(texts, None),
        cosines=np.full(count, np.nan),
        conversations=np.full(count, 1 if conversation else -1),
        seconds=NOW.timestamp() - DAY * np.array(days_ago or [0.0] * count),
        speakers=speakers,
        agents=np.array(agents, dtype=bool),
        saliences=np.array(saliences, dtype=np.float64),
    )


def _ranked(
    question: str, texts: Sequence[str], *, mode: Mode = "hybrid", **how: object
) -> Ranking:
    query = prepare(question, bundled_embedder(), now=NOW)
    assert query.vector is not None
    vectors = bundled_embedder().embed(texts)
    candidates = replace(
        _candidates(texts, **how),  # type: ignore[arg-type]
        cosines=(vectors @ query.vector).astype(np.float64),
    )
    return rank(query.asked, candidates, mode=mode, now=NOW.timestamp())


def _best(question: str, texts: Sequence[str], **how: object) -> str:
    return texts[_ranked(question, texts, **how).order[0]]  # type: ignore[arg-type]


PANTRY = [
    "She is allergic to peanuts",
    "The dog is called Rex",
    "The meeting moved to Thursday",
    "Her sister lives in Lisbon",
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the dog called?", "The dog is called Rex"),
        ("Rex", "The dog is called Rex"),
        ("any allergies?", "She is allergic to peanuts"),
        ("peanutz", "She is allergic to peanuts"),
        ("where in lisbom does the sister live", "Her sister lives in Lisbon"),
        ("LISBON!!", "Her sister lives in Lisbon"),
    ],
)
def test_words_forms_typos_and_whole_questions_find_the_row(question: str, answer: str) -> None:
    assert _best(question, PANTRY) == answer


def test_where_nothing_matches_nothing_is_found() -> None:
    for mode in ("text", "semantic", "hybrid"):
        assert not len(_ranked("xqzvkw", PANTRY, mode=mode).order)


def test_hybrid_orders_every_row_once_one_matches() -> None:
    assert sorted(_ranked("the dog", PANTRY).order) == [0, 1, 2, 3]


def test_text_mode_gives_rows_that_hold_a_word_of_the_question_only() -> None:
    assert _ranked("dog sister", PANTRY, mode="text").order.tolist() in ([1, 3], [3, 1])


def test_a_rare_word_counts_more_than_a_frequent_one() -> None:
    texts = ["garden tulips", *["garden work"] * 8, "walrus"]
    assert _best("garden walrus", texts, mode="text") == "walrus"


def test_a_line_ranks_higher_next_to_the_question() -> None:
    talk = [
        "Nice weather.",
        "What did you name the boat?",
        "Dolores, of course.",
        "See you.",
        "Bye.",
    ]
    alone = _ranked("name of the boat", talk).order.tolist()
    together = _ranked("name of the boat", talk, conversation=True).order.tolist()
    assert together.index(2) < alone.index(2)


ORDERS = [
    "Always name the narrator when I ask for a book.",
    "Immer den Preis dazu nennen.",
    "Siempre dime el precio.",
    "Désormais, réponds en deux phrases.",
    "Всегда указывай цену.",
    "总是告诉我价格。",
    "いつも値段を教えて。",
    "항상 가격을 알려 줘.",
    "हमेशा कीमत बताओ।",
    "دائما اذكر السعر.",
]


@pytest.mark.parametrize("order", ORDERS)
def test_what_the_agent_was_told_to_do_always_comes_with_any_question(order: str) -> None:
    talk = ["I went for a walk.", "Fine.", order, "I will.", "It rained.", "Oh."]
    agents = [False, True] * 3
    at = FEATURES.index("standing order")
    found = _ranked("Can you suggest a novel?", talk, conversation=True, agents=agents)
    assert found.features[:, at].tolist() == [0, 0, 1, 0, 0, 0]
    assert found.weights[at] > 1
    # Among people, nobody is told anything that way, and a note is found only by its own text.
    assert not _ranked("Can you suggest a novel?", talk, conversation=True).features[:, at].any()
    assert not _ranked("Can you suggest a novel?", talk, agents=agents).features[:, at].any()


def test_words_that_stand_together_in_the_question_do_so_in_the_answer() -> None:
    texts = [
        "The green house at the corner has a piano.",
        "The house at the corner has a green piano.",
    ]
    found = _ranked("Where is the green piano?", texts)
    assert found.order[0] == 1
    assert found.features[:, FEATURES.index("side by side")].tolist() == [0, 1]


def test_words_are_not_side_by_side_across_two_rows() -> None:
    found = _ranked("green piano", ["we painted it green", "piano", "green piano"])
    assert found.features[:, FEATURES.index("side by side")].tolist() == [0, 0, 1]


def test_the_neighbours_of_a_line_end_with_its_conversation() -> None:
    texts = ["the boat", "the boat", "sun", "rain", "wind", "snow"]
    query = prepare("boat", None, now=NOW)
    seen = {}
    for name, conversations in {"one": [1] * 6, "two": [1, 1, 2, 2, 2, 2]}.items():
        candidates = replace(_candidates(texts), conversations=np.array(conversations))
        ranking = rank(query.asked, candidates, now=NOW.timestamp())
        column = ranking.features[:, FEATURES.index("words beside")]
        seen[name] = column[2] - column[5]
    assert seen["one"] > 0.1
    assert abs(seen["two"]) < 1e-9


def test_a_person_named_in_the_question_speaks_for_it() -> None:
    texts = ["I bought a red car", "I bought a red car"]
    ranking = _ranked(
        "Which car did Maria buy?", texts, conversation=True, speakers=["John", "Maria"]
    )
    assert ranking.order[0] == 1


def test_the_month_asked_for_goes_first() -> None:
    texts = ["we went sailing", "we went sailing"]
    assert _ranked("sailing in January", texts, days_ago=[3, 60]).order[0] == 1


def test_salience_and_then_newness_decide_between_equals() -> None:
    texts = ["call me Al"] * 3
    order = _ranked("what to call me", texts, saliences=[0, 2, 0], days_ago=[9, 90, 1]).order
    assert order.tolist() == [1, 2, 0]


def test_a_lone_row_is_not_behind_only_because_it_has_no_neighbours() -> None:
    texts = ["the boat is called Dolores", "the boat is called Dolores", "sun", "rain"]
    candidates = replace(
        _candidates(texts), conversations=np.array([-1, 1, 1, 1]), cosines=np.full(4, 0.5)
    )
    query = prepare("boat", None, now=NOW)
    ranking = rank(query.asked, candidates, now=NOW.timestamp())
    assert set(ranking.order[:2].tolist()) == {0, 1}


def test_scores_are_the_sum_of_their_parts() -> None:
    ranking = _ranked("the dog", PANTRY, conversation=True)
    parts = (ranking.features * ranking.weights).sum(axis=1) + ranking.lifted
    assert np.allclose(ranking.scores, parts)
    assert ranking.features.shape == (4, len(FEATURES))


texts_strategy = st.lists(st.text(max_size=40), max_size=12)


@given(st.text(max_size=40), texts_strategy, st.booleans())
def test_any_question_over_any_rows_gives_each_row_at_most_once(
    question: str, texts: list[str], conversation: bool
) -> None:
    query = prepare(question, None, now=NOW)
    candidates = _candidates(texts, conversation=conversation)
    ranking = rank(query.asked, candidates, now=NOW.timestamp())
    assert len(set(ranking.order.tolist())) == len(ranking.order)
    assert len(ranking.order) in (0, len(texts))
    assert np.isfinite(ranking.features).all()


@given(texts_strategy.filter(bool), st.data())
def test_a_row_is_found_by_its_own_words(texts: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(texts))
    query = prepare(wanted, None, now=NOW)
    ranking = rank(query.asked, _candidates(texts), mode="text", now=NOW.timestamp())
    if query.asked.terms:
        assert texts.index(wanted) in ranking.order


def test_a_word_that_only_the_chosen_rows_hold_often_is_as_rare_as_in_the_whole_scope() -> None:
    usual = [
        f"{word} market by the river" for word in ("winter", "garden", "letter", "bread")
    ] * 250
    texts = [*usual, *["the piano in the garden"] * 5]
    query = prepare("garden piano", bundled_embedder(), now=NOW)
    whole = _candidates(texts)
    exact = rank(query.asked, whole, now=NOW.timestamp())
    rows = [*range(100), *[at for at in range(100, 1000) if "garden" in texts[at]]]
    rows += range(1000, 1005)
    chosen = replace(
        _candidates([texts[at] for at in rows]),
        population=Population(1005.0, {"garden": 255.0, "piano": 5.0}, float(whole.lengths.mean())),
        sampled=np.array([at < 100 for at in rows]),
    )
    scores = rank(query.asked, chosen, now=NOW.timestamp()).scores
    assert np.allclose(scores, exact.scores[rows], atol=0.05)
