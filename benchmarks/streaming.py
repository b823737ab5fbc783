"""The cost of a long streamed answer: seconds of a turn whose model streams words as fast as it
can,
seconds until all of it is sent on Telegram, and seconds of its stream over REST or a terminal.

The target is that the cost grows with the length of the answer, not with its square: four times as
long, at most six times the seconds for each.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.support.bot_api import TOKEN, bot_api
from tests.support.openai_server import Say, openai_server
from tests.support.world import World, make_world

from benchmarks.scratch import scratch_database
from discreet.channels.telegram.api import ApiConnection, Bots
from discreet.channels.telegram.channel import TelegramChannel
from discreet.cli.interactive_chat import AnswerDisplay
from discreet.delivery import deliver
from discreet.domain.ids import RouteId
from discreet.memory.embedding import bundled_embedder
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.sessions.replies import reply_to
from discreet.settings import Settings
from discreet.turn.prompt import Budget
from discreet.turn.responders import make_responder
from discreet.turn.run import run_turn
from discreet.turn.turns import Turns

LENGTHS = (40_000, 126_000, 500_000)
PARAGRAPH = (
    "It was **the best** of times, it was _the worst_ of times, it was the age of `wisdom`, it was"
    " the age of foolishness, as [somebody](https://example.org/tale) wrote.\n\n"
    "- one thing\n- another thing\n\n```python\nfor i in range(10):\n    print(i)\n```\n\n"
)
TARGET = 6.0
LOOK_SECONDS = 1.0


async def main() -> None:
    figures = []
    async with scratch_database() as (_, db):
        world = await make_world(db)
        for length in LENGTHS:
            figures.append(await _measure(db, world, length))
            turn, sent, shown = figures[-1]
            print(
                f"{length:,} characters: turn {turn:.1f} s, sent in {sent:.1f} s,"
                f" shown at a terminal in {shown:.2f} s"
            )
    first, _, last = figures
    times = [slow / quick for quick, slow in zip(first, last, strict=True)]
    stream = LENGTHS[-1] / LENGTHS[0]
    worst = max(times) / stream * 4
    print(f"four times as long: {worst:.1f} times the seconds (target: at most {TARGET:g})")


async def _measure(db: ScopedDatabase, world: World, length: int) -> tuple[float, float, float]:
    text = (PARAGRAPH * (length // len(PARAGRAPH) + 1))[:length]
    said = await world.say("telegram:1001", "Tell me a story.")
    with tempfile.TemporaryDirectory() as home, openai_server(Say(text)) as script:
        settings = Settings(
            home=Path(home),
            model="scripted",
            model_base_url=script.base_url,
            turn_token_limit=10_000_000,
        )
        turns = Turns(db, bundled_embedder(), make_responder(settings), 1, Budget())
        began = time.monotonic()
        shown = asyncio.create_task(_show(world, said))
        await run_turn(turns, said.session_id)
        turn = time.monotonic() - began
        spent = await shown
    began = time.monotonic()
    await _send(db, said.session_id)
    return turn, time.monotonic() - began, spent


async def _show(world: World, said: Any) -> float:
    """Processor time of showing the answer at a terminal as it grows, until it is there."""
    with tempfile.TemporaryFile("w") as nowhere:
        page, spent = AnswerDisplay(Console(file=nowhere)), 0.0
        before, sys.stdout = sys.stdout, nowhere
        try:
            while True:
                async with world.db.begin(OwnerScope(world.owner_id)) as tx:
                    reply = await reply_to(tx, said.message_id)
                began = time.process_time()
                if reply.answer is not None:
                    return spent
                if reply.draft is not None:
                    await page.show(reply.draft)
                spent += time.process_time() - began
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            sys.stdout = before


async def _send(db: ScopedDatabase, session_id: Any) -> None:
    async with bot_api() as api:
        bots = Bots({"7": ApiConnection(TOKEN, api.base_url)}.get)
        channel = TelegramChannel(bots)

        async def by_telegram(_: Any) -> Any:
            return _Anywhere(channel)

        await deliver(db, by_telegram, RouteId(await _route(db, session_id)))
        assert api.sent, "nothing was sent"
        await channel.close()


class _Anywhere:
    """Sends what waits for a terminal on Telegram, with the bot of the benchmark."""

    def __init__(self, channel: TelegramChannel) -> None:
        self._channel = channel

    def parts(self, text: str) -> int:
        return self._channel.parts(text)

    async def send(self, outbound: Any) -> Any:
        return await self._channel.send(
            replace(outbound, account="7", chat_id="1001", platform_thread="", reply_to=None)
        )


async def _route(db: ScopedDatabase, session_id: Any) -> Any:
    from discreet.queue.job_scope import scope_of_session

    scope = await scope_of_session(db, session_id)
    assert scope is not None
    async with db.begin(scope) as tx:
        return await tx.value(
            "SELECT route_id FROM discreet.outbox WHERE session_id = %(id)s AND state = 'pending'",
            {"id": session_id},
        )


if __name__ == "__main__":
    asyncio.run(main())
