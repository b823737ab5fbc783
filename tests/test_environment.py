"""The files that set up a clean checkout: lock files and scripts."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "requirements-test.txt")
SCRIPTS = ("scripts/run", "scripts/test", "scripts/lock", ".ci/run")


def pins(lock: str) -> dict[str, set[str]]:
    """Return versions by package; some packages have several, depending on the Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.M):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_hashes_and_no_host_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "//" not in text
    assert not re.search(r"^\s*-(?!-hash=sha256:)", text, re.M)
    blocks = re.split(r"^(?=\S)", text, flags=re.M)[1:]
    assert blocks
    for block in blocks:
        assert re.match(r"[\w.-]+==\S+", block)
        assert "--hash=sha256:" in block


def test_both_locks_agree_and_hold_all_that_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, test = (pins(lock) for lock in LOCKS)
    assert run.items() <= test.items()
    asked = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    assert _names(asked) <= run.keys()
    assert _names(project["dependency-groups"]["test"]) <= test.keys()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_can_be_run_and_read(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_without_a_python_that_is_new_enough_it_says_what_to_do(tmp_path: Path) -> None:
    checkout = tmp_path / "a check out"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname", "cat", "rm", "env"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    old = tools / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        [str(checkout / "scripts" / "run")],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_help_of_run_installs_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for asked in ("-h", "--help"):
        done = subprocess.run(
            [str(tmp_path / "scripts" / "run"), asked],
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        )
        assert done.stdout.startswith("Usage: scripts/run\n")
        assert done.stderr == ""
    assert [one.name for one in tmp_path.iterdir()] == ["scripts"]


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=!~ ;]", line, maxsplit=1)[0].lower() for line in requirements}
