"""The folder that backups are written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from discreet.cli.backups import make_folder
from discreet.domain.errors import BadInput


def test_it_is_made_for_its_owner_alone_and_one_that_is_there_stays(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for _ in range(2):
        make_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "missing" / "backups", tmp_path / "file"):
        with pytest.raises(BadInput, match="can't be created"):
            make_folder(wrong)


def test_one_in_which_nothing_can_be_written_is_refused() -> None:
    with pytest.raises(BadInput, match="Nothing can be written in the folder /proc/self"):
        make_folder(Path("/proc/self"))
