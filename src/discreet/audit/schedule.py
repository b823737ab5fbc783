"""Audits on a schedule of this home, ``HOME/audit-schedule.json``, run by the server.

Each is a process of its own, like a scheduled backup, so that answers don't wait for it. Its report
is in the home, as after ``sb audit``.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from discreet.audit.last_report import last_record
from discreet.domain.concurrency import within
from discreet.domain.errors import Unavailable
from discreet.postgres.private_files import read_private, write_private
from discreet.queue.leases import leader_lock

__all__ = [
    "AuditSchedule",
    "audit_on_schedule",
    "is_audit_due",
    "load_audit_schedule",
    "remove_audit_schedule",
    "save_audit_schedule",
]

log = structlog.get_logger(__name__)

FILE = "audit-schedule.json"
LOOK_SECONDS = 5.0
RETRY = timedelta(hours=1)
"""Time until an audit that failed is tried again, or the schedule's own if that is shorter."""
MAX_SECONDS = 6 * 3600.0
"""Maximum time of an audit. A hung one would keep every server from auditing."""
STOP_SECONDS = 10.0
"""Time that an audit gets to remove what it made, before it is killed."""
LEAKED = 1
"""The exit code of an audit that found a leak."""


@dataclass(frozen=True, slots=True)
class AuditSchedule:
    """When the server audits, and how: as the options of ``sb audit``."""

    every_seconds: float
    quick: bool = False
    at_rest: bool = False
    budget: float | None = None
    agent: str | None = None

    @property
    def options(self) -> list[str]:
        """The options of the command."""
        found = ["--json"]
        found += ["--quick"] if self.quick else []
        found += ["--at-rest"] if self.at_rest else []
        found += [] if self.budget is None else ["--budget", str(self.budget)]
        return found + ([] if self.agent is None else ["--agent", self.agent])


def load_audit_schedule(home: Path) -> AuditSchedule | None:
    """Return the schedule, or None if there is none.

    Raises:
        Unavailable: the file can't be read.
    """
    path = home / FILE
    text = read_private(path, "the schedule of audits")
    if text is None:
        return None
    try:
        return AuditSchedule(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise Unavailable(
            f"{path} can't be read.", hint="Set it again: sb audit --every"
        ) from error


def save_audit_schedule(home: Path, schedule: AuditSchedule) -> None:
    """Replace the schedule."""
    write_private(home / FILE, json.dumps(asdict(schedule)) + "\n")


def remove_audit_schedule(home: Path) -> bool:
    """Remove the schedule; return whether there was one."""
    path = home / FILE
    found = path.exists()
    path.unlink(missing_ok=True)
    return found


def is_audit_due(
    home: Path, schedule: AuditSchedule, now: datetime, tried: datetime | None
) -> bool:
    """Return whether an audit should begin. ``tried``: when one began that left no report."""
    every = timedelta(seconds=schedule.every_seconds)
    if tried is not None and now < tried + min(RETRY, every):
        return False
    record = last_record(home)
    if record is None:
        return True
    try:
        return now >= datetime.fromisoformat(str(record["began"])) + every
    except (KeyError, ValueError):
        return True


async def audit_on_schedule(home: Path, conninfo: str) -> NoReturn:
    """Run the audits of this home's schedule, one server at a time. ``conninfo``: the worker's."""
    tried: datetime | None = None
    while True:
        try:
            schedule, now = load_audit_schedule(home), datetime.now(UTC)
            if schedule is not None and is_audit_due(home, schedule, now, tried):
                async with leader_lock(conninfo, "scheduled audit"):
                    if is_audit_due(home, schedule, now, tried):
                        tried = now
                        await _audit(home, schedule)
        except Exception as error:
            log.warning("the scheduled audit failed", why=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def _audit(home: Path, schedule: AuditSchedule) -> None:
    """Run one in a process of its own; end it if this one ends or it takes too long.

    Raises:
        TimeoutError: it was still running after ``MAX_SECONDS``.
    """
    program = "from discreet.main import run; run()"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "audit", *schedule.options,
        env=os.environ | {"DISCREET_HOME": str(home)}, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
    )  # fmt: skip
    try:
        _, said = await within(MAX_SECONDS, child.communicate(), "a scheduled audit")
    finally:
        await _stop(child)
    match child.returncode:
        case 0:
            log.info("the scheduled audit found no leak")
        case code if code == LEAKED:
            log.error("the scheduled audit found a leak", report=str(home / "audit.html"))
        case code:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            log.warning("the scheduled audit failed", code=code, why="".join(last)[:200])


async def _stop(child: asyncio.subprocess.Process) -> None:
    """End a process that still runs, by force if it doesn't end by itself."""
    if child.returncode is not None:
        return
    child.terminate()
    try:
        await within(STOP_SECONDS, child.wait(), "ending a scheduled audit")
    except TimeoutError:
        child.kill()
