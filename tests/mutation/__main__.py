"""``scripts/mutate-isolation``: remove each guard in turn and list mutants that no test notices.

Each result is recorded at once, and a later run tries only the remaining ones.
"""

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
from tests.mutation.mutant import ROOT, SUITE, Mutant
from tests.mutation.of_catalogue import of_catalogue
from tests.mutation.of_source import of_source
from tests.mutation.results import NOTICED, Results, part_of, score_table
from tests.mutation.trial import Verdict, start, verdict, warm_up
from tests.mutation.workspace import Workspace, open_workspace

FIRST_PATIENCE_SECONDS = 1800
PATIENCE = 6
"""Factor by which the suite may take longer than without a mutation, on a busier machine."""
NOTHING = Mutant("nothing", "the program as it is", (SUITE,))


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 0 if every mutant was noticed."""
    given = _arguments(arguments)
    begun = time.monotonic()
    results = Results(given.results)
    place = folder_in_memory()
    with (
        tempfile.TemporaryDirectory(prefix="discreet-mutants-", dir=place) as folder,
        open_workspace(Path(folder)) as workspace,
    ):
        with workspace.admin(workspace.credentials.dbname) as admin:
            every = [*of_source(), *of_catalogue(admin)]
        mutants = part_of([m for m in every if given.only.search(m.name)], given.part)
        if given.list:
            print(*(m.name for m in mutants), sep="\n")
            return 0
        done = results.read(mutants)
        waiting = [m for m in mutants if m.name not in done or done[m.name].fate not in NOTICED]
        if waiting and not given.report:
            warm_up()
            patience = _patience(workspace, results)
            if patience is None:
                return 1
            # The tests that a mutant names take seconds; all of them take minutes.
            for whole in (False, True):
                done = results.read(mutants)
                left = [m for m in waiting if whole is (m.name in done)]
                left = [m for m in left if m.name not in done or done[m.name].fate not in NOTICED]
                _try_all(
                    workspace, left, given.jobs, patience, results,
                    whole=whole, verbose=given.verbose,
                )  # fmt: skip
    done = results.read(mutants)
    print(score_table(mutants, done))
    left = [m for m in mutants if m.name not in done or done[m.name].fate not in NOTICED]
    print(f"{len(mutants)} mutants, {len(left)} left, {time.monotonic() - begun:.0f} s")
    return 1 if left or not mutants else 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate-isolation", description=__doc__)
    parser.add_argument("--list", action="store_true", help="only name the mutants")
    parser.add_argument(
        "--report", action="store_true", help="only print the scores of what was tried so far"
    )
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN",
        help="only those whose name matches this regular expression",
    )  # fmt: skip
    parser.add_argument(
        "--part", type=_part, default=(1, 1), metavar="K/N", help="the K-th of N parts of them"
    )
    parser.add_argument(
        "--results", type=Path, default=ROOT / "build" / "mutants.jsonl", metavar="FILE",
        help="where results are written as they come, and read to go on (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--verbose", action="store_true", help="also what the tests print")
    return parser.parse_args(arguments)


def _part(said: str) -> tuple[int, int]:
    number, _, parts = said.partition("/")
    if not (number.isdigit() and parts.isdigit() and 1 <= int(number) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{said!r} is not K/N with K from 1 to N")
    return int(number), int(parts)


def _patience(workspace: Workspace, results: Results) -> int | None:
    """Return the seconds that a mutant may take, from the suite's time without any mutation.

    None: the suite fails, and thus notices nothing.
    """
    known = results.read([NOTHING]).get(NOTHING.name)
    if known is None:
        begun = time.monotonic()
        _, status = os.waitpid(start(workspace, None, 0, FIRST_PATIENCE_SECONDS, whole=True), 0)
        found = verdict(workspace, 0, status)
        if found.fate != "survived":
            print(found.output, f"Without any mutation the suite was {found.fate}.", sep="\n")
            return None
        results.add(NOTHING, found.fate, "", time.monotonic() - begun)
        known = results.read([NOTHING])[NOTHING.name]
    return 60 + PATIENCE * int(known.seconds)


def _try_all(
    workspace: Workspace,
    mutants: Sequence[Mutant],
    jobs: int,
    patience: int,
    results: Results,
    *,
    whole: bool,
    verbose: bool,
) -> None:
    for number in range(jobs):
        # Make all copies before the first one is changed.
        workspace.lane(number)
    running: dict[int, tuple[Mutant, int, float]] = {}
    waiting, done = list(reversed(mutants)), 0
    free = list(range(jobs))
    while waiting or running:
        while waiting and free:
            mutant, number = waiting.pop(), free.pop()
            process = start(workspace, mutant, number, patience, whole=whole)
            running[process] = (mutant, number, time.monotonic())
        process, status = os.wait()
        if process not in running:
            continue
        mutant, number, begun = running.pop(process)
        found = verdict(workspace, number, status)
        workspace.clear(number)
        free.append(number)
        done += 1
        fate = "missed" if found.fate == "survived" and not whole else found.fate
        results.add(mutant, fate, found.by, time.monotonic() - begun)
        place = f"[{done:{len(str(len(mutants)))}}/{len(mutants)}]"
        print(f"{place} {time.monotonic() - begun:5.1f} s {fate:8} {mutant.name}", end="")
        print(f"  ({found.by.rpartition('::')[2]})" if found.by else "", flush=True)
        if verbose:
            print(found.output)
        if fate not in (*NOTICED, "missed"):
            _explain(mutant, found)


def _explain(mutant: Mutant, found: Verdict) -> None:
    print(mutant.shown)
    if found.fate == "broken":
        print(found.output[-2000:])
    print(f"Again: scripts/mutate-isolation --verbose --only '^{re.escape(mutant.name)}$'")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
