"""``scripts/mutate-isolation``: takes each guard away in turn; the mutants that no test notices."""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import folder_in_memory
from tests.mutation.mutant import Mutant
from tests.mutation.of_catalogue import of_catalogue
from tests.mutation.of_source import of_source
from tests.mutation.trial import Verdict, start, verdict, warm_up
from tests.mutation.workspace import Workspace, open_workspace

FIRST_PATIENCE_SECONDS = 900
PATIENCE = 6
"""How many times as long as unmutated the suite may take, on a machine that has more to do."""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 where every mutant was noticed."""
    given = _arguments(arguments)
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="discreet-mutants-", dir=folder_in_memory()) as folder,
        open_workspace(Path(folder)) as workspace,
    ):
        with workspace.admin(workspace.credentials.dbname) as admin:
            mutants = [*of_source(), *of_catalogue(admin)]
        mutants = [m for m in mutants if given.only.search(m.name)]
        if given.list:
            print(*(m.name for m in mutants), sep="\n")
            return 0
        warm_up()
        patience = _patience(workspace)
        if patience is None:
            return 1
        left = _try_all(workspace, mutants, given.jobs, patience, verbose=given.verbose)
    print(f"{len(mutants)} mutants, {len(left)} left, {time.monotonic() - begun:.0f} s")
    return 1 if left or not mutants else 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate-isolation", description=__doc__)
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN",
        help="only those whose name matches this regular expression",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--verbose", action="store_true", help="also what the tests print")
    return parser.parse_args(arguments)


def _patience(workspace: Workspace) -> int | None:
    """How long a mutant may take, in seconds, by what the suite takes without any mutation; None if
    it fails, since such a suite notices nothing."""
    begun = time.monotonic()
    _, status = os.waitpid(start(workspace, None, 0, FIRST_PATIENCE_SECONDS), 0)
    found = verdict(workspace, 0, status)
    if found.fate != "survived":
        print(found.output, f"Without any mutation the suite was {found.fate}.", sep="\n")
        return None
    return 60 + PATIENCE * int(time.monotonic() - begun)


def _try_all(
    workspace: Workspace, mutants: Sequence[Mutant], jobs: int, patience: int, *, verbose: bool
) -> list[Mutant]:
    """Those that were not noticed."""
    for number in range(jobs):
        # All copied before the first of them is changed.
        workspace.lane(number)
    running: dict[int, tuple[Mutant, int, float]] = {}
    waiting, left, done = list(reversed(mutants)), [], 0
    free = list(range(jobs))
    while waiting or running:
        while waiting and free:
            mutant, number = waiting.pop(), free.pop()
            running[start(workspace, mutant, number, patience)] = (mutant, number, time.monotonic())
        process, status = os.wait()
        if process not in running:
            continue
        mutant, number, begun = running.pop(process)
        found = verdict(workspace, number, status)
        workspace.clear(number)
        free.append(number)
        done += 1
        place = f"[{done:{len(str(len(mutants)))}}/{len(mutants)}]"
        print(f"{place} {time.monotonic() - begun:5.1f} s {found.fate:8} {mutant.name}", end="")
        print(f"  ({found.by.rpartition('::')[2]})" if found.by else "", flush=True)
        if verbose:
            print(found.output)
        if found.fate in ("survived", "broken"):
            left.append(mutant)
            _explain(mutant, found)
    return left


def _explain(mutant: Mutant, found: Verdict) -> None:
    print(mutant.shown)
    if found.fate == "broken":
        print(found.output[-2000:])
    print(f"Again: scripts/mutate-isolation --verbose --only '^{re.escape(mutant.name)}$'")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
