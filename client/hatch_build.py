"""Take the client's files from the server's sources, or from an unpacked source distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = (
    "__init__.py",
    "py.typed",
    "client",
    "schemas",
    "proxies.py",
    "domain/__init__.py",
    "domain/errors.py",
    "domain/ids.py",
)


class SourcesOfTheServer(BuildHookInterface):
    """Add the files to a wheel and, so that a wheel can be built from it, to an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Name each file with its place in the wheel or sdist."""
        unpacked = Path(self.root, "src")
        sources = unpacked if unpacked.exists() else Path(self.root).parent / "src"
        target = "discreet" if self.target_name == "wheel" else "src/discreet"
        for name in FILES:
            build_data["force_include"][str(sources / "discreet" / name)] = f"{target}/{name}"
