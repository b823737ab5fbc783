"""Parse the dates in a question: "last week", "in March", "7 May 2023", "3 days ago"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

__all__ = ["DayPattern", "DaySpan", "WhenAsked", "closeness", "days_asked_for"]


@dataclass(frozen=True, slots=True)
class DayPattern:
    """A set of calendar days; a part that is None matches any value."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True)
class DaySpan:
    """The days from ``first`` to ``last``, inclusive."""

    first: date
    last: date


WhenAsked = DayPattern | DaySpan

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORT = [*(name[:3] for name in _MONTHS), "sept"]
_MONTH = rf"(?P<month>{'|'.join([*_MONTHS, *_SHORT])})(?![a-z])\.?"
# The other months are also names of people or ordinary words.
_PLAIN_MONTH = r"(?P<month>january|february|july|september|october|november|december)"
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PATTERNS = [
    re.compile(pattern)
    for pattern in (
        rf"\b{_YEAR}-(?P<number>\d\d)(?:-(?P<day>\d\d))?\b",
        rf"\b{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?\b",
        rf"\b{_MONTH} {_DAY}(?:,? {_YEAR})?\b",
        rf"\b{_MONTH},? (?:of )?{_YEAR}\b",
        rf"\b(?:in|during|last|this|since|until|of|by) (?:early |late |mid-?)?{_MONTH}",
        rf"\b{_PLAIN_MONTH}\b",
        rf"\b(?:in|during|since|of) {_YEAR}\b",
    )
]
_NUMERIC = re.compile(rf"\b(\d{{1,2}})([./-])(\d{{1,2}})\2{_YEAR}\b")
_AGO = re.compile(
    r"\b(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|few|couple of) "
    r"(?P<unit>day|week|month|year)s? ago\b"
)
_COUNTS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_NAMED = re.compile(
    rf"\b(?:(?P<near>today|tonight|yesterday|this morning)"
    rf"|(?P<which>this|last|past) (?P<unit>week|weekend|month|year)"
    rf"|(?:on |last |this )(?P<weekday>{'|'.join(_WEEKDAYS)}))\b"
)


def days_asked_for(text: str, now: datetime) -> tuple[WhenAsked, ...]:
    """Parse the dates in a question, in English words or numbers, relative to ``now``."""
    lowered = " ".join(text.casefold().split())
    found: list[WhenAsked] = [
        one for match in _NUMERIC.finditer(lowered) for one in _numeric(match)
    ]
    lowered = _NUMERIC.sub(" ", lowered)
    for pattern in _PATTERNS:
        for match in pattern.finditer(lowered):
            found.append(_pattern_of(match.groupdict()))
        lowered = pattern.sub(" ", lowered)
    today = now.date()
    found += [_ago(match, today) for match in _AGO.finditer(lowered)]
    found += [_named(match, today) for match in _NAMED.finditer(lowered)]
    return tuple(dict.fromkeys(found))


def _numeric(match: re.Match[str]) -> list[DayPattern]:
    """Return the days that "25.1.2024" may mean; with slashes, the month may come first."""
    one, separator, other = int(match[1]), match[2], int(match[3])
    orders = [(one, other), (other, one)] if separator == "/" else [(one, other)]
    year = int(match["year"])
    return [DayPattern(year, month, day) for day, month in orders if 1 <= month <= 12]


def _pattern_of(parts: dict[str, str | None]) -> DayPattern:
    month, number = parts.get("month"), parts.get("number")
    return DayPattern(
        year=_int(parts.get("year")),
        month=_month_number(month) if month else _int(number),
        day=_int(parts.get("day")),
    )


def _int(text: str | None) -> int | None:
    return int(text) if text else None


def _month_number(name: str) -> int:
    return next(at for at, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]))


def _ago(match: re.Match[str], today: date) -> DaySpan:
    count, unit = match["count"], _UNIT_DAYS[match["unit"]]
    if count.isdecimal():
        number = int(count)
    elif count in _COUNTS:
        number = _COUNTS.index(count) + 1
    else:
        number = 3 if count == "few" else 2 if count.startswith("couple") else 1
    middle = _back(today, number * unit)
    return DaySpan(_back(middle, unit // 2), middle + timedelta(days=unit // 2))


def _named(match: re.Match[str], today: date) -> DaySpan:
    if match["near"]:
        day = _back(today, 1) if match["near"] == "yesterday" else today
        return DaySpan(day, day)
    if match["weekday"]:
        day = _back(today, (today.weekday() - _WEEKDAYS.index(match["weekday"])) % 7 or 7)
        return DaySpan(day, day)
    days = _UNIT_DAYS["week" if match["unit"] == "weekend" else match["unit"]]
    if match["which"] == "this":
        return DaySpan(_back(today, days), today)
    # People use "last week" for anything up to two weeks ago.
    return DaySpan(_back(today, 2 * days), today)


def _back(day: date, days: int) -> date:
    return day - timedelta(days=min(days, (day - date.min).days))


def closeness(
    asked: Sequence[WhenAsked], seconds: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return how well times (seconds since 1970, UTC) fit the question; the best of several.

    The values are 0 outside; 1 in the month, year or span; 3 on the exact day.
    """
    fits = np.zeros(len(seconds))
    if not asked or not len(seconds):
        return fits
    days, back = np.unique(np.floor(seconds / 86_400), return_inverse=True)
    dates = [datetime.fromtimestamp(day * 86_400, UTC).date() for day in days.tolist()]
    for one in asked:
        fits = np.maximum(fits, np.array([_fit(one, day) for day in dates])[back])
    return fits


def _fit(asked: WhenAsked, day: date) -> float:
    if isinstance(asked, DaySpan):
        inside = asked.first <= day <= asked.last
        return 0.0 if not inside else 3.0 if asked.first == asked.last else 1.0
    if asked.year not in (None, day.year) or asked.month not in (None, day.month):
        return 0.0
    return 3.0 if asked.day == day.day else 1.0
