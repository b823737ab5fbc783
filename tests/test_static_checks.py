"""A check that fails beside the tests fails the run, and says why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
from tests.support.static_checks import StaticChecks

def pytest_configure(config):
    config.pluginmanager.register(StaticChecks([("python", "-c", {program!r})]))
"""


@pytest.mark.parametrize(
    ("program", "fails"),
    [("print('all is well')", False), ("print('a wrong type'); raise SystemExit(3)", True)],
    ids=["passes", "fails"],
)
def test_the_run_ends_as_its_checks_and_with_the_summary_of_pytest(
    tmp_path: Path, program: str, fails: bool
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(program=program))
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # it needs none of them
        capture_output=True,
        text=True,
        check=False,
    )
    *_, last = done.stdout.splitlines()
    assert (done.returncode != 0, "a wrong type" in done.stdout) == (fails, fails), done.stdout
    assert "all is well" not in done.stdout
    assert re.search(r" in \d+\.\d+s =*$", last), done.stdout
