"""Times that recur, across daylight saving, in zones of both hemispheres."""

from __future__ import annotations

import time as clock_of_process
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from discreet.domain.errors import BadInput
from discreet.domain.recurrence import checked_rule, described, next_due, on_earth

BERLIN = ZoneInfo("Europe/Berlin")


def due(rule: str, starts: str, zone: str, after: str) -> str | None:
    found = next_due(
        rule,
        datetime.fromisoformat(starts),
        ZoneInfo(zone),
        datetime.fromisoformat(after).replace(tzinfo=UTC),
    )
    return None if found is None else f"{found:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("zone", "starts", "after", "expected"),
    [
        # The clock's time stays: an hour less or more of UTC.
        ("Europe/Berlin", "2026-03-27 09:00", "2026-03-28 10:00", "2026-03-29 07:00"),
        ("Europe/Berlin", "2026-10-23 09:00", "2026-10-24 10:00", "2026-10-25 08:00"),
        ("America/New_York", "2026-03-06 09:00", "2026-03-07 20:00", "2026-03-08 13:00"),
        ("Australia/Sydney", "2026-10-01 09:00", "2026-10-03 23:30", "2026-10-04 22:00"),
        # A gap: 02:30 isn't on the clock on 29 March, and becomes 03:30.
        ("Europe/Berlin", "2026-03-20 02:30", "2026-03-28 12:00", "2026-03-29 01:30"),
        # An overlap: the first of two.
        ("Europe/Berlin", "2026-10-20 02:30", "2026-10-24 12:00", "2026-10-25 00:30"),
        ("Europe/Berlin", "2026-10-20 02:30", "2026-10-25 00:30", "2026-10-26 01:30"),
        # Half an hour, on Lord Howe Island.
        ("Australia/Lord_Howe", "2026-10-01 02:15", "2026-10-03 00:00", "2026-10-03 15:45"),
        ("Asia/Kolkata", "2026-10-01 09:00", "2026-10-03 12:00", "2026-10-04 03:30"),
    ],
)
def test_the_time_on_the_clock_stays(zone: str, starts: str, after: str, expected: str) -> None:
    assert due("FREQ=DAILY", starts, zone, after) == expected


ZONES = (
    "Europe/Berlin", "Europe/Lisbon", "Europe/Dublin", "Africa/Casablanca", "America/New_York",
    "America/Santiago", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Auckland",
    "Antarctica/Troll",
)  # fmt: skip
CLOCKS = [time(hour, minute) for hour in range(4) for minute in (0, 30)] + [
    time(1, 45),
    time(2, 15),
]


def changes(zone: ZoneInfo) -> list[datetime]:
    """Return the hours of 2026, in UTC, in which the offset of a zone changes."""
    hours = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(365 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [
        hour
        for hour, one, other in zip(hours[1:], offsets, offsets[1:], strict=False)
        if one != other
    ]


def shown(zone: ZoneInfo, around: datetime) -> dict[datetime, datetime]:
    """Return when a clock first shows each quarter of an hour, some days around a change."""
    found: dict[datetime, datetime] = {}
    for minute in range(-3 * 96, 3 * 96):
        moment = around + timedelta(minutes=15 * minute)
        found.setdefault(moment.astimezone(zone).replace(tzinfo=None), moment)
    return found


def test_each_day_comes_once_at_its_time_on_the_clock_across_every_change_of_ten_zones() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        found = changes(zone)
        assert len(found) >= 2, name
        for change in found:
            clock = shown(zone, change)
            first = change.astimezone(zone).date() - timedelta(days=1)
            for at in CLOCKS:
                after = change - timedelta(days=2, hours=12)
                days = {first + timedelta(days=n) for n in range(3)}
                came = []
                for _ in range(6):
                    due = next_due("FREQ=DAILY", datetime.combine(first, at), zone, after)
                    assert due is not None
                    assert due > after
                    after = due
                    came.append(due)
                for day in sorted(days):
                    wanted = datetime.combine(day, at)
                    # Where the clock skips it, it comes as late after the gap as it lies in it.
                    on_earth = clock.get(wanted)
                    if on_earth is None:
                        before = max(one for one in clock if one < wanted)
                        on_earth = clock[before] + (wanted - before)
                    assert came.count(on_earth) == 1, (name, wanted, came)
                between = {later - earlier for earlier, later in pairwise(came)}
                assert all(timedelta(hours=20) < one < timedelta(hours=28) for one in between)


@pytest.mark.parametrize(
    ("rule", "after", "expected"),
    [
        ("", "2026-11-01 00:00", "2026-11-02 08:00"),
        ("", "2026-11-02 08:00", None),
        ("FREQ=WEEKLY;BYDAY=MO,TH", "2026-11-02 08:00", "2026-11-05 08:00"),
        ("FREQ=WEEKLY;INTERVAL=2", "2026-11-02 08:00", "2026-11-16 08:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=31", "2027-01-31 08:00", "2027-03-31 07:00"),
        ("FREQ=DAILY;COUNT=3", "2026-11-03 08:00", "2026-11-04 08:00"),
        ("FREQ=DAILY;COUNT=3", "2026-11-04 08:00", None),
        ("FREQ=DAILY;UNTIL=20261104T080000", "2026-11-03 08:00", None),
        ("FREQ=YEARLY", "2026-11-02 08:00", "2027-11-02 08:00"),
    ],
)
def test_rules_come_as_rfc_5545_says(rule: str, after: str, expected: str | None) -> None:
    assert due(rule, "2026-11-02 09:00", "Europe/Berlin", after) == expected


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("RRULE:FREQ=DAILY", "FREQ=DAILY"),
        (" freq=weekly;byday=mo; ", "FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=DAILY;UNTIL=20261231", "FREQ=DAILY;UNTIL=20261231T235959"),
        ("FREQ=DAILY;UNTIL=20261231T220000Z", "FREQ=DAILY;UNTIL=20261231T230000"),
        ("", ""),
    ],
)
def test_rules_are_stored_in_one_form(given: str, stored: str) -> None:
    assert checked_rule(given, datetime(2026, 11, 2, 9), BERLIN) == stored


@pytest.mark.parametrize(
    "rule",
    [
        "daily", "FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=5", "FREQ=DAILY;BYMINUTE=0,30",
        "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY\nEXDATE:20261101", "DTSTART:20200101\nFREQ=DAILY",
        "FREQ=DAILY;COUNT=0", "FREQ=DAILY;UNTIL=20200101", "FREQ=DAILY;BYEASTER=0", "FREQ=",
        "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;UNTIL=soon", "FREQ=DAILY;X=" + "1" * 300,
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    ],
)  # fmt: skip
def test_what_is_no_rule_or_comes_too_often_or_never_is_refused_at_once(rule: str) -> None:
    began = clock_of_process.process_time()
    with pytest.raises(BadInput):
        checked_rule(rule, datetime(2026, 11, 2, 9), BERLIN)
    assert clock_of_process.process_time() - began < 2


def test_a_time_on_the_clock_is_one_time_on_earth() -> None:
    assert on_earth(datetime(2026, 7, 1, 9), BERLIN) == datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_simple_rules_are_described_and_others_shown() -> None:
    assert described("FREQ=WEEKLY;BYDAY=MO,FR") == "every week on Mon, Fri"
    assert described("FREQ=HOURLY;INTERVAL=2") == "every 2 hours"
    assert described("FREQ=MONTHLY;BYDAY=1MO") == "FREQ=MONTHLY;BYDAY=1MO"
    assert described("") == ""
