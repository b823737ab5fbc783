"""Bursts of new Telegram senders on a busy machine: check that every turn ends.

Prints one line for the Python that runs it: turns, how many of them hung, the slowest answer. A
real ``sb serve`` answers, without a model, through the Bot API emulator of the tests. Exits with 1
if a turn hung or an answer never came.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.bot_api import TOKEN, BotApi, bot_api

SB = Path(sys.executable).parent / "sb"
START_SECONDS = 180.0
"""Seconds that the server may take to start on the busy machine."""
END_SECONDS = 60.0
FIRST_SENDER = 100_000
SPIN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


@dataclass
class Outcome:
    """The outcome of the turns. ``slowest``: seconds from sending to the answer."""

    turns: int = 0
    hung: list[int] = field(default_factory=list)
    slowest: float = 0.0


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="discreet-burst-") as folder:
        home = Path(folder) / "home"
        with busy(options.loops):
            outcome = asyncio.run(_run(home, options))
    print(
        f"Python {platform.python_version()}: {outcome.turns} turns, {len(outcome.hung)} hung,"
        f" the slowest {outcome.slowest:.1f} s",
        flush=True,
    )
    return 1 if outcome.hung else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/burst", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--senders", type=int, default=20, help="new ones in each round")
    parser.add_argument("--loops", type=int, default=8, help="busy loops beside the server")
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        help="seconds without any answer after which the turns that are left count as hung",
    )
    return parser.parse_args()


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep the processors busy with ``loops`` processes."""
    running = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


async def _run(home: Path, options: argparse.Namespace) -> Outcome:
    outcome = Outcome()
    async with bot_api() as api:
        environment = _environment(home, api.base_url)
        await asyncio.to_thread(_connect, environment)
        async with _serving(environment, home / "serve.log") as server:
            for number in range(options.rounds):
                await _round(api, server, number, options, outcome)
    return outcome


def _environment(home: Path, base_url: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "DISCREET_HOME": str(home),
        "DISCREET_LISTEN": "127.0.0.1:0",
        "DISCREET_TELEGRAM_BASE_URL": base_url,
        "DISCREET_TELEGRAM_TOKEN": TOKEN,
        "LANG": "C.UTF-8",
    }


def _connect(environment: dict[str, str]) -> None:
    """Connect a bot that admits everyone."""
    for words in (
        ("channels", "add", "telegram", "--agent", "Ada"),
        ("admission", "set", "Ada", "telegram", "open"),
    ):
        subprocess.run(
            [str(SB), *words],
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=START_SECONDS,
        )


@asynccontextmanager
async def _serving(environment: dict[str, str], log: Path) -> AsyncIterator[Process]:
    with log.open("wb") as output:
        server = await asyncio.create_subprocess_exec(
            SB, "serve", env=environment, stdin=DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while b"Press Ctrl-C to stop" not in _read(log):
            if server.returncode is not None or time.monotonic() > deadline:
                raise SystemExit(f"it does not serve: {_read(log).decode()}")
            await asyncio.sleep(0.1)
        yield server
    finally:
        server.terminate()
        try:
            async with asyncio.timeout(END_SECONDS):
                await server.wait()
        except TimeoutError:
            print("the server didn't end when it was told to", flush=True)
            server.kill()
            await server.wait()


def _read(log: Path) -> bytes:
    return log.read_bytes()


async def _round(
    api: BotApi,
    server: Process,
    number: int,
    options: argparse.Namespace,
    outcome: Outcome,
) -> None:
    first = FIRST_SENDER + number * options.senders
    waiting = set(range(first, first + options.senders))
    began = last = time.monotonic()
    await asyncio.gather(
        *(api.direct(sender, "Remember that my dog is called Rex.") for sender in waiting)
    )
    while waiting and time.monotonic() - last < options.patience:
        if server.returncode is not None:
            raise SystemExit("the server ended by itself")
        if answered := {sender for sender in waiting if api.texts(sender)}:
            waiting -= answered
            last = time.monotonic()
            outcome.slowest = max(outcome.slowest, last - began)
        await asyncio.sleep(0.05)
    outcome.turns += options.senders
    outcome.hung += sorted(waiting)
    print(
        f"  round {number + 1}: {len(waiting)} hung, {time.monotonic() - began:.1f} s", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
