"""Decide whether a search result is relevant. A search always returns the nearest rows; without a
language model, rules decide whether they are near enough."""

from __future__ import annotations

from collections.abc import Sequence

from discreet.memory.tokenizer import content_terms
from discreet.turn.context import Found

# Cosines of the bundled embedder: answers lie above 0.33 mostly, strangers below 0.28.
NEAR = 0.32
# What shares the words of a question has to be about the same at least a little.
NOT_FAR = 0.12
# Of the words of a question, so many stand in what answers it.
COVERED = 0.6
# What is clearly worse than the best is left out of an answer.
BESIDE_THE_BEST = 0.85

# Words of questions that are not what is asked about.
_EMPTY_WORDS = frozenset(
    """
    called call name named names know known tell told remember say said like liked want need thing
    things anything something everything please much many kind sort got get go going favorite
    favourite best
    mein meine meiner meinen dein deine der die das den dem ein eine ist sind war heißt heisst heiße
    heißen wie was wer wo wann über von weißt weisst ich du mir mich dir
    mon ma mes ton ta tes le la les un une est sont appelle s'appelle comment quel quelle que qui
    mi mis tu tus el los las una es son llama se cómo como qué quién cuál de del
    """.split()  # noqa: SIM905  (a list of words reads better so)
)


def relevant(asked: str, found: Sequence[Found], *, all_of_them: bool = False) -> list[Found]:
    """Return what answers, best first; ``all_of_them``: whatever is about it, not only the best."""
    words = [term for term in content_terms(asked, _EMPTY_WORDS) if any(map(str.isalnum, term))]
    scored = [(_score(words, one), one) for one in found]
    kept = [(score, one) for score, one in scored if score > 0]
    kept.sort(key=lambda pair: -pair[0])
    if not kept:
        return []
    least = 0.0 if all_of_them else kept[0][0] * BESIDE_THE_BEST
    return [one for score, one in kept if score >= least]


def _score(words: list[str], found: Found) -> float:
    """0 where it has nothing to do with what was asked, else up to 2."""
    there = set(content_terms(f"{found.title} {found.text}"))
    covered = sum(word in there for word in words) / len(words) if words else 0.0
    closeness = 0.0 if found.closeness is None else found.closeness
    if closeness < NEAR and (covered < COVERED or (closeness < NOT_FAR and covered < 1)):
        return 0.0
    return covered + max(closeness, 0.0)
