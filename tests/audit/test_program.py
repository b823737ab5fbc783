"""The installed program is compared with the record of its package."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from discreet.audit.program import changed_files, check_program


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
    assert list(changed_files(tmp_path, recorded)) == []
    check.write_text("# check.py, without its check")
    gone.unlink()
    (tmp_path / "more.sql").write_text("SELECT 1")
    found = list(changed_files(tmp_path, recorded))
    assert {(one.id, one.severity) for one in found} == {("program-changed", "leak")}
    assert [Path(one.where).name for one in found] == ["check.py", "gone.py", "more.sql"]


def test_a_checkout_has_no_record_and_says_so() -> None:
    [found] = check_program()
    assert (found.id, found.severity) == ("program-unrecorded", "note")
