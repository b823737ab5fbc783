"""Whom a name means. Names are never unique, so a name alone decides nothing where two bear it."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from discreet.contacts.store import Entry
from discreet.domain.ids import ContactId

_MOST_SUGGESTIONS = 5
_LEAST_SIMILARITY = 75.0  # of 100, rapidfuzz's WRatio


@dataclass(frozen=True, slots=True)
class Found:
    """Exactly one contact has this name, or, where none has, this alias."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several contacts have it; which one is meant must be said by id or address."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody has it. ``similar`` are suggestions to show, best first, never an answer."""

    similar: tuple[Entry, ...]


Resolution = Found | Ambiguous | Unknown


def resolve_name(entries: Sequence[Entry], name: str) -> Resolution:
    """Exact name first, then alias, both without regard to case and Unicode form; never a guess."""
    wanted = _folded(name)
    if not wanted:
        return Unknown(())
    bearers = [entry for entry in entries if _folded(entry.contact.name) == wanted] or [
        entry for entry in entries if wanted in {_folded(alias) for alias in entry.aliases}
    ]
    if len(bearers) == 1:
        return Found(bearers[0])
    if bearers:
        return Ambiguous(tuple(bearers))
    return Unknown(_similar(entries, wanted))


def _similar(entries: Sequence[Entry], wanted: str) -> tuple[Entry, ...]:
    from rapidfuzz import fuzz, process

    spelled = [
        (_folded(spelling), entry)
        for entry in entries
        for spelling in (entry.contact.name, *entry.aliases)
        if spelling
    ]
    hits = process.extract(
        wanted,
        [spelling for spelling, _ in spelled],
        scorer=fuzz.WRatio,
        score_cutoff=_LEAST_SIMILARITY,
        limit=10 * _MOST_SUGGESTIONS,
    )
    ranked: dict[ContactId, Entry] = {}
    for _, _, index in hits:
        entry = spelled[index][1]
        ranked.setdefault(entry.contact.id, entry)
    return tuple(ranked.values())[:_MOST_SUGGESTIONS]


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
