from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

from discreet.postgres.credentials import save_credentials
from discreet.postgres.folders import make_layout
from discreet.postgres.server import Database
from tests.support.fork_server import SB, forked, run_sb

__all__ = ["SB", "Sb", "at_terminal", "sb_with"]


@dataclass(frozen=True, slots=True)
class Sb:
    """``sb`` with its own home and a clean environment."""

    home: Path

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "DISCREET_HOME": str(self.home),
            "DISCREET_LISTEN": "127.0.0.1:0",
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def __call__(
        self, *words: str | bytes, stdin: bytes = b"", timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return run_sb(*words, stdin=stdin, environment=self.environment(), timeout=timeout)

    def answer(self, *words: str) -> str:
        """Return the answer of a successful ``sb chat ...``."""
        done = self("chat", *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@pytest.fixture
def sb(tmp_path: Path) -> Sb:
    """Return ``sb`` with a home that doesn't exist yet."""
    return Sb(tmp_path / "home")


@pytest.fixture
def own_sb(database: Database, tmp_path: Path) -> Sb:
    """Return ``sb`` with a home whose database, on the shared server, is this test's own.

    Creating a server of its own takes four seconds of CPU.
    """
    return sb_with(database, tmp_path / "home")


@pytest.fixture(scope="module")
def warm_sb(shared_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Sb:
    """Return ``sb`` with a home shared by a module's tests, which use separate senders."""
    return sb_with(shared_database, tmp_path_factory.mktemp("warm") / "home")


def sb_with(database: Database, home: Path) -> Sb:
    """Return ``sb`` with a home whose database is on the shared test server."""
    make_layout(home)
    save_credentials(home, replace(database.credentials, embedded=False))
    return Sb(home)


def at_terminal(
    environment: Mapping[str, str], *words: str, columns: int = 80
) -> pexpect.spawn[str]:
    """Start ``sb`` at a terminal of its own."""
    command, *arguments = forked(*words)
    return pexpect.spawn(
        command, arguments, env=environment, encoding="utf-8", timeout=180, dimensions=(24, columns)
    )
