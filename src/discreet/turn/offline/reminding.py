"""Parse a request for a reminder: what to say, and when, on the clock of the one who asks.

The time stands directly before or behind the request, or at the end of the sentence. Other times in
it belong to what is to be said.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from discreet.turn.offline.patterns import Language
from discreet.turn.offline.time_reading import DAYS, NO_DAY, When, find_times
from discreet.turn.offline.time_words import MORNING, TIME_WORDS, TimeWords

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u064b-\u0652\u0640\ufeff]")
_ALIF = str.maketrans("أإآٱةى", "ااااهي")
_END = " \t\n.!?…،,;:。！？，；：؟¿¡吗吧"


@dataclass(frozen=True, slots=True)
class ReminderRequest:
    """A request. ``at`` is on the clock of the one who asks; None: no time was found.

    ``text``: what to say; empty: nothing was said. ``rule``: how it recurs (RFC 5545), or empty.
    """

    text: str
    at: datetime | None
    rule: str
    language: Language


def parse_reminder(sentence: str, now: datetime) -> ReminderRequest | None:
    """Return the request in a sentence, or None if it asks for none.

    ``now``: the time on the clock of the one who asks.
    """
    text = _MARKS.sub("", unicodedata.normalize("NFC", sentence)).replace("’", "'").strip()
    folded = _folded(text)
    for language, words in TIME_WORDS.items():
        asked = _asked(folded, words)
        if asked is None:
            continue
        before, after, is_weak = asked
        found = find_times(folded, words, now)
        when = _chosen(found, folded, words, before, after)
        if not _says_nothing(folded[:before], words, when) or (is_weak and when is None):
            continue
        kept = _kept(text, folded, words, after, when)
        at, rule = _moment(when, now) if when else (None, "")
        return ReminderRequest(kept, at, rule, language)
    return None


def _folded(text: str) -> str:
    """Return the text in lower case with one form of each letter, and of the same length."""
    lower = text.lower()
    return (lower if len(lower) == len(text) else text).translate(_ALIF)


def _asked(folded: str, words: TimeWords) -> tuple[int, int, bool] | None:
    """Return where the request begins and ends, and whether it needs a time to be one."""
    if words.ask_later and (later := re.search(words.ask_later, folded)):
        return later.start(), later.start("rest"), False
    edge, end = (r"(?<!\w)", r"(?!\w)") if words.spaced else ("", "")
    for way, is_weak in ((words.ask, False), (words.weak, True)):
        if way and (found := re.search(f"{edge}(?:{way}){end}", folded)):
            return found.start(), found.end(), is_weak
    return None


def _says_nothing(before: str, words: TimeWords, when: When | None) -> bool:
    """Return whether only a time and polite words stand before the request."""
    rest = before if when is None else before[: when.start] + before[when.end :]
    rest = re.sub(words.opening, " ", rest)
    return not rest.strip(_END + "-—–@")


def _chosen(
    found: list[When], folded: str, words: TimeWords, before: int, after: int
) -> When | None:
    """Return the time that belongs to the request."""
    ahead = [one for one in found if one.end <= before]
    if ahead:
        return ahead[-1]
    behind = [one for one in found if one.start >= after]
    empty = rf"(?<!\w)(?:{words.linking}|{words.opening})"
    for one in behind:
        between = re.sub(empty, "", folded[after : one.start])
        if not between.strip(_END):
            return one
    ending = [one for one in behind if not folded[one.end :].strip(_END + "erinnern")]
    if ending:
        return ending[-1]
    return behind[0] if behind else None


def _kept(text: str, folded: str, words: TimeWords, after: int, when: When | None) -> str:
    """Return what to say: what is left behind the request, in the asker's own words."""
    parts = [(after, len(text))]
    if words.ask_later and (later := re.search(words.ask_later, folded)):
        parts = [later.span("rest"), later.span("tail")]
    if when is not None and when.start >= after:
        parts = [
            piece
            for start, end in parts
            for piece in ((start, min(when.start, end)), (max(when.end, start), end))
        ]
    rest = " ".join(text[start:end].strip(_END) for start, end in parts if start < end).strip(_END)
    link = rf"(?:{words.linking})" + (r"(?!\w)" if words.spaced else "")
    joining = {"fr": r"(?:de |d'|que |qu')"}
    for _ in range(3):
        lower = _folded(rest)
        way = joining["fr"] if "d'" in words.linking else link
        if "ب(?=" in words.linking:
            way = r"(?:ان |بان |انه |ب(?=\w{3}))"
        found = re.match(way, lower)
        if found is None:
            break
        rest = rest[found.end() :].lstrip(_END)
    return rest.strip()


def _moment(when: When, now: datetime) -> tuple[datetime | None, str]:
    if when.day == NO_DAY:
        return None, ""
    if when.minutes is not None:
        if when.clock is None and when.span is None and when.day is None:
            return (now + timedelta(minutes=when.minutes)).replace(microsecond=0), when.rule
        day = (when.day or now.date()) + timedelta(minutes=when.minutes)
        when = replace(when, minutes=None, day=day)
    clock, certain = when.clock, when.is_certain
    if clock is not None and when.span is not None and not certain:
        if when.span > 12 and clock.hour < 12:
            clock = clock.replace(hour=clock.hour + 12)
        certain = True
    if clock is None and when.span is not None:
        clock, certain = time(when.span), True
    if clock is None and when.rule.startswith("FREQ=HOURLY"):
        every = int(when.rule.partition("INTERVAL=")[2] or 1)
        return (now + timedelta(hours=every)).replace(microsecond=0), when.rule
    if when.day is None and when.weekday is None and not when.rule:
        return (None if clock is None else _next_on_clock(clock, now, certain=certain)), ""
    if clock is None:
        clock = time(MORNING)
        if when.day == now.date() and not when.rule:
            return None, ""
    if when.day is not None:
        at = datetime.combine(when.day, clock)
        if at <= now and not certain and clock.hour < 12:
            at = datetime.combine(when.day, clock.replace(hour=clock.hour + 12))
        return at, when.rule
    at = datetime.combine(now.date(), clock)
    if when.weekday is not None:
        at += timedelta(days=(when.weekday - now.weekday()) % 7)
    if at <= now:
        at += timedelta(days=7 if when.weekday is not None else 1)
    if when.weekday is not None and re.fullmatch(r"FREQ=WEEKLY;INTERVAL=\d+", when.rule):
        return at, f"{when.rule};BYDAY={DAYS[when.weekday]}"
    if when.rule.startswith("FREQ=WEEKLY;BYDAY=MO,TU"):
        while at.weekday() > 4:
            at += timedelta(days=1)
    return at, when.rule


def _next_on_clock(clock: time, now: datetime, *, certain: bool) -> datetime:
    """Return the next time that the clock shows this, on a round dial unless it is certain."""
    found = [datetime.combine(now.date(), clock)]
    if not certain and 1 <= clock.hour < 12:
        found.append(found[0] + timedelta(hours=12))
    return min(one if one > now else one + timedelta(days=1) for one in found)
