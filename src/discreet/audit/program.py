"""Compare the installed program with what its package recorded when it was installed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import discreet
from discreet.audit.findings import Finding

__all__ = ["changed_files", "check_program"]

_TO_DO = "Install it again: pip install --force-reinstall discreet; then find out who changed it."


def check_program() -> Iterator[Finding]:
    """Yield files of the package that differ from its record, or that it doesn't name.

    A program that runs from a checkout has no such record; that is a note.
    """
    try:
        files = distribution("discreet").files or []
    except PackageNotFoundError:
        files = []
    here = Path(discreet.__file__).resolve().parent
    recorded = {
        Path(str(file.locate())).resolve(): file.hash.value
        for file in files
        if file.hash is not None and file.parts[:1] == (here.name,)
    }
    yield from changed_files(here, recorded)


def changed_files(here: Path, recorded: Mapping[Path, str]) -> Iterator[Finding]:
    """Yield the files below ``here`` that aren't as recorded: SHA-256 in URL-safe base64."""
    if here / "__init__.py" not in recorded:
        yield Finding(
            "program-unrecorded", "note",
            "The program runs from a checkout, so that nothing says whether it was changed.",
            str(here), "For a check of the program, install it from a package.",
        )  # fmt: skip
        return
    for path, digest in sorted(recorded.items()):
        if _digest(path) != digest:
            yield Finding("program-changed", "leak", "The program was changed.", str(path), _TO_DO)
    for path in sorted(here.rglob("*")):
        if path.suffix in (".py", ".so", ".sql") and path not in recorded:
            yield Finding(
                "program-changed", "leak", "A file was added to the program.", str(path), _TO_DO
            )


def _digest(path: Path) -> str:
    """Return the SHA-256 as a package's record has it; empty for a file that can't be read."""
    try:
        raw = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
