"""Decide whether a search result is relevant.

A search always returns the nearest rows; without a language model, rules decide whether they are
near enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from discreet.memory.languages import language_of
from discreet.memory.outdated import may_update
from discreet.memory.tokenizer import content_terms, words_of
from discreet.turn.context import Found
from discreet.turn.offline.subjects import (
    OF_A_PERSON,
    SINGLE,
    asked_about,
    may_ask_about,
    subjects_of,
    told_of,
)

# Cosines of the bundled embedder: answers are mostly above 0.33, unrelated texts below 0.28.
NEAR = 0.32
# It knows only English: in other languages, texts that merely look alike are close to each other.
NEAR_ELSEWHERE = 0.7
# The nearest memory answers a question if it is this near, and so much nearer than the next.
# On its own even a good answer may be far: models differ, and so do languages.
OUTSTANDING, AHEAD_OF_NEXT = 0.3, 0.15
# How near unrelated texts are.
UNRELATED = 0.15
# A result that shares words with a question must also be at least slightly similar in meaning.
NOT_FAR = 0.12
# Minimum share of the question's words in an answer.
COVERED = 0.6
# Results clearly worse than the best are left out.
BESIDE_THE_BEST = 0.85

# Words of questions that don't carry the subject.
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


# Minimum similarity of a mistyped word to the intended one.
LIKE = 0.8
TYPED = 4  # shorter words are too similar to others
NEAREST = 3


@dataclass(frozen=True, slots=True)
class _Match:
    """How well a row matches.

    ``told``: how surely it answers the question's subject, by ``subjects``.
    ``single``: a subject that has one value at a time, such as a home or a job, so that the newest
    row replaces the others.
    """

    found: Found
    covered: float
    closeness: float
    told: float
    near: float
    single: bool

    @property
    def score(self) -> float:
        closeness = max(self.closeness, 0.0) if self.near == NEAR else max(self.closeness, 0.0) / 4
        return self.covered + closeness + self.told

    @property
    def answers(self) -> bool:
        if self.told > 0 or self.closeness >= self.near:
            return True
        return self.covered >= COVERED and (self.closeness >= NOT_FAR or self.covered == 1)


def relevant(asked: str, found: Sequence[Found], *, all_of_them: bool = False) -> list[Found]:
    """Return the relevant results, best first.

    ``all_of_them`` includes everything about it, not just the best.
    Among equally good results, the newest comes first.
    """
    kept = [match for match in _matches(asked, found) if match.answers]
    if not kept:
        return []
    kept.sort(key=lambda match: -match.score)
    best = kept[0]
    least = 0.0 if all_of_them else best.score * BESIDE_THE_BEST
    alike = [match for match in kept if _alike(match, best)]
    alike.sort(key=lambda match: match.found.at, reverse=True)
    rest = [match for match in kept if not _alike(match, best)]
    chosen = [match.found for match in (*alike, *rest) if match.score >= least or match in alike]
    return [*_updates_of(chosen[0], found), *chosen]


def _updates_of(best: Found, found: Sequence[Found]) -> list[Found]:
    """Return the newest memory that takes the place of the best one, if there is one."""
    if best.kind != "memory":
        return []
    newer = [
        one
        for one in found
        if one.kind == "memory"
        and (one.whose, one.contact_id) == (best.whose, best.contact_id)
        and one.at > best.at
        and may_update(best.text, one.text)
    ]
    return sorted(newer, key=lambda one: one.at)[-1:]


def outstanding(asked: str, found: Sequence[Found]) -> list[Found]:
    """Return the one memory that is far nearer in meaning than all others, if there is one.

    Of English texts it is known how near answers are, so nothing is returned for them. A memory
    about a known part of a person's life answers no question about something else, however near.
    """
    if _is_english(asked):
        return []
    near = [
        (one.closeness, at)
        for at, one in enumerate(found)
        if one.kind == "memory" and one.closeness is not None
    ]
    if not near:
        return []
    (best, at), *others = sorted(near, reverse=True)
    next_best = max([UNRELATED, *(closeness for closeness, _ in others[:1])])
    ahead = best >= OUTSTANDING and best - next_best >= AHEAD_OF_NEXT
    told = subjects_of(found[at].text) & OF_A_PERSON
    if not ahead or (told and told.isdisjoint(may_ask_about(asked))):
        return []
    return [found[at]]


def nearest(asked: str, found: Sequence[Found]) -> list[Found]:
    """Return the few nearest results; none of them may be an answer."""
    matches = [match for match in _matches(asked, found) if match.found.kind == "memory"]
    matches.sort(key=lambda match: -match.score)
    return [match.found for match in matches[:NEAREST]]


def _alike(match: _Match, best: _Match) -> bool:
    if match.told == best.told == 1 and best.single:
        return True
    return (
        match.score >= best.score * BESIDE_THE_BEST
        and match.told == best.told
        and abs(match.covered - best.covered) < 0.01
    )


def _matches(asked: str, found: Sequence[Found]) -> list[_Match]:
    words = [term for term in content_terms(asked, _EMPTY_WORDS) if any(map(str.isalnum, term))]
    subjects = asked_about(asked)
    near = NEAR if _is_english(asked) else NEAR_ELSEWHERE
    single = not subjects.isdisjoint(SINGLE)
    matches = []
    for one in found:
        there = set(content_terms(f"{one.title} {one.text}"))
        covered = sum(_is_there(word, there) for word in words) / len(words) if words else 0.0
        closeness = 0.0 if one.closeness is None else one.closeness
        matches.append(_Match(one, covered, closeness, told_of(one.text, subjects), near, single))
    return matches


def _is_english(asked: str) -> bool:
    return asked.isascii() and language_of(words_of(asked)) == "english"


def _is_there(word: str, there: set[str]) -> bool:
    if word in there:
        return True
    return len(word) >= TYPED and bool(get_close_matches(word, there, 1, LIKE))
