"""Recurrence rules as in RFC 5545, in the clock time of a time zone.

The time on the clock stays when daylight saving begins or ends. A time that the clock skips is
taken by the offset before the gap (02:30 becomes 03:30); of a time that it shows twice, the first
counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, pairwise

from discreet.domain.errors import BadInput

HORIZON = timedelta(days=5 * 366)
"""How far ahead a time may be. It also bounds the search for the next time of a rule."""
LEAST_BETWEEN = timedelta(hours=1)
MAX_COUNT = 1_000
MAX_RULE = 200
_PARTS = frozenset(
    ["FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR"]
) | {"BYMINUTE", "BYSETPOS", "BYWEEKNO", "BYYEARDAY"}
_HINT = "Write it as in RFC 5545, such as FREQ=WEEKLY;BYDAY=MO,TH."


def checked_rule(rule: str, starts_at: datetime, zone: tzinfo) -> str:
    """Return a rule in the form in which it is stored; empty: once.

    ``starts_at`` is a time on the clock of ``zone``.

    Raises:
        BadInput: it isn't a rule, comes more often than once an hour, or never.
    """
    rule = rule.strip().removeprefix("RRULE:").strip().rstrip(";").upper()
    if not rule:
        return ""
    parts = [part.partition("=") for part in rule.split(";")]
    names = [name for name, _, _ in parts]
    if (
        len(rule) > MAX_RULE
        or not re.fullmatch(r"[A-Z0-9=;,+-]+", rule)
        or "FREQ" not in names
        or len(set(names)) != len(names)
        or not set(names) <= _PARTS
    ):
        raise BadInput(f"{rule[:80]!a} is not a recurrence rule.", hint=_HINT)
    rule = ";".join(
        f"UNTIL={_on_clock(value, zone)}" if name == "UNTIL" else f"{name}={value}"
        for name, _, value in parts
    )
    try:
        first = list(islice(_times(rule, starts_at, starts_at), 20))
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput(f"{rule[:80]!a} is not a recurrence rule.", hint=_HINT) from error
    if not first:
        raise BadInput("By this rule it would never happen.", hint=_HINT)
    if any(later - earlier < LEAST_BETWEEN for earlier, later in pairwise(first)):
        raise BadInput(
            "It would happen more often than once an hour.", hint="Choose a longer interval."
        )
    return rule


def next_due(rule: str, starts_at: datetime, zone: tzinfo, after: datetime) -> datetime | None:
    """Return the first time after ``after`` (aware), in UTC; None: there is none any more."""
    if not rule:
        due = on_earth(starts_at, zone)
        return due if due > after else None
    # A day earlier, because the clock may have been set back meanwhile.
    since = after.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
    for moment in _times(rule, starts_at, since):
        due = on_earth(moment, zone)
        if due > after:
            return due
    return None


def on_earth(moment: datetime, zone: tzinfo) -> datetime:
    """Return the UTC time at which the clock of ``zone`` shows ``moment``."""
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _times(rule: str, starts_at: datetime, since: datetime) -> Iterator[datetime]:
    """Yield the times of a rule from ``since`` on, on the clock, within the horizon."""
    from dateutil.rrule import rrulestr

    count = re.search(r"(?:^|;)COUNT=(\d+)", rule)
    most = min(int(count[1]), MAX_COUNT) if count else None
    bare = re.sub(r"(^|;)COUNT=\d+", "", rule).strip(";")
    last = max(since, starts_at) + HORIZON
    until = re.search(r"(?:^|;)UNTIL=(\d{8}T\d{6})", bare)
    if until is None or datetime.strptime(until[1], "%Y%m%dT%H%M%S") > last:
        # Without an end, a rule that never comes would be searched for until the year 9999.
        bare = re.sub(r"(^|;)UNTIL=[^;]*", "", bare).strip(";") + f";UNTIL={last:%Y%m%dT%H%M%S}"
    for number, moment in enumerate(rrulestr(bare, dtstart=starts_at)):
        if most is not None and number >= most:
            return
        if moment >= since:
            yield moment


def _on_clock(until: str, zone: tzinfo) -> str:
    """Return the end of a rule, which may be a day or in UTC, as a time on the clock."""
    try:
        if until.endswith("Z"):
            given = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return f"{given.astimezone(zone):%Y%m%dT%H%M%S}"
        if "T" not in until:
            until += "T235959"
        return f"{datetime.strptime(until, '%Y%m%dT%H%M%S'):%Y%m%dT%H%M%S}"
    except ValueError as error:
        raise BadInput(f"{until[:20]!a} is not a valid end of a recurrence.", hint=_HINT) from error


_DAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"),
                 ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))  # fmt: skip
_UNITS = {"HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}


def described(rule: str) -> str:
    """Return a rule in a few English words; one that is more than that, as it is."""
    parts = dict(part.split("=") for part in rule.split(";") if part)
    unit, days = _UNITS.get(parts.get("FREQ", "")), parts.get("BYDAY", "").split(",")
    if not rule or unit is None or not set(parts) <= {"FREQ", "INTERVAL", "BYDAY"}:
        return rule
    if days != [""] and not set(days) <= set(_DAYS):
        return rule
    number = parts.get("INTERVAL", "1")
    every = f"every {unit}" if number == "1" else f"every {number} {unit}s"
    return every if days == [""] else f"{every} on {', '.join(_DAYS[day] for day in days)}"
