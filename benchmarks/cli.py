"""Commands on a warm home with the offline responder: wall time, and seconds of processor.

Lists, versions and completion; one message and MCP up to ``initialize``, without a server and
beside one. On a quiet machine wall and processor are about the same, except for what the server
does meanwhile; on a loaded one look at the processor.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.scratch import scratch_home

SB = Path(sys.executable).with_name("sb")
ROUNDS = 7
SUPERVISOR_SECONDS = 15
SAY = ("chat", "--sender", "telegram:1001", "--message", "Remember that I like tea.")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}
Environment = dict[str, str]


def main() -> None:
    with scratch_home() as home:
        env = {**os.environ, "DISCREET_HOME": str(home), "DISCREET_LISTEN": "127.0.0.1:0"}
        completion = {"_SB_COMPLETE": "complete_bash", "COMP_WORDS": "sb ag", "COMP_CWORD": "1"}
        _measured("sb version", 0.2, lambda: _run(env, "version"))
        _measured("sb --help", 0.2, lambda: _run(env, "--help"))
        _measured("completion", 0.2, lambda: _run(env | completion))
        _run(env, *SAY)
        _measured("sb chat --message, no server", 3.0, lambda: _run(env, *SAY))
        time.sleep(SUPERVISOR_SECONDS)  # until the last command's database has stopped
        _measured("  the database stopped, too", 3.0, lambda: _run(env, *SAY), rounds=1)
        _measured("sb mcp to initialize, no server", 2.5, lambda: _initialize(env))
        server = subprocess.Popen([SB, "serve"], env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            while re.search(r"REST at", server.stdout.readline()) is None:
                pass
            _measured("sb chat --message, beside a server", 0.4, lambda: _run(env, *SAY))
            _measured("sb mcp to initialize, beside a server", 0.6, lambda: _initialize(env))
        finally:
            server.terminate()
            server.wait(30)


def _measured(
    what: str, target: float, once: Callable[[], tuple[float, float]], rounds: int = ROUNDS
) -> None:
    took = [once() for _ in range(rounds)]
    wall, processor = (median(each) for each in zip(*took, strict=True))
    print(f"{what}: {wall:.2f} s, processor {processor:.2f} s (at most {target})", flush=True)


def _run(env: Environment, *words: str) -> tuple[float, float]:
    start, before = time.perf_counter(), os.times()
    subprocess.run([SB, *words], env=env, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


def _initialize(env: Environment) -> tuple[float, float]:
    start = time.perf_counter()
    command = [SB, "mcp", "--sender", "telegram:1001"]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mcp:
        assert mcp.stdin is not None and mcp.stdout is not None  # noqa: PT018 - pipes
        mcp.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        mcp.stdin.flush()
        assert b"result" in mcp.stdout.readline()
        wall = time.perf_counter() - start
        fields = Path(f"/proc/{mcp.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        processor = sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")
        mcp.stdin.close()
    return wall, processor


if __name__ == "__main__":
    main()
