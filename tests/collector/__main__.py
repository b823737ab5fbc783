"""Send spans of a real server to a real collector, and read there what came.

A message to a Telegram bot (the Bot API emulator of the tests) is answered by a model with scripted
replies, which calls a tool first. The collector is Arize Phoenix, at the address that is given.
Prints each span with its attributes; exits with 1 if one is missing, or holds a word that was said.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import httpx

from tests.support.bot_api import TOKEN, bot_api
from tests.support.openai_server import Call, Say, openai_server
from tests.support.waiting import until

SB = Path(sys.executable).parent / "sb"
SENDER = 61093471
SECRETS = ("zyxquo", str(SENDER), "Annabel")
"""A word of every text, the sender's number on the platform, and the sender's name."""
SPANS = ("intake", "turn", "load", "respond", "save", "chat small", "execute_tool remember",
         "delivery")  # fmt: skip
REPLIES = (Call((("remember", {"content": "zyxquo likes tea", "topic_key": "zyxquo"}),)),
           Say("I know about zyxquo now, Annabel."))  # fmt: skip


async def main(collector: str) -> int:
    # The bot still asks for updates when the emulator ends.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="discreet-collector-") as folder:
        async with bot_api() as api:
            with openai_server(*REPLIES) as script:
                environment = {
                    **os.environ,
                    "DISCREET_HOME": str(Path(folder) / "home"),
                    "DISCREET_LISTEN": "127.0.0.1:0",
                    "DISCREET_TELEGRAM_BASE_URL": api.base_url,
                    "DISCREET_TELEGRAM_TOKEN": TOKEN,
                    "DISCREET_MODEL": "small",
                    "DISCREET_MODEL_BASE_URL": script.base_url,
                    "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
                }
                for words in (
                    "channels add telegram --agent Ada",
                    "admission set Ada telegram open",
                ):
                    await asyncio.to_thread(_sb, environment, *words.split())
                server = await asyncio.create_subprocess_exec(
                    SB, "serve", env=environment, stdin=DEVNULL, stdout=DEVNULL
                )
                try:
                    await api.direct(SENDER, "What is a zyxquo?", name="Annabel")
                    await until(lambda: any("zyxquo" in text for text in api.texts(SENDER)))
                finally:
                    server.terminate()  # sends the last spans
                    await server.wait()
    return _judge(_spans(collector))


def _sb(environment: dict[str, str], *words: str) -> None:
    subprocess.run([SB, *words], env=environment, check=True, stdin=DEVNULL, stdout=DEVNULL)


def _spans(collector: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"limit": 100}
    while True:
        got = httpx.get(f"{collector}/v1/projects/default/spans", params=page).raise_for_status()
        found += got.json()["data"]
        page["cursor"] = got.json()["next_cursor"]
        if page["cursor"] is None:
            return sorted(found, key=lambda span: str(span["start_time"]))


def _judge(spans: list[dict[str, Any]]) -> int:
    for span in spans:
        print(span["name"], " ".join(f"{k}={v}" for k, v in sorted(span["attributes"].items())))
    missing = [name for name in SPANS if name not in {span["name"] for span in spans}]
    told = [word for word in SECRETS if any(word in str(span) for span in spans)]
    below = ("turn", "load", "respond", "chat", "execute_tool", "save")
    of_turn = [span for span in spans if span["name"].split()[0] in below]
    traces = {span["context"]["trace_id"] for span in of_turn}
    print(f"{len(spans)} spans, {len(traces)} trace of the turn; missing: {missing or 'none'};"
          f" words that were said: {told or 'none'}")  # fmt: skip
    return 1 if missing or told or len(traces) != 1 else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="scripts/try-collector", description=__doc__)
    options.add_argument("collector", help="its address, such as http://127.0.0.1:6006")
    raise SystemExit(asyncio.run(main(options.parse_args().collector)))
