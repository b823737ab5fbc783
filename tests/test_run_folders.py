"""A run removes what killed runs left, and nothing that is in use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from discreet.postgres.folders import Layout
from tests.support.run_folders import PREFIX, YOUNG_SECONDS, remove_abandoned


def folder_of(place: Path, name: str, age_seconds: float) -> Layout:
    layout = Layout(place / f"{PREFIX}{name}")
    layout.run.mkdir(parents=True)
    for path in (layout.clients_lock, layout.supervisor_lock):
        path.touch()
        then = path.stat().st_mtime - age_seconds
        os.utime(path, (then, then))
    return layout


@pytest.mark.parametrize("used", ["clients_lock", "supervisor_lock"])
def test_only_folders_that_nobody_uses_are_removed(tmp_path: Path, used: str) -> None:
    folder_of(tmp_path, "killed", 2 * YOUNG_SECONDS)
    begins = folder_of(tmp_path, "begins", 0.0)
    runs = folder_of(tmp_path, "runs", 2 * YOUNG_SECONDS)
    (tmp_path / "another").mkdir()
    with getattr(runs, used).open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        remove_abandoned(tmp_path)
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {"another", begins.home.name, runs.home.name}
