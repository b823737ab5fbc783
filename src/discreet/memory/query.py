"""Prepare a question for recall: its words, its subject, its vectors."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from discreet.domain.text import valid_unicode
from discreet.memory.embedding import Embedder, Vectors, bundled_embedder
from discreet.memory.features import Asked
from discreet.memory.languages import language_of
from discreet.memory.phrasing import subject_of_question
from discreet.memory.spaces import embeds_quickly, space_for
from discreet.memory.temporal import days_asked_for
from discreet.memory.token_vectors import is_word, table_share, word_vectors
from discreet.memory.tokenizer import content_words, words_of

__all__ = ["Query", "ask", "prepare", "prepare_soon"]

_TIME_QUESTIONS = frozenset(["when", "date", "month", "year", "day", "long"])
_AMOUNTS = frozenset(["many", "much", "long", "often", "old"])
_OVERVIEWS = frozenset(
    (
        *("summary", "summarize", "summarise", "recap", "overview", "zusammenfassung"),
        *("zusammenfassen", "resumen", "resume", "resumir", "resumer", "resumo", "riassunto"),
        *("samenvatting", "ozet", "сводка", "подытожь", "ملخص", "सारांश", "总结", "要約", "요약"),
    )
)
# Questions about the agent's words use the past tense: "can you suggest" asks for something new.
_OF_AGENT = re.compile(
    r"\b(?:did|have|had|were|was) you\b"
    r"|\byou(?:'ve|'d)?(?: \w+ly)? (?:said|told|gave|recommended|suggested|advised|proposed"
    r"|mentioned|explained|listed|described|outlined|provided|offered|helped|showed|wrote)\b"
    r"|\byour (?:advice|suggest\w+|recommend\w+|answers?|explanations?|tips)\b"
    r"|\b(?:hast|hattest) du\b|\b(?:haben|hatten) sie\b|\b(?:as|avais)-tu\b|\bavez-vous\b"
    r"|\btu m'as\b|\bme (?:dijiste|recomendaste|sugeriste|disseste|recomendaste)\b"
    r"|\bты (?:мне )?(?:говорил|сказал|советовал|предлагал)"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A prepared question.

    ``vector`` has shape (dimensions,), or is None without an embedder. It is compared only with
    vectors made by ``embedder``.
    """

    text: str
    asked: Asked
    asked_at: datetime
    embedder: str = ""
    vector: Vectors | None = None


def prepare(text: str, embedder: Embedder | None, *, now: datetime | None = None) -> Query:
    """Prepare a query. Call it before the transaction begins, because embedding may be slow.

    Without an embedder the query is matched by words alone.

    Raises:
        Unavailable: the embedder can't be reached.
    """
    asked_at = now or datetime.now(UTC)
    text = valid_unicode(text)
    asked = ask(text, asked_at)
    if embedder is None:
        return Query(text, asked, asked_at)
    space, subject = space_for(embedder, text), subject_of_question(text)
    vector = space.embed([subject])[0]
    if not vector.any():
        return Query(text, asked, asked_at, space.name)
    if space.name != bundled_embedder().name:
        asked = replace(asked, table_share=table_share(list(content_words(subject).values())))
    return Query(text, asked, asked_at, space.name, vector)


async def prepare_soon(text: str, embedder: Embedder) -> Query:
    """Prepare a query without holding up others for longer than handing it to a thread would.

    Raises: as ``prepare``.
    """
    if embeds_quickly(text, embedder):
        return prepare(text, embedder)
    return await asyncio.to_thread(prepare, text, embedder)


def ask(text: str, now: datetime) -> Asked:
    """Analyze a question. ``now`` is the reference for phrases such as "last week"."""
    text = valid_unicode(text)
    words = frozenset(words_of(text))
    subject = subject_of_question(text)
    content = content_words(subject)
    return Asked(
        words=words,
        terms=tuple(content),
        vectors=word_vectors(list(content.values())),
        whole=bundled_embedder().embed([subject.casefold()])[0],
        wants_time=not _TIME_QUESTIONS.isdisjoint(words),
        wants_number="how" in words and not _AMOUNTS.isdisjoint(words),
        of_agent=bool(_OF_AGENT.search(text.casefold())),
        means_something=language_of(words) != "english" or any(map(is_word, content.values())),
        in_short=not _OVERVIEWS.isdisjoint(words),
        days=days_asked_for(text, now),
    )
