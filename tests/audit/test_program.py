"""The installed program is compared with the record of its package."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

from discreet.audit.program import _blob, _digest, changed_files, committed_files


def _recorded(*paths: Path) -> dict[Path, str]:
    return {
        path: base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest())
        .rstrip(b"=")
        .decode()
        for path in paths
    }


def test_a_changed_a_missing_and_an_added_file_are_found_and_others_are_not(
    tmp_path: Path,
) -> None:
    first, check, gone = (tmp_path / name for name in ("__init__.py", "check.py", "gone.py"))
    for path in (first, check, gone):
        path.write_text(f"# {path.name}")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "check.pyc").write_bytes(b"")
    recorded = _recorded(first, check, gone)
    assert list(changed_files(tmp_path, recorded, _digest, "")) == []
    check.write_text("# check.py, without its check")
    gone.unlink()
    (tmp_path / "more.sql").write_text("SELECT 1")
    found = list(changed_files(tmp_path, recorded, _digest, ""))
    assert {(one.id, one.severity) for one in found} == {("program-changed", "leak")}
    assert [Path(one.where).name for one in found] == ["check.py", "gone.py", "more.sql"]


def test_a_checkout_is_compared_with_its_commit_whatever_its_index_says(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    here = tmp_path / "src" / "discreet"
    here.mkdir(parents=True)
    assert committed_files(here) == {}
    for name in ("__init__.py", "check.py"):
        (here / name).write_text(f"# {name}")
    git("init")
    git("add", ".")
    git("commit", "-m", "All")
    assert list(changed_files(here, committed_files(here), _blob, "")) == []
    git("update-index", "--assume-unchanged", "src/discreet/check.py")
    (here / "check.py").write_text("# check.py, without its check")
    (here / "more.py").write_text("# not committed")
    found = list(changed_files(here, committed_files(here), _blob, ""))
    assert [Path(one.where).name for one in found] == ["check.py", "more.py"]
