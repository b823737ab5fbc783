from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from discreet.cli import searches
from discreet.cli.backups import describe_backups
from discreet.cli.printing import Column, print_json, print_list
from discreet.domain.amounts import ago, counted
from discreet.schemas.backups import BackupFile, BackupList, BackupSchedule
from discreet.schemas.memories import Hits

COLUMNS: list[Column[str]] = [
    Column("ID", lambda _: "8a3f0c52-0000-4000-8000-000000000000", whole=True),
    Column("NAME", lambda name: name),
]


def shown(capsys: pytest.CaptureFixture[str], names: list[str]) -> str:
    print_list(names, COLUMNS, lambda name: {"name": name}, as_json=False, empty="Nobody.")
    return capsys.readouterr().out


@pytest.mark.parametrize("terminal", [False, True])
def test_a_name_cannot_act_on_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    out = shown(capsys, ["\x1b]0;owned\x07Al\u202eice\r\n[red]Bob[/red]\x9b31m"])
    assert not {"\x1b", "\x07", "\u202e", "\r", "\x9b"} & set(out)
    assert "[red]Bob[/red]" in out
    assert "8a3f0c52-0000-4000-8000-000000000000" in out


def test_an_empty_list_says_so_and_as_json_is_an_array(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, []) == "Nobody.\n"
    print_list([], COLUMNS, lambda name: {"name": name}, as_json=True, empty="Nobody.")
    assert json.loads(capsys.readouterr().out) == []


def test_json_is_ascii_with_ids_and_times_as_strings(capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    print_json([{"id": UUID(int=1), "at": moment, "name": "Zoë\u202e"}])
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == [
        {
            "id": "00000000-0000-0000-0000-000000000001",
            "at": "2026-01-02T03:04:00+00:00",
            "name": "Zoë\u202e",
        }
    ]


def test_times_and_numbers_are_said_in_words() -> None:
    now = datetime.now(UTC)
    assert [ago(now - timedelta(seconds=s)) for s in (0, 61, 7200, 90000)] == [
        "just now",
        "1 minute ago",
        "2 hours ago",
        "1 day ago",
    ]
    assert [counted(n, "memory") for n in (0, 1, 2)] == ["0 memories", "1 memory", "2 memories"]


def test_a_limited_search_of_messages_prints_the_option_that_searches_the_earlier_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    since = datetime(2026, 3, 1, 12, 0, 5, 250_000, tzinfo=UTC)
    found = Hits(items=[], by_words_only=False, searched_since=since)
    searches._print(found, explain=False, as_json=True)
    until = capsys.readouterr().err.split("--until ")[1].strip()
    accepted = [datetime.strptime(until, one) for one in searches._DATES if "%S%z" in one]
    assert accepted == [datetime(2026, 3, 1, 12, 0, 6, tzinfo=UTC)]


def test_the_last_backup_is_shown_whoever_wrote_it() -> None:
    now = datetime.now(UTC)
    schedule = BackupSchedule(
        folder="/backups", every_seconds=86_400, keep=7, encrypted=True, last_file=None,
        last_made_at=None, last_bytes=0, last_tried_at=None, error="", overdue=False,
    )  # fmt: skip
    by_hand = BackupFile(
        file="/backups/a", made_at=now - timedelta(hours=2), bytes=1_000, encrypted=True
    )
    later = schedule.model_copy(
        update={"last_made_at": now - timedelta(hours=1), "last_bytes": 2_000}
    )
    of = "none on schedule (sb backup --to FOLDER --every 24h)"
    assert [
        describe_backups(BackupList(items=items, schedule=one))
        for one in (None, schedule, later)
        for items in ([], [by_hand])
    ] == [
        f"none yet; {of}",
        f"the last 2 hours ago, 1,000 bytes; {of}",
        "every day to /backups; none yet",
        "every day to /backups; the last 2 hours ago, 1,000 bytes",
        "every day to /backups; the last 1 hour ago, 2,000 bytes",
        "every day to /backups; the last 1 hour ago, 2,000 bytes",
    ]
