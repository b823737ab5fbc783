"""Compare the program with what its package recorded, or with the last commit of its checkout."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import discreet
from discreet.audit.findings import Finding

__all__ = ["changed_files", "check_program", "committed_files"]

_AGAIN = "Install it again: pip install --force-reinstall discreet; then find out who changed it."
_DIFF = "See git diff. If the change is yours, commit it; if not, undo it and find its author."
GIT_SECONDS = 20.0


def check_program() -> Iterator[Finding]:
    """Yield files of the package that differ from its record, or that it doesn't name.

    A program that runs from a checkout is compared with the commit that is checked out.
    """
    here = Path(discreet.__file__).resolve().parent
    recorded = _recorded_files(here)
    if here / "__init__.py" in recorded:
        yield from changed_files(here, recorded, _digest, _AGAIN)
        return
    committed = committed_files(here)
    if committed:
        yield from changed_files(here, committed, _blob, _DIFF)
        return
    yield Finding(
        "program-unrecorded", "note",
        "Neither a package nor a commit records the contents of the program's files.",
        str(here), "For a check of the program, install it from a package.",
    )  # fmt: skip


def changed_files(
    here: Path, recorded: Mapping[Path, str], digest_of: Callable[[Path], str], to_do: str
) -> Iterator[Finding]:
    """Yield the files below ``here`` whose digest isn't as recorded, and those that were added."""
    for path, digest in sorted(recorded.items()):
        if digest_of(path) != digest:
            yield Finding("program-changed", "leak", "The program was changed.", str(path), to_do)
    for path in sorted(here.rglob("*")):
        if path.suffix in (".py", ".so", ".sql") and path not in recorded:
            yield Finding(
                "program-changed", "leak", "A file was added to the program.", str(path), to_do
            )


def committed_files(here: Path) -> dict[Path, str]:
    """Return the files below a folder as git's last commit has them, with the ids of their blobs.

    Empty if there is no git, no checkout, or nothing of the folder in it. The index isn't asked: it
    can be told to overlook a file.
    """
    git = shutil.which("git")
    if git is None:
        return {}
    try:
        listed = subprocess.run(  # noqa: S603 - git, with nothing of anybody's in its arguments
            [git, "-c", "core.fsmonitor=false", "ls-tree", "-r", "-z", "HEAD", "--", "."],
            cwd=here, capture_output=True, check=True, timeout=GIT_SECONDS,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    found = {}
    for entry in listed.decode("utf-8", "surrogateescape").split("\0"):
        said, _, name = entry.partition("\t")
        if name and said.split()[1] == "blob":
            found[here / name] = said.split()[2]
    return found


def _recorded_files(here: Path) -> dict[Path, str]:
    try:
        files = distribution("discreet").files or []
    except PackageNotFoundError:
        files = []
    return {
        Path(str(file.locate())).resolve(): file.hash.value
        for file in files
        if file.hash is not None and file.parts[:1] == (here.name,)
    }


def _blob(path: Path) -> str:
    """Return the id that git gives to a file's content; empty if it can't be read."""
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _digest(path: Path) -> str:
    """Return the SHA-256 as a package's record has it; empty for a file that can't be read."""
    try:
        raw = hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
