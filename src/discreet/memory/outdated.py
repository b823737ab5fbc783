"""Find memories that a new one may contradict or update."""

from __future__ import annotations

from collections.abc import Collection
from typing import LiteralString

from discreet.memory.languages import DENIES, language_of
from discreet.memory.newer import MAX_TERMS, overlap, subject_of
from discreet.memory.same_person import same_person, tells_of_self
from discreet.memory.tokenizer import (
    CALENDAR_TERMS,
    CHANGE_TERMS,
    DWELLING_TERMS,
    MOVING_TERMS,
    terms_of,
)
from discreet.memory.types import ALIVE, COLUMNS, OWN, Memory, memory_of
from discreet.scope import Transaction

__all__ = ["may_be_outdated", "may_update"]

MAX_FOUND = 3
SAME_SUBJECT, SAME_SUBJECT_CHANGED = 0.6, 0.3
"""Share of the older memory's subject that the newer one must name; the latter applies if it
signals a change.
"""
LOOKED_AT = 200
_MOVED_THINGS = frozenset(
    ("the", "my", "our", "his", "her", "their", "an", "it", "them", "this", "that", "o", "os")
)
"""What follows "moved" where something was moved, in English and Portuguese."""

_SHARING: LiteralString = f"""
    SELECT {COLUMNS}, terms FROM discreet.memories
     WHERE {OWN} AND {ALIVE} AND id <> %(id)s AND terms && %(subject)s
     ORDER BY created_at DESC, id LIMIT %(most)s"""


async def may_be_outdated(tx: Transaction, newer: Memory, terms: Collection[str]) -> list[Memory]:
    """Return memories of the same scope that this one may replace, likeliest first.

    ``terms``: the newer one's bag.
    """
    subject = _subject_of(list(terms))
    if not subject or len(terms) > MAX_TERMS:
        return []
    wanted = subject if MOVING_TERMS.isdisjoint(terms) else subject | DWELLING_TERMS
    found = await tx.fetch(_SHARING, {"id": newer.id, "subject": list(wanted), "most": LOOKED_AT})
    likely = []
    for row in found:
        bag = row.pop("terms")
        older = memory_of(row)
        share = _share(older.content, bag, newer.content, list(terms))
        if share:
            likely.append((share, older))
    likely.sort(key=lambda one: -one[0])
    return [memory for _, memory in likely[:MAX_FOUND]]


def may_update(older: str, newer: str) -> bool:
    """Return whether a newer text may contradict or update an older one."""
    return _share(older, terms_of(older), newer, terms_of(newer)) > 0


def _share(older: str, older_bag: list[str], newer: str, newer_bag: list[str]) -> float:
    """Return how much of the older text's subject the newer one names; 0 if it's about another."""
    if len(older_bag) > MAX_TERMS or len(newer_bag) > MAX_TERMS:
        return 0.0
    subject, named = _subject_of(older_bag), _subject_of(newer_bag)
    enough = SAME_SUBJECT if CHANGE_TERMS.isdisjoint(newer_bag) else SAME_SUBJECT_CHANGED
    shared = subject & named
    if _tells_of_a_move(newer_bag) and (shared or (tells_of_self(older) and tells_of_self(newer))):
        named |= DWELLING_TERMS
    share = overlap(subject, named)
    # "I was in Rome" doesn't contradict "I was in Rome with Tom".
    plain = enough == SAME_SUBJECT and not DENIES.search(newer.casefold())
    if len(subject) == 1 and plain and not _other_time(older_bag, newer_bag):
        return 0.0
    return share if share >= enough and same_person(older, newer) else 0.0


def _subject_of(bag: list[str]) -> frozenset[str]:
    return subject_of(bag, language_of(bag))


def _other_time(older_bag: list[str], newer_bag: list[str]) -> bool:
    """Return whether both name numbers or days, and not the same."""
    before, after = (
        {term for term in bag if term in CALENDAR_TERMS or term.isdecimal()}
        for bag in (older_bag, newer_bag)
    )
    return bool(before and after) and before != after


def _tells_of_a_move(bag: list[str]) -> bool:
    """Return whether somebody moved, rather than moved something: "I moved the boat"."""
    return any(
        one in MOVING_TERMS and next_ not in _MOVED_THINGS
        for one, next_ in zip(bag, [*bag[1:], ""], strict=True)
    )
