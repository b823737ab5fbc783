"""The clients that run on Node, at the versions of the lock file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support import npm

HERE = Path(__file__).parent


def install() -> None:
    """Install the clients, unless the lock file's versions are there."""
    npm.install(HERE)


def run(client: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a client (``conformance``, ``mcp-inspector``) to its end."""
    folder = npm.install(HERE)
    script = (folder / "node_modules/.bin" / client).resolve()
    return subprocess.run(
        [npm.node(), script, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
