from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SB = Path(sys.executable).parent / "sb"


@dataclass(frozen=True, slots=True)
class Sb:
    """The installed command, on a home of its own and with nothing else of this environment."""

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
        self, *words: str | bytes, stdin: bytes = b"", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(SB), *words],
            input=stdin,
            env=self.environment(),
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    def answer(self, *words: str) -> str:
        """The answer to ``sb chat ...``, which has to come."""
        done = self("chat", *words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)


@pytest.fixture
def sb(tmp_path: Path) -> Sb:
    """On a home that doesn't exist yet."""
    return Sb(tmp_path / "home")


@pytest.fixture(scope="module")
def warm_sb(tmp_path_factory: pytest.TempPathFactory) -> Sb:
    """On a home that the tests of a module share: each speaks as senders of its own."""
    return Sb(tmp_path_factory.mktemp("warm") / "home")
