from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pexpect
import pytest

from tests.cli.conftest import SB, Sb


@pytest.fixture(scope="module")
def served(warm_sb: Sb) -> Iterator[tuple[Sb, pexpect.spawn[str]]]:
    serving = pexpect.spawn(
        str(SB), ["serve"], env=warm_sb.environment(), encoding="utf-8", timeout=180
    )
    serving.expect("Press Ctrl-C to stop")
    yield warm_sb, serving
    serving.close(force=True)


def test_the_server_answers_says_what_to_type_next_and_ends_cleanly(
    served: tuple[Sb, pexpect.spawn[str]],
) -> None:
    sb, serving = served
    line = next(line for line in serving.before.splitlines() if "chat --sender" in line)
    done = subprocess.run(
        f"{line.strip()} --message 'Remember that my dog is called Rex.'",
        shell=True,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Rex" in done.stdout
    assert sb.json("status")["installation"]["serving"] is True
    serving.expect(r"REST at http://(\S+)/api")
    address = serving.match[1]
    second = subprocess.run(
        [str(SB), "serve"],
        env={**sb.environment(), "DISCREET_LISTEN": address},
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert second.returncode == 1
    assert b"already being served (pid %d)" % serving.pid in second.stderr
    files = [file for file in sb.home.iterdir() if file.is_file()]
    assert files
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []
    assert "Rex" in sb.answer("--sender", "telegram:1001", "-m", "What is my dog called?")
    serving.kill(signal.SIGINT)
    serving.expect("Stopped")
    serving.expect(pexpect.EOF)
    serving.close()
    assert (serving.exitstatus, serving.signalstatus) == (0, None)
    assert sb.json("status")["installation"]["serving"] is False
    assert "Rex" in sb.answer("--sender", "telegram:1001", "-m", "What is my dog called?")
