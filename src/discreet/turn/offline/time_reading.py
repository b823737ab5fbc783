"""Find the times in a request for a reminder, on the clock of the one who asks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache

from discreet.turn.offline.time_words import TimeWords

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ARTICLES = frozenset({"a", "an", "ein", "eine", "einer", "einem"})
"""Words for one that are no hour: "at a party"."""
NO_DAY = date.min
"""A date that isn't in the calendar."""
_PER = {1440: "DAILY", 10080: "WEEKLY", 60: "HOURLY"}


@dataclass(frozen=True, slots=True)
class When:
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


def find_times(folded: str, words: TimeWords, now: datetime) -> list[When]:
    """Return the times in a text; those that stand together are one."""
    return _combined(_all_times(folded, words, now), folded)


def _all_times(folded: str, words: TimeWords, now: datetime) -> list[When]:
    """Return the times in a text that don't overlap, longer patterns first."""
    taken = [False] * len(folded)
    found: list[When] = []
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
    ordinals = sorted(words.ordinals, key=len, reverse=True)
    day_word = f"(?P<dayword>{'|'.join(ordinals)})"
    months = "|".join(f"(?P<m{n}>{way})" for n, way in enumerate(words.months, 1))

    def pattern(way: str) -> re.Pattern[str]:
        return _compiled(way, spaced=words.spaced)

    def counted(way: str) -> re.Pattern[str]:
        unit = "|".join(words.units)
        for name, one in (("n", number), ("n2", number), ("unit", unit), ("unit2", unit)):
            way = way.replace(f"{{{name}}}", f"(?P<{name}>{one})")
        return pattern(way)

    for way, rule in words.every.items():
        if "{weekday}" in way:
            for day, name in enumerate(words.weekdays):
                yield pattern(way.replace("{weekday}", f"(?:{name})")), ("every", (rule, day))
        else:
            yield counted(way), ("every", (rule, None))
    for way in _ways_of(words.within):
        yield counted(way), ("minutes", None)
    for way, minutes in words.more.items():
        yield pattern(way), ("minutes", minutes)
    for way in words.dates:
        yield (
            pattern(way.format(on=words.on, month=f"(?:{months})", day=day_word, n=number)),
            ("date", None),
        )
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
) -> When | None:
    start, end = match.span()
    groups = {name: value for name, value in match.groupdict().items() if value is not None}
    kind, given = read
    here = When(start, end)
    match kind:
        case "every":
            assert isinstance(given, tuple)  # noqa: S101 - built above
            rule, day = given
            return _every(here, rule, day, groups, words)
        case "minutes":
            if isinstance(given, int):
                return replace(here, minutes=given)
            unit = _unit(groups["unit"], words)
            minutes = (_number(groups["n"], words) if "n" in groups else 1) * unit
            if "half" in groups:
                minutes += unit // 2
            if "n2" in groups:
                minutes += _number(groups["n2"], words) * _unit(groups["unit2"], words)
            return replace(here, minutes=minutes)
        case "date":
            return _date(here, groups, words, now)
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
    here: When, rule: str, day: int | None, groups: Mapping[str, str], words: TimeWords
) -> When | None:
    if day is not None:
        return replace(here, rule=rule.replace("{day}", DAYS[day]), weekday=day)
    if rule != "{per}":
        return replace(here, rule=rule)
    per = _PER.get(_unit(groups["unit"], words))
    count = _number(groups["n"], words)
    return (
        None
        if per is None or not 1 <= count <= 366
        else replace(here, rule=f"FREQ={per};INTERVAL={count}")
    )


def _date(here: When, groups: Mapping[str, str], words: TimeWords, now: datetime) -> When | None:
    month = next(
        (int(name[1:]) for name in groups if re.fullmatch(r"m\d+", name)), int(groups.get("mo", 0))
    )
    if "monthword" in groups:
        month = _number(groups["monthword"], words)
    if "dayword" in groups:
        number = words.ordinals[groups["dayword"]]
    else:
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


def _clock(here: When, groups: Mapping[str, str], words: TimeWords) -> When | None:
    if "noon" in groups:
        return replace(here, clock=time(12), is_certain=True)
    if "midnight" in groups:
        return replace(here, clock=time(0), is_certain=True)
    if "noonhalf" in groups:
        return replace(here, clock=time(12, 30), is_certain=True)
    hour, minute = _hour_and_minute(groups, words)
    if "pm" in groups and hour < 12:
        hour += 12
    if "am" in groups and hour == 12:
        hour = 0
    if not (0 <= hour <= 24 and 0 <= minute < 60):
        return None
    certain = bool(groups.keys() & {"am", "pm"}) or hour > 12 or (hour == 0)
    return replace(here, clock=time(hour % 24, minute), is_certain=certain)


def _hour_and_minute(groups: Mapping[str, str], words: TimeWords) -> tuple[int, int]:
    """Return what a clock shows; the hour is one of the dial, as it was said."""
    behind = {"half": 30, "quarter": 15, "third": 20}
    ahead = {"less": 15, "less2": 15, "thirdless": 20, "hhalf": 30, "prev": 60}
    name = next(one for one in ("h", *ahead) if one in groups)
    minutes = _number(groups[name], words) * 60 - ahead.get(name, 0)
    minutes += next((many for one, many in behind.items() if one in groups), 0)
    if "quarterless" in groups:
        minutes -= 15
    if "m" in groups:
        minutes += _number(groups["m"], words)
    if "to" in groups:
        minutes -= _number(groups["to"], words)
    if minutes < 60 and name != "h":
        minutes += 12 * 60  # a quarter to one
    if "m" in groups and _number(groups["m"], words) >= 60:
        return 25, 0
    return divmod(minutes, 60)


def _combined(found: list[When], folded: str) -> list[When]:
    """Join times that stand together, such as a day and an hour, into one."""
    joined: list[When] = []
    for one in found:
        between = folded[joined[-1].end : one.start] if joined else ""
        near = re.fullmatch(r"[\s,،，的]*(?:(?:and|und|et|y|e|и|um|at|on|a|à)\s+)?", between)
        if joined and near and _fits(joined[-1], one):
            last = joined[-1]
            joined[-1] = When(
                last.start, one.end,
                day=last.day or one.day, clock=last.clock or one.clock,
                is_certain=last.is_certain or one.is_certain,
                minutes=last.minutes if last.minutes is not None else one.minutes,
                span=last.span if last.span is not None else one.span,
                rule=_merged_rule(last.rule, one.rule) or last.rule or one.rule,
                weekday=last.weekday if last.weekday is not None else one.weekday,
            )  # fmt: skip
        else:
            joined.append(one)
    return joined


def _fits(one: When, other: When) -> bool:
    return not (
        (one.clock is not None and other.clock is not None)
        or (one.span is not None and other.span is not None)
        or not _in_days(one, other)
        or not _in_days(other, one)
        or (one.rule and other.rule and not _merged_rule(one.rule, other.rule))
        or ((one.day or one.weekday is not None) and (other.day or other.weekday is not None))
    )


def _in_days(one: When, other: When) -> bool:
    """Return whether what is so long from now can have another time of that day."""
    if one.minutes is None:
        return True
    return one.minutes % 1440 == 0 and other.minutes is None and not (other.rule or other.weekday)


def _merged_rule(one: str, other: str) -> str:
    """Return the rule of "every two weeks" and "on Mondays" together; empty: they don't fit."""
    every, on = sorted((one, other), key=lambda rule: "BYDAY" in rule)
    if re.fullmatch(r"FREQ=WEEKLY;INTERVAL=\d+", every) and re.fullmatch(
        "FREQ=WEEKLY;BYDAY=..", on
    ):
        return f"{every};{on.partition(';')[2]}"
    return ""
