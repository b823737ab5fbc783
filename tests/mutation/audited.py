"""``scripts/audit-mutants``: open guards of a running installation, and see what sb audit finds.

Mutants are drawn evenly from all classes by a seed. Each gets an installation of its own: a copy of
one that was made by the unmodified program, served by the mutated one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random

import psycopg

from discreet.postgres.credentials import load_credentials
from discreet.postgres.folders import Layout, socket_folder
from discreet.postgres.roles import ADMIN_ROLE
from tests.conftest import folder_in_memory
from tests.mutation.mutant import ROOT, Mutant, mutated
from tests.mutation.of_catalogue import of_catalogue
from tests.mutation.of_source import of_source

COMPARED = {"program-changed", "schema", "roles", "role-changed", "rights"}
"""Findings by comparison with what was installed, whatever a change does."""
PARTS = ("by comparison", "at rest by what is shown or accepted", "in action", "at the start")
READY = "Discreet is serving"
START_SECONDS, AUDIT_SECONDS = 90.0, 600.0


def main(arguments: Sequence[str]) -> int:
    """Return the exit code: 1 if too few mutants were found, or an audit raised a false alarm."""
    parser = argparse.ArgumentParser(prog="scripts/audit-mutants", description=__doc__)
    parser.add_argument("seed", nargs="?", default=date.today().isoformat(), metavar="SEED")
    parser.add_argument("many", nargs="?", type=int, default=40, metavar="N")
    parser.add_argument(
        "--clean", type=int, default=20, metavar="N", help="audits without a mutant"
    )
    parser.add_argument("--list", action="store_true", help="only name the mutants that are drawn")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="dm-", dir=folder_in_memory()) as folder:
        trials = _Trials(Path(folder))
        mutants = drawn(trials.every(), given.seed, given.many)
        print(f"seed {given.seed}: {len(mutants)} mutants", flush=True)
        if given.list:
            print(*(f"{mutant.kind}: {mutant.name}" for mutant in mutants), sep="\n")
            return 0
        found = [_told(trials, mutant, given.seed) for mutant in mutants]
        alarms = [_told(trials, None, f"{given.seed}/{at}") for at in range(given.clean)]
    missed = [mutant.name for mutant, one in zip(mutants, found, strict=True) if not one]
    print(f"{sum(found)} of {len(found)} mutants detected; {sum(alarms)} false alarms in"
          f" {len(alarms)} audits of an unmodified installation")  # fmt: skip
    print(*(f"{trials.counts[part]} {part}" for part in PARTS), sep=", ")
    print(f"{trials.behaved} of {len(found)} without the comparison with this version")
    print(*(f"missed: {name}" for name in missed), sep="\n")
    return int(sum(found) < 0.95 * len(found) or any(alarms))


def drawn(mutants: Sequence[Mutant], seed: str, many: int) -> list[Mutant]:
    """Return some of each class in turn, in an order that the seed gives."""
    chance = Random(seed)
    classes: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        classes.setdefault(mutant.kind, []).append(mutant)
    for of_class in classes.values():
        chance.shuffle(of_class)
    kinds = sorted(classes)
    chance.shuffle(kinds)
    picked: list[Mutant] = []
    while len(picked) < many and any(classes.values()):
        for kind in kinds:
            if classes[kind] and len(picked) < many:
                picked.append(classes[kind].pop())
    return picked


def _told(trials: _Trials, mutant: Mutant | None, seed: str) -> bool:
    began = time.monotonic()
    detected, by = trials.run(mutant, seed)
    said = "detected" if detected else "missed  " if mutant else "silent  "
    name = f"{mutant.kind}: {mutant.name}" if mutant else "unmodified"
    print(f"{said} {time.monotonic() - began:4.0f} s  {name}  ({by})", flush=True)
    return detected


def _installed(folder: Path) -> Path:
    """Build the package and unpack it, with the record of its files; return where."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "w")],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = (folder / "w").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "p")
    return folder / "p"


class _Trials:
    """The unmodified installation, stopped, and a copy of the sources for each mutant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.behaved = 0
        self.counts: Counter[str] = Counter()
        self.template = folder / "t"
        self.template.mkdir(mode=0o700)
        self.program = _installed(folder)
        self._sb(self.program, self.template, "status")

    def every(self) -> list[Mutant]:
        """Return the mutants of the sources and of the catalogue."""
        with self._serving(self.program, self.template), self._admin(self.template) as admin:
            return [*of_source(), *of_catalogue(admin)]

    def run(self, mutant: Mutant | None, seed: str) -> tuple[bool, str]:
        """Audit an installation with this mutant; return whether it was found, and by what."""
        home, source = self.folder / "h", self.program
        shutil.rmtree(home, ignore_errors=True)
        if mutant is not None and mutant.edits:
            source = self._mutated(mutant)
        if mutant is not None and mutant.changes_schema:
            home.mkdir(mode=0o700)
        else:
            shutil.copytree(self.template, home, symlinks=True)
        try:
            with self._serving(source, home):
                if mutant is not None and mutant.statements:
                    with self._admin(home) as admin:
                        admin.execute(mutant.statements.encode())
                return self._audit(source, home, seed)
        except RuntimeError as error:
            return self._counted({PARTS[3]: {str(error)}})
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _mutated(self, mutant: Mutant) -> Path:
        copy = self.folder / "s"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.program, copy)
        for path, text in mutated(mutant).items():
            (copy / path.removeprefix("src/")).write_text(text, encoding="utf-8")
        return copy

    def _audit(self, source: Path, home: Path, seed: str) -> tuple[bool, str]:
        done = self._sb(source, home, "audit", "--quick", "--json", "--seed", seed)
        if done.returncode == 0:
            return False, ""
        try:
            record = json.loads(done.stdout)
        except ValueError:
            said = f"exit code {done.returncode}: {done.stderr.strip()[-160:]}"
            return self._counted({PARTS[2]: {said}})
        kinds = {one["id"] for one in record["findings"] if one["severity"] == "leak"}
        told = {rate["family"] for rate in record["rates"] if rate["leaked"]}
        told |= {trace["way"] for trace in record["traces"]}
        parts = {PARTS[0]: kinds & COMPARED, PARTS[1]: kinds - COMPARED, PARTS[2]: told}
        return self._counted(parts)

    def _counted(self, parts: Mapping[str, set[str]]) -> tuple[bool, str]:
        """Count the parts of an audit that noticed a mutant; return what they said."""
        noticed = {part: seen for part, seen in parts.items() if seen}
        self.counts.update(noticed.keys())
        self.behaved += any(part != PARTS[0] for part in noticed)
        said = "; ".join(f"{part}: {', '.join(sorted(seen))}" for part, seen in noticed.items())
        return bool(noticed), said

    @contextmanager
    def _serving(self, source: Path, home: Path) -> Iterator[None]:
        """Run a server until the block ends.

        Raises:
            RuntimeError: it refuses to start, which is a way of noticing too.
        """
        log = home.parent / "serve.log"
        with open(log, "w", encoding="utf-8") as file:
            server = subprocess.Popen(
                self._command("serve"), env=self._environment(source, home), stdout=file,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            until = time.monotonic() + START_SECONDS
            while READY not in log.read_text(encoding="utf-8"):
                if server.poll() is not None or time.monotonic() > until:
                    said = log.read_text(encoding="utf-8").strip()
                    raise RuntimeError(f"it doesn't start: {said[-160:]}")
                time.sleep(0.1)
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            self._wait_for_database(home)

    def _wait_for_database(self, home: Path) -> None:
        """Wait until the embedded server has stopped: it outlives its last client for a moment."""
        until = time.monotonic() + START_SECONDS
        while (Layout(home).data / "postmaster.pid").exists() and time.monotonic() < until:
            time.sleep(0.1)

    @contextmanager
    def _admin(self, home: Path) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        credentials = load_credentials(home)
        assert credentials is not None
        folder = socket_folder(Layout(home), make=False)
        with psycopg.connect(
            host=str(folder), dbname=credentials.dbname, user=ADMIN_ROLE,
            password=credentials.passwords[ADMIN_ROLE], autocommit=True,
        ) as admin:  # fmt: skip
            yield admin

    def _sb(self, source: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words), env=self._environment(source, home), text=True, check=False,
            capture_output=True, timeout=AUDIT_SECONDS,
        )  # fmt: skip

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-c", "from discreet.main import run; run()", *words]

    @staticmethod
    def _environment(source: Path, home: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "HOME": str(home), "DISCREET_HOME": str(home), "PYTHONPATH": str(source),
            "DISCREET_LISTEN": "127.0.0.1:0", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
