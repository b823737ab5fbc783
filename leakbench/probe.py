"""Try every family on one system, in the environment that it is installed in; print JSON."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from leakbench.attacks import run


def main(name: str) -> None:
    """Print the outcomes and the versions."""
    with contextlib.redirect_stdout(sys.stderr):
        module = importlib.import_module(f"leakbench.systems.{name}")
        outcomes = run(module.open_system)
    versions = {}
    for package in module.PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    print(
        json.dumps(
            {
                "system": module.TITLE,
                "says": module.SAYS,
                "shared": getattr(module, "SHARED", False),
                "versions": versions,
                "outcomes": [asdict(one) for one in outcomes],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
