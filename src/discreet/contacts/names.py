"""Resolve names to contacts. Names aren't unique, so an ambiguous name resolves to nothing."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from discreet.contacts.store import Entry, get_entries, named_entries
from discreet.domain.ids import ContactId
from discreet.scope import Transaction

_MAX_SUGGESTIONS = 5
_LEAST_SIMILARITY = 75.0  # of 100, rapidfuzz's WRatio


@dataclass(frozen=True, slots=True)
class FoundName:
    """Exactly one contact has this name, or else this alias."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class AmbiguousName:
    """Several contacts have this name; use an id or address instead."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class UnknownName:
    """No contact has this name. ``similar`` are suggestions to show, best first."""

    similar: tuple[Entry, ...]


Resolution = FoundName | AmbiguousName | UnknownName
Named = tuple[ContactId, str, Sequence[str]]
"""A contact's id, name and aliases."""


class Match(NamedTuple):
    """The contacts that a name matches; ``exact`` is False if they are only similar."""

    ids: tuple[ContactId, ...]
    exact: bool


async def resolve_name(tx: Transaction, name: str) -> Resolution:
    """Resolve an exact name, or else an alias, ignoring case and Unicode form; never guess.

    Names are compared here, because no index folds them in the same way. Only if nobody has this
    one are all of them read, for suggestions. Only the matches are read in full.
    """
    match = match_name(await named_entries(tx, folded(name)), name, suggest=False)
    if not match.exact:
        match = await asyncio.to_thread(match_name, await named_entries(tx), name)
    entries = tuple(await get_entries(tx, match.ids))
    if not match.exact:
        return UnknownName(entries)
    return FoundName(entries[0]) if len(entries) == 1 else AmbiguousName(entries)


async def resolve_part_of_name(tx: Transaction, name: str) -> FoundName | AmbiguousName | None:
    """Find the contacts whose name or alias contains each of these words, such as a first name.

    For people at a keyboard, who see whom they found; programs must use the full name.
    """
    found = await asyncio.to_thread(_match_words, await named_entries(tx), name)
    entries = tuple(await get_entries(tx, found))
    match entries:
        case ():
            return None
        case (entry,):
            return FoundName(entry)
        case _:
            return AmbiguousName(entries)


def _match_words(named: Sequence[Named], name: str) -> tuple[ContactId, ...]:
    wanted = set(folded(name).split())
    if not wanted:
        return ()
    return tuple(
        of
        for of, borne, aliases in named
        if any(wanted <= set(folded(spelling).split()) for spelling in (borne, *aliases))
    )[: _MAX_SUGGESTIONS + 1]


def match_name(named: Sequence[Named], name: str, *, suggest: bool = True) -> Match:
    """Return the contacts with this name, or else this alias, or else similar ones to suggest."""
    wanted = folded(name)
    if not wanted:
        return Match((), exact=False)
    bearers = [of for of, borne, _ in named if folded(borne) == wanted] or [
        of for of, _, aliases in named if any(folded(alias) == wanted for alias in aliases)
    ]
    if bearers:
        return Match(tuple(bearers), exact=True)
    if not suggest:
        return Match((), exact=False)
    return Match(_similar(named, wanted), exact=False)


def _similar(named: Sequence[Named], wanted: str) -> tuple[ContactId, ...]:
    from rapidfuzz import fuzz, process

    spelled = [
        (folded(spelling), of)
        for of, borne, aliases in named
        for spelling in (borne, *aliases)
        if spelling
    ]
    hits = process.extract(
        wanted,
        [spelling for spelling, _ in spelled],
        scorer=fuzz.WRatio,
        score_cutoff=_LEAST_SIMILARITY,
        limit=10 * _MAX_SUGGESTIONS,
    )
    ranked = dict.fromkeys(spelled[index][1] for _, _, index in hits)
    return tuple(ranked)[:_MAX_SUGGESTIONS]


def folded(name: str) -> str:
    """Return a name for comparisons: without case, Unicode form and extra spaces."""
    if name.isascii():
        return " ".join(name.lower().split())
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
