"""One mutant's trial: a forked process that runs the mutated program's tests."""

from __future__ import annotations

import os
import re
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from discreet.memory.embedding import bundled_embedder
from tests.mutation.mutant import ROOT, SUITE, Mutant, mutated
from tests.mutation.workspace import Workspace

ADMIN_URL, FOLDER = "DISCREET_TEST_ADMIN_URL", "DISCREET_TEST_FOLDER"
PLUGINS_OFF = ("-p", "no:xdist", "-p", "no:cacheprovider")
WARNINGS = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Warnings of pytest plugins that are imported before each trial."""

Fate = Literal["killed", "hung", "survived", "broken"]
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result. ``broken``: it could not be tried. ``by``: the test that noticed it."""

    fate: Fate
    by: str
    output: str


def warm_up() -> None:
    """Import everything that trials need and mutants don't change, once for all of them."""
    import importlib
    from importlib.metadata import entry_points

    for name in ("discreet.app", "discreet.delivery", "discreet.queue", "discreet.turn.run"):
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    bundled_embedder()


def start(
    workspace: Workspace, mutant: Mutant | None, number: int, patience: int, *, whole: bool
) -> int:
    """Fork, and return the child's process id. Its output goes to the log of that number.

    ``whole``: run the whole suite, not only the tests that the mutant names. A mutant may hang;
    that counts as noticed after ``patience`` seconds.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 3
    try:
        signal.alarm(patience)
        code = _run(workspace, mutant, number, whole=whole)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def verdict(workspace: Workspace, number: int, status: int) -> Verdict:
    """Return the result of a child that ended with this wait status."""
    output = log_of(workspace, number).read_text(encoding="utf-8", errors="replace")
    failed = _FAILED.search(output)
    by = failed[1] if failed else ""
    if os.WIFSIGNALED(status):
        hung = os.WTERMSIG(status) == signal.SIGALRM
        return Verdict("hung" if hung else "broken", by, output)
    match os.WEXITSTATUS(status):
        case 0:
            return Verdict("survived", "", output)
        case 1:
            return Verdict("killed", by, output)
        case _:
            return Verdict("broken", by, output)


def log_of(workspace: Workspace, number: int) -> Path:
    return workspace.folder / f"log{number}"


def _run(workspace: Workspace, mutant: Mutant | None, number: int, *, whole: bool) -> int:
    log = os.open(log_of(workspace, number), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with workspace.settled(mutant, number) as lane:
        os.chdir(lane)
        # The run without a mutant leaves compiled files for all others; a mutant leaves none.
        sys.dont_write_bytecode = mutant is not None
        workspace = _become(
            lane, workspace, anew=mutant is not None and bool(mutated(mutant, ROOT))
        )
        folder = workspace.prepare(mutant, number)
        os.environ |= {FOLDER: str(folder), ADMIN_URL: workspace.admin_conninfo}
        os.environ["PYTHONPATH"] = str(lane / "src")
        return _test((SUITE,) if mutant is None or whole else mutant.tests)


def _become(lane: Path, workspace: Workspace, *, anew: bool) -> Workspace:
    """Switch to the lane's tests and, if ``anew``, its package; return the workspace for them."""
    gone = ("discreet", "tests") if anew else ("tests",)
    for name in list(sys.modules):
        if name.split(".")[0] in gone:
            del sys.modules[name]
    sys.path[:0] = [str(lane / "src"), str(lane)]
    from tests.mutation import workspace as fresh_workspace

    return fresh_workspace.Workspace(
        workspace.folder, workspace.credentials, workspace.admin_conninfo
    )


def _test(tests: tuple[str, ...]) -> int:
    import pytest

    options = ["-x", "-q", "-rfE", "--tb=short", "--no-header", *PLUGINS_OFF, *WARNINGS]
    return int(pytest.main([*options, *tests]))
