"""``sb chat --message`` on a warm home with the offline responder: wall time of the whole command.

Without a server it starts the database (or finds it still up), works and delivers by itself: at
most 3 s. With one it stores the message and waits: at most 1 s.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.scratch import scratch_home

SB = Path(sys.executable).with_name("sb")
ROUNDS = 7
WITHOUT_TARGET, WITH_TARGET = 3.0, 1.0
SUPERVISOR_SECONDS = 15


def main() -> None:
    with scratch_home() as home:
        env = {**os.environ, "DISCREET_HOME": str(home)}
        _chat(env)
        cold = []
        for _ in range(3):
            time.sleep(SUPERVISOR_SECONDS)  # until the last command's database has stopped
            cold.append(_chat(env))
        warm = [_chat(env) for _ in range(ROUNDS)]
        print(
            f"sb chat --message, no server: {median(cold):.2f} s with the database stopped,"
            f" {median(warm):.2f} s while it is still up (at most {WITHOUT_TARGET})"
        )
        server = subprocess.Popen([SB, "serve"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            served = [_chat(env) for _ in range(ROUNDS)]
        finally:
            server.terminate()
            server.wait(30)
        print(
            f"sb chat --message, with a server: median {median(served):.2f} s,"
            f" worst {max(served):.2f} s (at most {WITH_TARGET})"
        )


def _chat(env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        [SB, "chat", "--sender", "telegram:1001", "--message", "Remember that I like tea."],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
