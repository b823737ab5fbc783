"""The checks of types and imports, run beside the tests: they take half a minute of one core, and
tests wait for other processes most of the time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = (("mypy",), ("lint-imports",))


@dataclass
class _Check:
    """A command that runs, and the file that it writes to."""

    words: Sequence[str]
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def report(self) -> str:
        self.output.seek(0)
        return self.output.read().decode(errors="replace")


class StaticChecks:
    """A plugin of pytest. A check that fails ends the run; its output stands above the summary."""

    def __init__(self, commands: Sequence[Sequence[str]] = COMMANDS) -> None:
        self._commands = commands
        self._checks: list[_Check] = []

    def pytest_sessionstart(self) -> None:
        for words in self._commands:
            output = tempfile.TemporaryFile()  # noqa: SIM115 - it's read when the process has ended
            process = subprocess.Popen(
                [Path(sys.executable).parent / words[0], *words[1:]],
                cwd=ROOT,
                env={**os.environ, "NO_COLOR": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            self._checks.append(_Check(words, process, output))

    def pytest_runtest_logreport(self) -> None:
        for check in self._checks:
            if check.process.poll():
                pytest.exit(f"{check.words[0]} failed")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        codes = [check.process.wait() for check in self._checks]
        if any(codes) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for check in self._checks:
            if check.process.returncode:
                terminalreporter.section(f"{check.words[0]} failed", red=True)
                terminalreporter.write_line(check.report().rstrip())

    def pytest_unconfigure(self) -> None:
        for check in self._checks:
            check.process.kill()
            check.process.wait()
            check.output.close()
