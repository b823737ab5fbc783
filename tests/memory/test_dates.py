"""Dates in a question."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discreet.memory.temporal import DayPattern, DaySpan, WhenAsked, closeness, days_asked_for

NOW = datetime(2024, 3, 13, 12, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("what happened on 7 May 2023?", DayPattern(2023, 5, 7)),
        ("on May 7th, 2023", DayPattern(2023, 5, 7)),
        ("on 2023-05-07", DayPattern(2023, 5, 7)),
        ("on 7.5.2023", DayPattern(2023, 5, 7)),
        ("on 25/12/2023", DayPattern(2023, 12, 25)),
        ("on 12/25/2023", DayPattern(2023, 12, 25)),
        ("the 3rd of June", DayPattern(None, 6, 3)),
        ("in March", DayPattern(None, 3)),
        ("since last may", DayPattern(None, 5)),
        ("my October plans", DayPattern(None, 10)),
        ("in Sept. 2022", DayPattern(2022, 9)),
        ("in 2022", DayPattern(2022)),
        ("yesterday", DaySpan(date(2024, 3, 12), date(2024, 3, 12))),
        ("on Monday", DaySpan(date(2024, 3, 11), date(2024, 3, 11))),
        ("on Wednesday", DaySpan(date(2024, 3, 6), date(2024, 3, 6))),
        ("last week", DaySpan(date(2024, 2, 28), date(2024, 3, 13))),
        ("3 days ago", DaySpan(date(2024, 3, 10), date(2024, 3, 10))),
        ("two weeks ago", DaySpan(date(2024, 2, 25), date(2024, 3, 2))),
    ],
)
def test_days_are_read_from_a_question(text: str, asked: WhenAsked) -> None:
    assert days_asked_for(text, NOW) == (asked,)


def test_with_slashes_the_day_or_the_month_may_come_first() -> None:
    assert days_asked_for("on 07/05/2023", NOW) == (DayPattern(2023, 5, 7), DayPattern(2023, 7, 5))


@pytest.mark.parametrize(
    "text",
    ["may I ask?", "they march on", "I have 12 cats", "call 2023", "version 1.31.2023", "11/22/63"],
)
def test_words_that_only_look_like_dates_are_none(text: str) -> None:
    assert days_asked_for(text, NOW) == ()


def test_the_very_day_is_closer_than_its_month_and_another_month_is_not_close() -> None:
    moments = [
        datetime(2023, 5, 7, 23, tzinfo=UTC),
        datetime(2023, 5, 9, tzinfo=UTC),
        datetime(2023, 6, 7, tzinfo=UTC),
    ]
    seconds = np.array([moment.timestamp() for moment in moments])
    assert closeness([DayPattern(2023, 5, 7)], seconds).tolist() == [3.0, 1.0, 0.0]


@given(st.text(max_size=80), st.datetimes(timezones=st.just(UTC)))
def test_no_text_and_no_clock_breaks_the_reading_of_dates(text: str, now: datetime) -> None:
    days_asked_for(text, now)


@given(st.integers(0, 999), st.sampled_from(["day", "week", "month", "year"]))
def test_any_number_of_anything_ago_is_a_span(count: int, unit: str) -> None:
    (span,) = days_asked_for(f"{count} {unit}s ago", NOW)
    assert isinstance(span, DaySpan)
    assert span.first <= span.last
