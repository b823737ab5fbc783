"""``sb serve --processes``: several servers behind one port, and a parent that replaces them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from discreet.cli.server_pid import running_server
from discreet.postgres.server import Database
from tests.cli.conftest import SB, sb_with
from tests.support.waiting import until_sync

SENDER = "telegram:1001"
LONGEST_SECONDS = 180.0
# The parent alone, with processes that only wait for its end.
PARENT = """
import os, select, sys
from pathlib import Path
from discreet.cli import processes
from discreet.settings import Settings

def wait(settings, process):
    if process.report >= 0:
        os.write(process.report, b"1")
    (settings.home / f"started-{os.getpid()}").touch()
    select.select([process.parent], [], [])

settings = Settings(home=Path(sys.argv[1]), listen="127.0.0.1:0", processes=3)
sys.exit(processes.serve_in_processes(settings, wait, print))
"""


@contextmanager
def started(command: list[str], **given: object) -> Iterator[subprocess.Popen[str]]:
    """Yield a process, which is killed at the end and when it takes too long."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **given)  # type: ignore[call-overload]
    limit = threading.Timer(LONGEST_SECONDS, process.kill)
    limit.start()
    with process:
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Return whether a process hasn't ended, be it that nobody has waited for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def line_with(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(pattern)


def test_a_killed_process_is_replaced_and_all_count_together(
    database: Database, tmp_path: Path
) -> None:
    sb = sb_with(database, tmp_path / "home")
    token = re.findall(r"\bsb_\S+", sb("tokens", "create", "--owner").stdout)[-1]
    with started([str(SB), "serve", "--processes", "2"], env=sb.environment()) as parent:
        url = line_with(parent, r"REST at (\S+)/api")[1]
        server = running_server(sb.home)
        assert server is not None
        assert (server.pid, server.address) == (parent.pid, url)
        until_sync(lambda: sb.json("status")["installation"]["processes"] == 2)
        first = children(parent.pid)[0]
        os.kill(first, signal.SIGKILL)
        line_with(parent, "^Process 1 ended and is started again in 1 s")
        assert sb.answer("--sender", SENDER, "-m", "Remember that my dog is Rex.")
        until_sync(lambda: len(children(parent.pid)) == 2)
        headers = {"Authorization": f"Bearer {token}"}
        for _ in range(4):  # each on a connection of its own, so in either process
            httpx.get(f"{url}/api/admin/agents", headers=headers, timeout=180).raise_for_status()
        counted = httpx.get(f"{url}/metrics", headers=headers, timeout=180).text
        calls = re.search(r'requests_total\{operation="list_agents",status="200"\} (\S+)', counted)
        assert calls is not None
        assert float(calls[1]) == 4
        parent.send_signal(signal.SIGINT)
        assert parent.wait(180) == 0
    assert running_server(sb.home) is None
    left = {file.name for file in sb.home.iterdir()}
    assert not left & {"serving.sock"}
    assert not [name for name in left if name.startswith("metrics-")]


def test_processes_end_with_their_parent_however_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "home")]
    with started(command) as parent:
        home = tmp_path / "home"
        until_sync(lambda: len(list(home.glob("started-*"))) == 3)
        pids = [int(file.name.partition("-")[2]) for file in home.glob("started-*")]
        assert sorted(pids) == sorted(children(parent.pid))
        parent.kill()
        parent.wait()
        until_sync(lambda: not any(map(is_running, pids)))
    assert running_server(tmp_path / "home") is None


def test_a_first_process_that_fails_ends_the_server_with_its_exit_code(tmp_path: Path) -> None:
    failing = PARENT.replace(
        "    if process.report", "    raise SystemExit(3)\n    if process.report"
    )
    done = subprocess.run(
        [sys.executable, "-c", failing, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert json.loads((tmp_path / "home" / "serving.pid").read_text())["pid"]
