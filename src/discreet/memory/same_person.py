"""Tell whether two short texts are about the same person or thing, and the same time."""

from __future__ import annotations

import re
from itertools import takewhile

from discreet.memory.languages import KIN, KIN_IN_RUNS, PAST, SELF, STOP_WORDS
from discreet.memory.tokenizer import words_of

__all__ = ["same_person", "tells_of_self"]

_KIN, _SELF = frozenset(words_of(" ".join(KIN))), frozenset(words_of(" ".join(SELF)))
_DETERMINERS = frozenset(
    words_of(
        "a an the my our his her their der die das mein meine unser unsere ein eine el la los las "
        "mi mis un una le les l mon ma mes notre nos o os as meu minha meus minhas um uma il lo "
        "gli mio mia de het een mijn onze мой моя моё мои наш наша наше наши"
    )
)
_ELIDED_I = re.compile(r"\bj['’]", re.IGNORECASE)
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_FUNCTION_WORDS = frozenset().union(*STOP_WORDS.values())


def same_person(older: str, newer: str) -> bool:
    """Return whether nothing says that these are two people, two things or two times.

    "My brother lives here" and "my sister lives here" are two people; what somebody "used to" do is
    not contradicted by what they do now.
    """
    if PAST.search(" ".join(words_of(older))):
        return False
    one, other = words_of(older), words_of(newer)
    return _same_kin(older, one, newer, other) and not (
        _two_of_a_pair(one, other) or _two_subjects(one, other)
    )


def tells_of_self(text: str) -> bool:
    """Return whether somebody tells of themselves rather than of somebody else."""
    words = words_of(text)
    of_self = bool(_ELIDED_I.search(text)) or not _SELF.isdisjoint(words)
    return of_self and not _kin(text, words)


def _kin(text: str, words: list[str]) -> frozenset[str]:
    found = _KIN.intersection(words) | frozenset(KIN_IN_RUNS.findall(text))
    # The case of a Russian noun is in its ending.
    return frozenset(word[:3] if _CYRILLIC.match(word) else word for word in found)


def _same_kin(older: str, one: list[str], newer: str, other: list[str]) -> bool:
    before, after = _kin(older, one), _kin(newer, other)
    if before and after:
        return not before.isdisjoint(after)
    if before:
        return _SELF.isdisjoint(other)
    return not after or _SELF.isdisjoint(one)


def _two_of_a_pair(one: list[str], other: list[str]) -> bool:
    """Return whether they name the two genders of a word: "hijo" and "hija", "novo" and "nova"."""
    first, second = set(one) - set(other), set(other) - set(one)
    ends = {"o": "a", "a": "o"}
    for word in first:
        plural = "s" if word.endswith("s") else ""
        bare = word.removesuffix("s")
        if len(bare) > 3 and bare[-1] in ends and f"{bare[:-1]}{ends[bare[-1]]}{plural}" in second:
            return True
    return False


def _two_subjects(one: list[str], other: list[str]) -> bool:
    """Return whether both say the same of two: "the red bike is ...", "the blue bike is ..."."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    if not _DETERMINERS.issuperset(one[:same]):
        return False
    rest, others = one[same:], other[same:]
    if min(len(rest), len(others)) < 3 or rest[1] != others[1]:
        return False
    return _FUNCTION_WORDS.isdisjoint((rest[0], others[0]))
