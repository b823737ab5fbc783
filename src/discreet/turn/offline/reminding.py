"""Parse a request for a reminder: what to say, and when, on the clock of the one who asks.

The time stands directly before or behind the request, or at the end of the sentence. Other times in
it belong to what is to be said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache

from discreet.turn.offline.patterns import Language
from discreet.turn.offline.time_words import MORNING, TIME_WORDS, TimeWords

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u064b-\u0652\u0640\ufeff]")
_ALIF = str.maketrans("أإآٱةى", "ااااهي")
_END = " \t\n.!?…،,;:。！？，；：؟¿¡吗吧"
ARTICLES = frozenset({"a", "an", "ein", "eine", "einer", "einem"})
"""Words for one that are no hour: "at a party"."""
NO_DAY = date.min
"""A date that isn't in the calendar."""
_PER = {1440: "DAILY", 10080: "WEEKLY", 60: "HOURLY"}


@dataclass(frozen=True, slots=True)
class ReminderRequest:
    """A request. ``at`` is on the clock of the one who asks; None: no time was found.

    ``text``: what to say; empty: nothing was said. ``rule``: how it recurs (RFC 5545), or empty.
    """

    text: str
    at: datetime | None
    rule: str
    language: Language


@dataclass(frozen=True, slots=True)
class _When:
    """What was found of a time."""

    start: int
    end: int
    day: date | None = None
    clock: time | None = None
    is_certain: bool = False
    minutes: int | None = None
    span: int | None = None
    rule: str = ""
    weekday: int | None = None


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
        before, after = asked
        found = _combined(_all_times(folded, words, now), folded)
        when = _chosen(found, folded, words, before, after)
        if not _says_nothing(folded[:before], words, when):
            continue
        kept = _kept(text, folded, words, after, when)
        at, rule = _moment(when, now) if when else (None, "")
        return ReminderRequest(kept, at, rule, language)
    return None


def _folded(text: str) -> str:
    """Return the text in lower case with one form of each letter, and of the same length."""
    lower = text.lower()
    return (lower if len(lower) == len(text) else text).translate(_ALIF)


def _asked(folded: str, words: TimeWords) -> tuple[int, int] | None:
    """Return where the request begins and where it ends."""
    if words.ask_later and (later := re.search(words.ask_later, folded)):
        group = "rest" if later["rest"] is not None else "rest2"
        return later.start(), later.start(group)
    edge, end = (r"(?<!\w)", r"(?!\w)") if words.spaced else ("", "")
    found = re.search(f"{edge}(?:{words.ask}){end}", folded)
    return None if found is None else found.span()


def _says_nothing(before: str, words: TimeWords, when: _When | None) -> bool:
    """Return whether only a time and polite words stand before the request."""
    rest = before if when is None else before[: when.start] + before[when.end :]
    rest = re.sub(words.opening, " ", rest)
    return not rest.strip(_END + "-—–@")


def _all_times(folded: str, words: TimeWords, now: datetime) -> list[_When]:
    """Return the times in a text that don't overlap, longer patterns first."""
    taken = [False] * len(folded)
    found: list[_When] = []
    for pattern, read in _patterns(words):
        for match in pattern.finditer(folded):
            start, end = match.span()
            if start == end and match.re.groups == 0 and read[0] not in ("day", "every"):
                continue
            if any(taken[start:end]):
                continue
            when = _read(match, read, words, now)
            if when is not None:
                taken[start:end] = [True] * (end - start)
                found.append(when)
    return sorted(found, key=lambda one: one.start)


@cache
def _compiled(pattern: str, *, spaced: bool) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)" if spaced else pattern)


def _patterns(words: TimeWords) -> Iterator[tuple[re.Pattern[str], tuple[str, object]]]:
    longest = sorted(words.numbers, key=len, reverse=True)
    number = rf"(?:\d+|{'|'.join(longest)})"
    hour = rf"(?:\d+|{'|'.join(one for one in longest if one not in ARTICLES)})"
    months = "|".join(f"(?P<m{n}>{way})" for n, way in enumerate(words.months, 1))

    def pattern(way: str) -> re.Pattern[str]:
        return _compiled(way, spaced=words.spaced)

    def counted(way: str) -> re.Pattern[str]:
        unit = f"(?P<unit>{'|'.join(words.units)})"
        return pattern(way.replace("{n}", f"(?P<n>{number})").replace("{unit}", unit))

    for way, rule in words.every.items():
        if "{weekday}" in way:
            for day, name in enumerate(words.weekdays):
                yield pattern(way.replace("{weekday}", f"(?:{name})")), ("every", (rule, day))
        else:
            yield counted(way), ("every", (rule, None))
    for way, minutes in words.more.items():
        yield pattern(way), ("minutes", minutes)
    for way in _ways_of(words.within):
        yield counted(way), ("minutes", None)
    for way in words.dates:
        yield pattern(way.format(on=words.on, month=f"(?:{months})")), ("date", None)
    iso = r"(?:(?:on|am|el|le|em|в|في) )?(?P<y>\d{4})-(?P<mo>\d{2})-(?P<d>\d{2})"
    yield pattern(iso), ("date", None)
    # "A quarter to 9 pm" before "9 pm".
    for way in sorted(words.clock, key=lambda one: not re.search("quarter|less", one)):
        yield pattern(way.replace("{n}", hour)), ("clock", None)
    for way, offset in words.days.items():
        yield pattern(way), ("day", offset)
    for day, name in enumerate(words.weekdays):
        yield pattern(f"{words.on}(?:{name}){words.after}"), ("weekday", day)
    for way, usual in words.spans.items():
        yield pattern(way), ("span", usual)


def _ways_of(within: str) -> list[str]:
    """Split alternatives that each have their own number, since a group may be named once."""
    parts, depth, current = [], 0, ""
    for char in within:
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += char
    return [*parts, current]


def _number(text: str, words: TimeWords) -> int:
    return int(text) if text.isdigit() else words.numbers.get(text, 1)


def _unit(text: str, words: TimeWords) -> int:
    return next(minutes for way, minutes in words.units.items() if re.fullmatch(way, text))


def _read(
    match: re.Match[str], read: tuple[str, object], words: TimeWords, now: datetime
) -> _When | None:
    start, end = match.span()
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    kind, given = read
    here = _When(start, end)
    match kind:
        case "every":
            assert isinstance(given, tuple)  # noqa: S101 - built above
            rule, day = given
            return _every(here, rule, day, groups, words)
        case "minutes":
            if isinstance(given, int):
                return replace(here, minutes=given)
            count = _number(groups["n"], words) if "n" in groups else 1
            return replace(here, minutes=count * _unit(groups["unit"], words))
        case "date":
            return _date(here, groups, now)
        case "clock":
            return _clock(here, groups, words)
        case "day":
            assert isinstance(given, int)  # noqa: S101
            return replace(here, day=now.date() + timedelta(days=given))
        case "weekday":
            assert isinstance(given, int)  # noqa: S101
            return replace(here, weekday=given)
        case _:
            assert isinstance(given, int)  # noqa: S101
            return replace(here, span=given)


def _every(
    here: _When, rule: str, day: int | None, groups: Mapping[str, str], words: TimeWords
) -> _When | None:
    if day is not None:
        return replace(here, rule=rule.replace("{day}", _DAYS[day]), weekday=day)
    if rule != "{per}":
        return replace(here, rule=rule)
    per = _PER.get(_unit(groups["unit"], words))
    count = _number(groups["n"], words)
    return (
        None
        if per is None or not 1 <= count <= 366
        else replace(here, rule=f"FREQ={per};INTERVAL={count}")
    )


def _date(here: _When, groups: Mapping[str, str], now: datetime) -> _When | None:
    month = next(
        (int(name[1:]) for name in groups if re.fullmatch(r"m\d+", name)), int(groups.get("mo", 0))
    )
    number = int(re.sub(r"\D", "", groups.get("d") or groups["d2"]))
    if month == 0:
        return replace(here, day=_next_of_month(number, now.date()))
    year = int(groups["y"]) if "y" in groups else now.year
    try:
        day = date(year, month, number)
        if "y" not in groups and day < now.date():
            day = date(year + 1, month, number)
    except ValueError:
        day = NO_DAY
    return replace(here, day=day)


def _next_of_month(number: int, today: date) -> date:
    """Return the next day of this number; ``NO_DAY`` if no month has it."""
    for ahead in range(13):
        month = today.month - 1 + ahead
        try:
            day = date(today.year + month // 12, month % 12 + 1, number)
        except ValueError:
            continue
        if day >= today:
            return day
    return NO_DAY


def _clock(here: _When, groups: Mapping[str, str], words: TimeWords) -> _When | None:
    if "noon" in groups:
        return replace(here, clock=time(12), is_certain=True)
    if "midnight" in groups:
        return replace(here, clock=time(0), is_certain=True)
    half = "hhalf" in groups
    less = "less" in groups
    hour = _number(groups["hhalf" if half else "less" if less else "h"], words)
    minute = 45 if less else 30 if half or "half" in groups else 15 if "quarter" in groups else 0
    minute = _number(groups["m"], words) if groups.get("m") else minute
    hour = (hour - (half or less)) % 24 if half or less else hour
    if "pm" in groups and hour < 12:
        hour += 12
    if "am" in groups and hour == 12:
        hour = 0
    if not (0 <= hour <= 24 and 0 <= minute < 60):
        return None
    certain = bool(groups.keys() & {"am", "pm"}) or hour > 12 or (hour == 0)
    return replace(here, clock=time(hour % 24, minute), is_certain=certain)


def _combined(found: list[_When], folded: str) -> list[_When]:
    """Join times that stand together, such as a day and an hour, into one."""
    joined: list[_When] = []
    for one in found:
        between = folded[joined[-1].end : one.start] if joined else ""
        near = re.fullmatch(r"[\s,،，的]*(?:(?:and|und|et|y|e|и|um|at|on|a|à)\s+)?", between)
        if joined and near and _fits(joined[-1], one):
            last = joined[-1]
            joined[-1] = _When(
                last.start, one.end,
                day=last.day or one.day, clock=last.clock or one.clock,
                is_certain=last.is_certain or one.is_certain,
                minutes=last.minutes if last.minutes is not None else one.minutes,
                span=last.span if last.span is not None else one.span,
                rule=last.rule or one.rule,
                weekday=last.weekday if last.weekday is not None else one.weekday,
            )  # fmt: skip
        else:
            joined.append(one)
    return joined


def _fits(one: _When, other: _When) -> bool:
    return not (
        (one.clock is not None and other.clock is not None)
        or (one.span is not None and other.span is not None)
        or one.minutes is not None
        or other.minutes is not None
        or (one.rule and other.rule)
        or ((one.day or one.weekday is not None) and (other.day or other.weekday is not None))
    )


def _chosen(
    found: list[_When], folded: str, words: TimeWords, before: int, after: int
) -> _When | None:
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


def _kept(text: str, folded: str, words: TimeWords, after: int, when: _When | None) -> str:
    """Return what to say: what is left behind the request, in the asker's own words."""
    parts = [(after, len(text))]
    if words.ask_later and (later := re.search(words.ask_later, folded)):
        group = "rest" if later["rest"] is not None else "rest2"
        parts = [later.span(group)]
    if when is not None and when.start >= after:
        [(start, end)] = parts
        parts = [(start, when.start), (min(when.end, end), end)]
    rest = " ".join(text[start:end].strip() for start, end in parts).strip(_END)
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


def _moment(when: _When, now: datetime) -> tuple[datetime | None, str]:
    if when.day == NO_DAY:
        return None, ""
    if when.minutes is not None:
        return (now + timedelta(minutes=when.minutes)).replace(microsecond=0), when.rule
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
