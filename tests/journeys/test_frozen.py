"""A frozen server (kill -STOP) keeps its connections; another takes over.

When it wakes up, it changes nothing.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg

from discreet.domain.addresses import Address
from discreet.domain.platform import ChannelSecret
from discreet.intake.terminal_message import TerminalMessage
from discreet.queue.leases import LEASE, RETRY_SECONDS
from discreet.queue.server_lock import is_served
from discreet.services.admission import set_admission
from discreet.services.channels import connect_channel
from discreet.services.messages import send_message
from tests.channels.discord_payloads import ALICE, DIRECT
from tests.journeys.conftest import Installation, frozen_at, wait_until_frozen
from tests.journeys.harness import Harness
from tests.support.discord_api import ADA, discord_api
from tests.support.openai_server import Hang, Say, openai_server
from tests.support.waiting import until

TAKEOVER_SECONDS = 15.0
ON_A_BUSY_MACHINE = 6 * TAKEOVER_SECONDS
"""Processes there wait for a core; ``test_a_lease_is_taken_over_in_time`` holds the time itself."""
HOLDER = (
    "SELECT holder, what FROM queue.leases WHERE what LIKE 'receive %' AND leased_until > now()"
)
ANSWERED = "messages WHERE direction = 'in' AND state = 'answered'"


@contextmanager
def thawing(process: subprocess.Popen[str]) -> Any:
    """Freeze a process while the context is open."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


async def serve(installation: Installation) -> subprocess.Popen[str]:
    return await asyncio.to_thread(installation.serve)


def holder(admin: psycopg.Connection[Any]) -> Any:
    return admin.execute(HOLDER).fetchone()


async def _taken_over(harness: Harness, before: Any) -> float:
    """Return the seconds until another server holds the lease."""
    began = time.monotonic()
    await harness.until(lambda: holder(harness.admin) not in (None, before))
    return time.monotonic() - began


async def _said_and_answered(
    harness: Harness, say: Callable[[str], Any], texts: Callable[[], list[str]], text: str
) -> None:
    before = len(texts())
    await say(text)
    await harness.until(lambda: len(texts()) > before)


async def _is_taken_over_and_back_to_sleep(
    harness: Harness,
    installation: Installation,
    say: Callable[[str], Any],
    texts: Callable[[], list[str]],
) -> None:
    first = await serve(installation)
    await _said_and_answered(harness, say, texts, "one")
    before = holder(harness.admin)
    await serve(installation)
    with thawing(first):
        await say("two, to nobody yet")
        assert await _taken_over(harness, before) < ON_A_BUSY_MACHINE
        await harness.until(lambda: len(texts()) == 2)
        await _said_and_answered(harness, say, texts, "three")
        after = holder(harness.admin)
    await _said_and_answered(harness, say, texts, "four")
    await harness.until(lambda: harness.count("outbox WHERE state <> 'sent'") == 0)
    assert holder(harness.admin) == after, "who wakes up takes nothing back"
    assert harness.count(ANSWERED) == len(texts()) == 4, "nothing lost, nothing answered twice"


async def test_another_server_polls_telegram_and_the_frozen_one_does_no_harm(
    harness: Harness, installation: Installation
) -> None:
    await harness.connect()
    installation.settings["DISCREET_TELEGRAM_BASE_URL"] = harness.api.base_url

    async def say(text: str) -> None:
        await harness.api.direct(1001, text)

    await _is_taken_over_and_back_to_sleep(
        harness, installation, say, lambda: harness.api.texts(1001)
    )


async def test_another_server_listens_to_discord_and_the_frozen_one_does_no_harm(
    harness: Harness, installation: Installation
) -> None:
    async with discord_api() as api:
        api.add_place(DIRECT)
        app = harness.app_with(discord_base_url=api.base_url)
        await connect_channel(app.channels, "Ada", "discord", ChannelSecret(ADA.token))
        await set_admission(app.db, app.owner_id, "Ada", "discord", "open")
        installation.settings["DISCREET_DISCORD_BASE_URL"] = api.base_url

        async def say(text: str) -> None:
            await harness.until(lambda: api.listening >= 1)
            await api.say(DIRECT, ALICE, text)

        await _is_taken_over_and_back_to_sleep(
            harness, installation, say, lambda: api.texts(DIRECT["id"])
        )


@asynccontextmanager
async def _with_a_model(
    harness: Harness, installation: Installation, *replies: Any
) -> AsyncIterator[Any]:
    with openai_server(*replies) as model:
        installation.settings |= {
            "DISCREET_MODEL": "test-model",
            "DISCREET_MODEL_BASE_URL": model.base_url,
            "DISCREET_MODEL_API_KEY": "none",
            "DISCREET_TELEGRAM_BASE_URL": harness.api.base_url,
        }
        await harness.connect()
        yield model


async def test_another_server_answers_what_the_frozen_one_was_thinking_about_once(
    harness: Harness, installation: Installation
) -> None:
    async with _with_a_model(harness, installation, Hang(20.0), Say("an answer")) as model:
        first = await serve(installation)
        await harness.api.direct(1001, "hello")
        await harness.until(lambda: len(model.requests) == 1)
        await serve(installation)
        with thawing(first):
            began = time.monotonic()
            await harness.until(lambda: harness.count("turns WHERE state = 'lost'") == 1)
            assert time.monotonic() - began < ON_A_BUSY_MACHINE
            await harness.until(lambda: len(harness.api.texts(1001)) == 1)
        await harness.until(lambda: harness.count("outbox WHERE state <> 'sent'") == 0)
        await harness.api.direct(1001, "and now?")
        await harness.until(lambda: len(harness.api.texts(1001)) == 2)
    assert harness.count(ANSWERED) == 2


async def test_another_server_delivers_what_the_frozen_one_holds_in_its_transaction(
    harness: Harness, installation: Installation
) -> None:
    first = await serve(installation)
    with frozen_at(harness.admin, "sent"):
        address = Address.parse("telegram:1001")
        said = await send_message(
            harness.app.db,
            harness.app.owner_id,
            TerminalMessage("hello", sender=address, thread_key="sent"),
        )
        await asyncio.to_thread(wait_until_frozen, harness.admin, 1)
        first.send_signal(signal.SIGSTOP)
        await serve(installation)
    try:
        # The frozen one holds the session's lock.
        await harness.until(lambda: harness.count("outbox WHERE state = 'sent'") == 1)
    finally:
        first.send_signal(signal.SIGCONT)
    await send_message(
        harness.app.db,
        harness.app.owner_id,
        TerminalMessage("and now?", sender=address, thread_key="sent"),
    )
    await harness.until(lambda: harness.count("outbox WHERE state = 'sent'") == 2)
    assert harness.count("messages WHERE direction = 'out'") == 2
    assert harness.count(f"messages WHERE session_id = '{said.session_id}'") == 4


async def test_a_frozen_server_does_not_count_as_running(
    harness: Harness, installation: Installation
) -> None:
    first = await serve(installation)
    assert await is_served(harness.app.db)
    with thawing(first):
        await harness.until(
            lambda: (
                harness.admin.execute(
                    "SELECT count(*) FROM queue.leases WHERE leased_until > clock_timestamp()"
                ).fetchone()
                == (0,)
            )
        )
        assert not await is_served(harness.app.db)

    await until(lambda: is_served(harness.app.db), "a server that serves again")


def test_a_lease_is_taken_over_in_time() -> None:
    assert LEASE.total_seconds() + RETRY_SECONDS < TAKEOVER_SECONDS
