"""A question made ready for recall: its words, what it asks for, its vector."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from discreet.memory.dates import days_asked_for
from discreet.memory.embedding import Embedder, Vectors
from discreet.memory.ranking import Asked
from discreet.memory.terms import content_terms, words_of

__all__ = ["Query", "ask", "prepare"]

_TIME_QUESTIONS = frozenset(["when", "date", "month", "year", "day", "long"])
_AMOUNTS = frozenset(["many", "much", "long", "often", "old"])


@dataclass(frozen=True, slots=True)
class Query:
    """``vector`` has shape (dimensions,) and is None where the embedder gave none; it is compared
    with the rows that ``embedder`` made."""

    text: str
    asked: Asked
    asked_at: datetime
    embedder: str = ""
    vector: Vectors | None = None


def prepare(text: str, embedder: Embedder | None, *, now: datetime | None = None) -> Query:
    """Makes a query; call it before the scope is entered, because embedding may take its time.

    Without an embedder the query is matched by its words alone.

    Raises:
        Unavailable: the embedder can't be reached.
    """
    asked_at = now or datetime.now(UTC)
    asked = ask(text, asked_at)
    if embedder is None:
        return Query(text, asked, asked_at)
    vector = embedder.embed([text])[0]
    return Query(text, asked, asked_at, embedder.name, vector if vector.any() else None)


def ask(text: str, now: datetime) -> Asked:
    """Takes a question apart; ``now`` is what "last week" is counted from."""
    words = frozenset(words_of(text))
    return Asked(
        words=words,
        terms=tuple(content_terms(text)),
        wants_time=not _TIME_QUESTIONS.isdisjoint(words),
        wants_number="how" in words and not _AMOUNTS.isdisjoint(words),
        days=days_asked_for(text, now),
    )
