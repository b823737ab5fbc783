"""Find memories that a new one may contradict or update."""

from __future__ import annotations

from collections.abc import Collection
from typing import LiteralString

from discreet.memory.newer import MAX_TERMS, overlap, subject_of
from discreet.memory.tokenizer import CHANGE_TERMS
from discreet.memory.types import ALIVE, COLUMNS, OWN, Memory, memory_of
from discreet.scope import Transaction

__all__ = ["may_be_outdated"]

MAX_FOUND = 3
SAME_SUBJECT, SAME_SUBJECT_CHANGED = 0.6, 0.3
"""Share of the older memory's subject that the newer one must name; the latter applies if it
signals a change.
"""
LOOKED_AT = 200

_SHARING: LiteralString = f"""
    SELECT {COLUMNS}, terms FROM discreet.memories
     WHERE {OWN} AND {ALIVE} AND id <> %(id)s AND terms && %(subject)s
     ORDER BY created_at DESC, id LIMIT %(most)s"""


async def may_be_outdated(tx: Transaction, newer: Memory, terms: Collection[str]) -> list[Memory]:
    """Return memories of the same scope that this one may replace, likeliest first.

    ``terms``: the newer one's bag.
    """
    subject = subject_of(list(terms))
    if not subject or len(terms) > MAX_TERMS:
        return []
    enough = SAME_SUBJECT if CHANGE_TERMS.isdisjoint(terms) else SAME_SUBJECT_CHANGED
    found = await tx.fetch(_SHARING, {"id": newer.id, "subject": list(subject), "most": LOOKED_AT})
    likely = []
    for row in found:
        bag = row.pop("terms")
        share = overlap(subject_of(bag), subject)
        if len(bag) <= MAX_TERMS and share >= enough:
            likely.append((share, memory_of(row)))
    likely.sort(key=lambda one: -one[0])
    return [memory for _, memory in likely[:MAX_FOUND]]
