from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest
import structlog

from discreet.cli.error_log import write_down
from discreet.cli.logs import log_file, log_to

SAID = "my dog\x1b[31m is called\nRex"


def test_a_line_is_one_line_of_plain_characters_whatever_it_holds() -> None:
    sink = io.StringIO()
    log_to(sink, "info")
    structlog.get_logger("test").warning("a turn failed", why=SAID, attempt=2)
    [line] = sink.getvalue().splitlines()
    assert line.isascii()
    assert line.isprintable()
    assert "warning a turn failed" in line
    assert line.endswith("attempt=2")


def test_log_lines_below_the_level_are_not_written() -> None:
    sink = io.StringIO()
    log_to(sink, "warning")
    structlog.get_logger("test").info("swept")
    logging.getLogger("library").info("chatter")
    assert sink.getvalue() == ""


def test_an_error_is_logged_by_its_type_and_its_places_not_by_its_words() -> None:
    sink = io.StringIO()
    log_to(sink, "info")
    try:
        raise ValueError(SAID)
    except ValueError:
        logging.getLogger("library").exception("it failed\nbecause of %s", SAID)
    text = sink.getvalue()
    assert "it failed" in text
    assert "builtins.ValueError" in text
    assert "test_logs.py" in text
    assert "Rex" not in text


def test_an_unexpected_error_is_written_into_a_private_file_of_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCREET_HOME", str(tmp_path))
    try:
        raise ValueError(SAID)
    except ValueError as error:
        line = write_down(error)
    file = tmp_path / "sb.log"
    assert str(file) in line
    assert file.stat().st_mode & 0o777 == 0o600
    assert "builtins.ValueError" in file.read_text()
    assert "Rex" not in file.read_text()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    log_to(log_file(tmp_path / "missing"), "info")
    structlog.get_logger("test").warning("a turn failed")
