"""Kill the primary of two PostgreSQL servers repeatedly, and count the effects on senders."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psycopg

from tests.failover.cluster import Cluster, free_ports
from tests.failover.senders import Book, Stop, count_telegram, over_rest, over_telegram
from tests.support.bot_api import TOKEN, BotApi, bot_api

SB = Path(sys.executable).parent / "sb"
TELEGRAM, REST = [2001, 2002, 2003, 2004], [3001, 3002, 3003, 3004]
STEADY_SECONDS = 3.0, 9.0
"""Random seconds without failures between two kills."""
DOWN_SECONDS = 3.0, 8.0
"""Random seconds that a killed node is down before its supervisor restarts it."""
SETTLE_SECONDS = 120.0

# From the database itself: every line with the answers that it got.
ANSWERS = """
SELECT count(*) FILTER (WHERE answers = 0), count(*) FILTER (WHERE answers > 1), count(*),
       count(*) FILTER (WHERE state <> 'answered'),
       (SELECT count(*) FROM discreet.outbox WHERE state <> 'sent')
  FROM (SELECT m.id, m.state, count(a.id) AS answers FROM discreet.messages m
          LEFT JOIN discreet.messages a ON a.turn_id = m.turn_id AND a.direction = 'out'
         WHERE m.direction = 'in' GROUP BY m.id) said
"""


@dataclass
class Server:
    """One ``sb serve`` with its own home."""

    home: Path
    address: str
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def sb(self, *words: str, given: str = "") -> str:
        done = subprocess.run(
            [SB, *words],
            env=self.settings,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"sb {' '.join(words)}: {done.stderr}")
        return done.stdout

    def serve(self) -> None:
        with (self.home.parent / f"{self.home.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SB, "serve"], env=self.settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Trial:
    """A trial and its outcome. ``gaps``: seconds without an answer after each kill."""

    cluster: Cluster
    servers: list[Server]
    book: Book = field(default_factory=Book)
    gaps: list[float] = field(default_factory=list)
    restarted: int = 0

    async def kill_once(self, number: int, choose: random.Random) -> None:
        redundant = await asyncio.to_thread(self.cluster.wait_until_redundant)
        await asyncio.sleep(choose.uniform(*STEADY_SECONDS))
        primary = await asyncio.to_thread(self.cluster.primary)
        if primary is None:
            raise AssertionError("nobody leads")
        whole = choose.random() < 0.5
        answered_before = len(self.book.answered)
        killed_at = time.monotonic()
        await asyncio.to_thread(self.cluster.kill, primary, whole=whole)
        if whole:
            await asyncio.sleep(choose.uniform(*DOWN_SECONDS))
            self.cluster.run(primary)
        await self.until_everybody_is_answered(answered_before, killed_at)
        gap = self._longest_gap(killed_at)
        self.gaps.append(gap)
        for server in self.servers:
            if not server.is_alive:
                self.restarted += 1
                server.serve()
        what = "node" if whole else "server"
        print(f"kill {number:2}: the primary's {what:6}  {gap:5.1f} s without an answer "
              f"(redundant again {redundant:4.1f} s before it)", flush=True)  # fmt: skip

    async def until_everybody_is_answered(self, since: int, killed_at: float) -> None:
        wanted = {*(f"t{one}" for one in TELEGRAM), *(f"r{one}" for one in REST)}
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            # An answer in the second of the kill may have come before it.
            after = {who for at, who in self.book.answered[since:] if at > killed_at + 1}
            if after >= wanted:
                return
            await asyncio.sleep(0.1)
        missing = ", ".join(sorted(wanted - after))
        print(f"  not answered within {SETTLE_SECONDS:g} s: {missing}", flush=True)

    def _longest_gap(self, killed_at: float) -> float:
        times = [killed_at, *(at for at, _ in self.book.answered if at > killed_at)]
        return max((after - before for before, after in pairwise(times)), default=0.0)


@contextlib.asynccontextmanager
async def trial(folder: Path, api: BotApi) -> AsyncIterator[Trial]:
    """Yield a cluster, two servers that joined it, and a bot that admits everyone."""
    cluster = Cluster(folder / "cluster")
    cluster.folder.mkdir()
    servers = []
    for name, port in zip(("first", "second"), free_ports(2), strict=True):
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DISCREET_HOME": str(folder / name),
            "DISCREET_LISTEN": f"127.0.0.1:{port}",
            "DISCREET_TELEGRAM_BASE_URL": api.base_url,
        }
        servers.append(Server(folder / name, f"http://127.0.0.1:{port}", settings))
    try:
        await asyncio.to_thread(cluster.start)
        first, second = servers
        await asyncio.to_thread(first.sb, "db", "init", "--admin-url", cluster.admin_url)
        await asyncio.to_thread(first.sb, "db", "invite", str(folder / "invitation"))
        await asyncio.to_thread(second.sb, "db", "join", str(folder / "invitation"))
        for words in (
            ("agents", "list"),
            ("channels", "add", "telegram"),
            ("admission", "set", "Ada", "telegram", "open"),
            ("limits", "set", "--messages-a-minute", "100000", "--tokens-a-day", "1000000000"),
        ):
            await asyncio.to_thread(first.sb, *words, given=f"{TOKEN}\n")
        for server in servers:
            server.serve()
        yield Trial(cluster, servers)
    finally:
        for server in servers:
            if server.process is not None:
                server.process.terminate()
        for server in servers:
            if server.process is not None:
                await asyncio.to_thread(server.process.wait)
        await asyncio.to_thread(cluster.stop)


async def main(kills: int, seed: int, keep: bool) -> int:
    # A request that its server aborted is part of the trial, not news.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="failover-"))
    choose, stop = random.Random(seed), Stop()
    try:
        async with bot_api() as api, trial(folder, api) as tried:
            made = await asyncio.to_thread(
                tried.servers[0].sb, "tokens", "create", "--agent", "Ada"
            )
            token = made.split()[-1]
            addresses = [server.address for server in tried.servers]
            senders = [
                *(over_telegram(api, tried.book, one, stop) for one in TELEGRAM),
                *(over_rest(addresses, token, tried.book, one, stop) for one in REST),
            ]
            at_work = [asyncio.create_task(one) for one in senders]
            await tried.until_everybody_is_answered(0, 0)
            tried.book.refused.clear()  # while the servers started
            print(
                f"8 senders, 2 servers, seed {seed}; killing the primary {kills} times", flush=True
            )
            for number in range(1, kills + 1):
                await tried.kill_once(number, choose)
            stop.asked = True
            await asyncio.gather(*at_work)
            await asyncio.sleep(10)  # time for any duplicates to be sent
            count_telegram(api, tried.book, TELEGRAM)
            return await report(tried)
    finally:
        if keep:
            print(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def report(tried: Trial) -> int:
    """Print the outcome; return 0 if nothing was lost, duplicated or restarted by hand."""
    book, gaps = tried.book, sorted(tried.gaps)

    def ask() -> tuple[int, ...]:
        with psycopg.connect(
            tried.cluster.admin_url, dbname="discreet", target_session_attrs="read-write"
        ) as conn:
            return conn.execute(ANSWERS).fetchone() or ()

    missing, doubled, stored, unsettled, unsent = await asyncio.to_thread(ask)
    print(f"messages: {len(book.said)} said, {stored} stored; refused and called again: "
          f"{dict(book.refused)}")  # fmt: skip
    if gaps:
        print(f"seconds without an answer: median {gaps[len(gaps) // 2]:.1f}, "
              f"most {gaps[-1]:.1f}")  # fmt: skip
    print(f"lost: {len(book.lost)} {book.lost[:10] or ''}".strip())
    print(f"answered twice: {len(book.twice)} {book.twice[:10] or ''}".strip())
    print(f"restarted by hand: {tried.restarted}")
    print(f"in the database: {missing} without an answer, {doubled} with several, "
          f"{unsettled} not settled, {unsent} answers not sent")  # fmt: skip
    failed = book.lost or book.twice or tried.restarted or missing or doubled or unsettled or unsent
    return 1 if failed else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the logs, and say where")
    given = parser.parse_args()
    raise SystemExit(asyncio.run(main(given.kills, given.seed, given.keep)))
