"""When the server audits by itself."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from discreet.audit import schedule as schedules
from discreet.audit.schedule import (
    AuditSchedule,
    is_audit_due,
    load_audit_schedule,
    remove_audit_schedule,
    save_audit_schedule,
)
from discreet.domain.errors import Unavailable

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
DAY = 86_400.0


def _audited(home: Path, began: str) -> None:
    (home / "audit.json").write_text(json.dumps({"report": {"began": began}}))


def test_a_schedule_is_private_and_is_kept_until_it_is_ended(tmp_path: Path) -> None:
    assert load_audit_schedule(tmp_path) is None
    wanted = AuditSchedule(DAY, quick=True, budget=0.5, agent="Ada")
    save_audit_schedule(tmp_path, wanted)
    assert load_audit_schedule(tmp_path) == wanted
    assert (tmp_path / "audit-schedule.json").stat().st_mode & 0o077 == 0
    assert wanted.options == ["--json", "--quick", "--budget", "0.5", "--agent", "Ada"]
    assert [remove_audit_schedule(tmp_path), remove_audit_schedule(tmp_path)] == [True, False]
    (tmp_path / "audit-schedule.json").write_text("{}")
    (tmp_path / "audit-schedule.json").chmod(0o600)
    with pytest.raises(Unavailable):
        load_audit_schedule(tmp_path)


def test_an_audit_is_due_when_the_last_one_is_old_enough_whoever_ran_it(tmp_path: Path) -> None:
    schedule = AuditSchedule(DAY)
    assert is_audit_due(tmp_path, schedule, NOW, None)
    _audited(tmp_path, (NOW - timedelta(hours=23)).isoformat())
    assert not is_audit_due(tmp_path, schedule, NOW, None)
    _audited(tmp_path, (NOW - timedelta(hours=24)).isoformat())
    assert is_audit_due(tmp_path, schedule, NOW, None)


def test_one_that_left_no_report_is_tried_again_after_an_hour(tmp_path: Path) -> None:
    schedule = AuditSchedule(DAY)
    assert not is_audit_due(tmp_path, schedule, NOW, NOW - timedelta(minutes=59))
    assert is_audit_due(tmp_path, schedule, NOW, NOW - timedelta(hours=1))


async def test_an_audit_that_ignores_being_ended_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "STOP_SECONDS", 0.05)
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); signal.pause()"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", deaf, stdout=PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"deaf\n"
    await schedules._stop(child)
    assert await child.wait() == -signal.SIGKILL
