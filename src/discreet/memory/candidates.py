"""Load the rows of a scope that may answer a question, in a compact form for ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
import numpy.typing as npt

from discreet.memory.bm25 import Population
from discreet.memory.features import Candidates
from discreet.memory.filters import Filters, Kind
from discreet.memory.indexing import index, mentioning, vector_literal
from discreet.memory.large_scopes import (
    BOUNDED,
    FEW,
    MANY,
    MAX_MESSAGES,
    PER_KIND,
    SAMPLE,
    choosing,
    chosen,
    known_as_large,
    known_as_many,
    newest_since,
    population,
    population_of,
    remember_many,
    remember_size,
)
from discreet.memory.owner_candidates import CANDIDATE, owner_candidates
from discreet.memory.query import Query
from discreet.memory.whole_rows import row_as_json, row_from_json
from discreet.scope import Transaction

__all__ = ["CandidateRows", "candidates_of"]

MAX_UNINDEXED = 5_000
"""Maximum texts without stored terms that one search tokenizes, memories newest first. Takes 0.2 s.
"""


@dataclass(frozen=True, slots=True)
class CandidateRows:
    """Rows as columns of equal length. ``ids``: 16 bytes each, ``kinds``: one letter each.

    ``whole``: the other columns of each row, as JSON, where they were read along. ``since``: when
    the oldest message that was read was stored, None if all were read.
    """

    ids: bytes
    kinds: str
    candidates: Candidates
    whole: Sequence[str | None] = ()
    since: datetime | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    def id_of(self, row: int) -> UUID:
        """Return the id of a row."""
        return UUID(bytes=self.ids[16 * row : 16 * row + 16])

    def kind_of(self, row: int) -> Kind:
        """Return the kind of a row."""
        return _KIND_OF[self.kinds[row]]

    def whole_row(self, row: int) -> dict[str, Any] | None:
        """Return the columns of a row without its id, or None if it wasn't read in full."""
        said = self.whole[row] if self.whole else None
        return None if said is None else row_from_json(self.kind_of(row), said)


_KIND_OF: Mapping[str, Kind] = {"m": "memory", "p": "passage", "s": "message"}
_LETTER_OF = {kind: letter for letter, kind in _KIND_OF.items()}

# Columns of every candidate, in this order: kind, id, bag, terms in it, tokens, cosine,
# conversation, position in it, seconds since 1970, speaker, whether the agent said it, contact,
# salience, text if there is no bag yet, the whole row if there are few. Only vectors of the same
# embedder are compared, because other embedders have other dimensions.
_MEMORIES: LiteralString = """
    SELECT 'm', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms), tokens,
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           NULL::uuid, 0::bigint, extract(epoch FROM created_at)::float8, '', false,
           contact_id,
           array_position(ARRAY['low', 'medium', 'high', 'critical'], salience) - 2,
           CASE WHEN terms = '{}' AND content ~* %(mentioning)s THEN content END, {whole}
      FROM discreet.memories WHERE """
_PASSAGES: LiteralString = """
    SELECT 'p', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms), tokens,
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           NULL::uuid, 0::bigint, extract(epoch FROM created_at)::float8, '', false,
           NULL::uuid, 0, CASE WHEN terms = '{}' THEN content END, {whole}
      FROM discreet.passages WHERE """
_MESSAGES: LiteralString = """
    SELECT 's', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms), tokens,
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           session_id, position,
           extract(epoch FROM coalesce(sent_at, created_at))::float8, sender_name,
           direction = 'out', contact_id, 0,
           CASE WHEN terms IS NULL THEN text END, {whole}
      FROM discreet.messages WHERE """
_SELECT: Mapping[Kind, LiteralString] = {
    "memory": _MEMORIES,
    "passage": _PASSAGES,
    "message": _MESSAGES,
}
# All rows in one, with each column as bytes: reading thousands of rows one by one is far slower.
# Neighbours are adjacent; among equals the newest comes first.
_ALL_IN_ONE: LiteralString = """
    SELECT string_agg(kind, ''), string_agg(uuid_send(id), ''), string_agg(coalesce(bag, ''), ''),
           string_agg(int4send(coalesce(length(bag), 0)), ''),
           string_agg(int4send(coalesce(terms, 0)), ''), string_agg(coalesce(tokens, ''), ''),
           string_agg(int4send(coalesce(octet_length(tokens), 0)), ''),
           string_agg(float8send(coalesce(cosine, 'NaN')), ''),
           string_agg(uuid_send(coalesce(conversation, '00000000-0000-0000-0000-000000000000')),
                      ''),
           string_agg(int8send(position), ''), string_agg(float8send(seconds), ''),
           CASE WHEN bool_or(speaker <> '') THEN array_agg(speaker) END,
           string_agg(CASE WHEN agent THEN '1' ELSE '0' END, ''),
           string_agg(uuid_send(coalesce(contact, '00000000-0000-0000-0000-000000000000')), ''),
           string_agg(int4send(salience), ''),
           CASE WHEN bool_or(text IS NOT NULL) THEN array_agg(text) END, {whole}
           {population}
      FROM (SELECT * FROM ({kinds}) AS every (kind, id, bag, terms, tokens, cosine, conversation,
                                              position, seconds, speaker, agent, contact, salience,
                                              text, whole)
             ORDER BY conversation NULLS FIRST, position, seconds DESC, id) AS candidate"""


async def candidates_of(tx: Transaction, query: Query, filters: Filters) -> CandidateRows:
    """Return every row that passes the filters, or the most promising ones if there are many.

    Expired rows are returned only if the filters ask for them.
    """
    params = filters.params() | {
        "embedder": query.embedder,
        "vector": None if query.vector is None else vector_literal(query.vector),
        "terms": list(query.asked.terms),
        "mentioning": mentioning(query.asked.terms),
        "one_too_many": MANY + 1,
        "sample": SAMPLE,
        "newest": MAX_MESSAGES,
    }
    kinds = filters.wanted()
    if not kinds:
        return CandidateRows(b"", "", Candidates.none())
    where: dict[Kind, LiteralString] = {}
    population_of_owner = None
    if "memory" in kinds and filters.are_wide():
        all_of_them = await owner_candidates(tx, query)
        if all_of_them is not None:
            population_of_owner = all_of_them.population
            params |= all_of_them.params
            where["memory"] = filters.passing("memory") + CANDIDATE
    unchosen = [kind for kind in kinds if kind not in where]
    large = [kind for kind in unchosen if known_as_large(tx.scope, filters, kind)]
    few = not large and not where and not known_as_many(tx.scope, filters)
    while True:
        if "message" in large and "bound" not in params:
            params |= {"bound": await newest_since(tx, filters, params)}
        row = await _fetch(tx, filters, kinds, where, large, params, whole=few)
        grown = _update(tx, filters, unchosen, large, row)
        if grown == large:
            break
        large = grown
    remember_many(tx.scope, filters, many=len(row[0] or "") > FEW)
    known = population_of_owner or (population(row[17:21]) if large else None)
    since = [row[17 + PER_KIND * at + 4] for at, kind in enumerate(large) if kind == "message"]
    return replace(_found(row, known), since=params.get("bound") or next(iter(since), None))


def _update(
    tx: Transaction, filters: Filters, kinds: Sequence[Kind], large: list[Kind], row: Sequence[Any]
) -> list[Kind]:
    """Return the kinds with more rows than are all ranked, and remember them."""
    there = {kind: (row[0] or "").count(_LETTER_OF[kind]) for kind in kinds}
    there |= {kind: row[17 + PER_KIND * at] for at, kind in enumerate(large)}
    for kind in kinds:
        remember_size(tx.scope, filters, kind, large=there[kind] > MANY)
    return [kind for kind in kinds if there[kind] > MANY]


async def _fetch(
    tx: Transaction,
    filters: Filters,
    kinds: Sequence[Kind],
    where: Mapping[Kind, LiteralString],
    large: Sequence[Kind],
    params: Mapping[str, Any],
    *,
    whole: bool,
) -> tuple[Any, ...]:
    """Read candidates of each kind, in full if ``whole``.

    ``where``: the condition for preselected kinds. Candidates of ``large`` kinds are chosen in the
    same statement. For any other kind, one row too many shows that it is large.
    """
    conditions: dict[Kind, LiteralString] = {
        kind: f"{filters.passing(kind)} LIMIT %(one_too_many)s" for kind in kinds
    }
    conditions.update(where)
    conditions.update({kind: chosen(kind) for kind in large})
    bounded: LiteralString = "" if params.get("bound") is None else BOUNDED
    passing: Sequence[tuple[Kind, LiteralString]] = [
        (kind, filters.passing(kind) + (bounded if kind == "message" else "")) for kind in large
    ]
    sql = _statement(tuple(conditions.items()), tuple(passing), whole)
    (row,) = await tx.fetch_tuples(sql, params, binary=True)
    return row


@lru_cache(maxsize=64)
def _statement(
    conditions: tuple[tuple[Kind, LiteralString], ...],
    large: tuple[tuple[Kind, LiteralString], ...],
    whole: bool,
) -> LiteralString:
    """Return the statement for rows of some kinds. It contains no value of a scope or a filter.

    ``conditions``: which rows of each kind. ``large``: the kinds whose candidates are chosen, each
    with the condition that its rows pass.
    """
    every: LiteralString = " UNION ALL ".join(
        [
            "("
            + _SELECT[kind].replace("{whole}", row_as_json(kind) if whole else "NULL")
            + f"{condition})"
            for kind, condition in conditions
        ]
    )
    known: LiteralString = "".join([f", {population_of(kind)}" for kind, _ in large])
    rows: LiteralString = "array_agg(whole)" if whole else "NULL"
    sql = _ALL_IN_ONE.replace("{kinds}", every).replace("{population}", known)
    sql = sql.replace("{whole}", rows)
    if large:
        choices: LiteralString = ",".join([choosing(kind, passing) for kind, passing in large])
        sql = f"WITH {choices} {sql}"
    return sql


def _found(row: tuple[Any, ...], known: Population | None) -> CandidateRows:
    if row[0] is None:
        return CandidateRows(b"", "", Candidates.none())
    kinds, ids, bags, sizes, terms, tokens, token_sizes, cosines, places = row[:9]
    positions, seconds, speakers, agents, contacts, saliences, texts, whole = row[9:17]
    bag_sizes, lengths = _numbers(sizes, ">i4"), _numbers(terms, ">i4").astype(np.float64)
    of_tokens = _numbers(token_sizes, ">i4")
    if texts is not None:
        bags, bag_sizes, lengths, tokens, of_tokens = _indexed_now(
            texts, bags, bag_sizes, lengths, tokens, of_tokens
        )
    count = len(kinds)
    return CandidateRows(
        ids,
        kinds,
        Candidates(
            bags=bags,
            bag_sizes=bag_sizes,
            lengths=lengths,
            tokens=tokens,
            token_sizes=of_tokens,
            cosines=_numbers(cosines, ">f8").astype(np.float64),
            conversations=_neighbourhoods(places, _numbers(positions, ">i8")),
            seconds=_numbers(seconds, ">f8").astype(np.float64),
            speakers=speakers or (),
            agents=np.frombuffer(agents.encode(), dtype=np.uint8) == ord("1"),
            contacts=np.frombuffer(contacts, dtype="V16"),
            saliences=_numbers(saliences, ">i4").astype(np.float64),
            population=known,
            sampled=None if known is None else _lowest(ids, count),
        ),
        whole or (),
    )


def _numbers(sent: bytes, kind: str) -> npt.NDArray[Any]:
    """Decode numbers in PostgreSQL's binary format."""
    return np.frombuffer(sent, dtype=kind)


def _lowest(ids: bytes, count: int) -> npt.NDArray[np.bool_]:
    """Mark the rows with the lowest ids. Ids are random, so these are a sample of all rows."""
    sampled = np.zeros(count, dtype=bool)
    sampled[np.argsort(np.frombuffer(ids, dtype="S16"), kind="stable")[:SAMPLE]] = True
    return sampled


def _indexed_now(
    texts: Sequence[str | None],
    bags: str,
    bag_sizes: npt.NDArray[Any],
    lengths: npt.NDArray[np.float64],
    tokens: bytes,
    token_sizes: npt.NDArray[Any],
) -> tuple[str, npt.NDArray[Any], npt.NDArray[np.float64], bytes, npt.NDArray[Any]]:
    """Index rows that have no stored terms yet, so that they can be matched by words."""
    ends, token_ends = np.cumsum(bag_sizes), np.cumsum(token_sizes)
    of_rows = [
        bags[end - size : end] for end, size in zip(ends.tolist(), bag_sizes.tolist(), strict=True)
    ]
    packed = [
        tokens[end - size : end]
        for end, size in zip(token_ends.tolist(), token_sizes.tolist(), strict=True)
    ]
    lengths = lengths.copy()
    waiting = [at for at, text in enumerate(texts) if text][:MAX_UNINDEXED]
    for at, one in zip(waiting, index([texts[at] or "" for at in waiting], None), strict=True):
        of_rows[at], lengths[at] = f" {'  '.join(one.terms)} ", len(one.terms)
        packed[at] = bytes.fromhex(one.tokens[2:])
    return (
        "".join(of_rows),
        np.array([*map(len, of_rows)]),
        lengths,
        b"".join(packed),
        np.array([*map(len, packed)]),
    )


def _neighbourhoods(places: bytes, positions: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return a number per row, equal for adjacent messages; -1 for rows without neighbours."""
    of_place = np.frombuffer(places, dtype=">u8").reshape(-1, 2)
    lone = ~of_place.any(axis=1)
    goes_on = np.zeros(len(of_place), dtype=bool)
    goes_on[1:] = (of_place[1:] == of_place[:-1]).all(axis=1) & (np.diff(positions) == 1)
    return np.where(lone, -1, np.cumsum(~goes_on))
