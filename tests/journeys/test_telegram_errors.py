"""What the status says of a bot that can't receive, or not alone."""

from __future__ import annotations

import socket
from functools import partial

import aiohttp
import pytest

from discreet.app import App
from discreet.channels.telegram import receive_errors, webhook
from discreet.domain.concurrency import running
from discreet.services.status import get_status
from tests.channels.payloads import ALICE, GROUP, message
from tests.journeys.harness import Harness
from tests.support.bot_api import TOKEN, refused
from tests.support.waiting import until


async def _deaf(app: App) -> list[str]:
    status = await get_status(app.db, app.owner_id)
    return [channel.why for channel in status.deaf]


async def _call(client: aiohttp.ClientSession, harness: Harness, method: str, **form: int) -> None:
    url = f"{harness.api.base_url}/bot{TOKEN}/{method}"
    async with client.post(url, data=form) as response:
        await response.read()


async def _end_request(harness: Harness) -> None:
    """End the open request for updates, with one that nobody answers."""
    await harness.api.say(message(GROUP, ALICE, text="hello"))


async def test_the_status_names_another_program_that_polls_with_the_same_token_until_it_is_gone(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive_errors, "CALM_SECONDS", 1.5)
    await harness.connect()

    async def poll_elsewhere() -> None:
        async with aiohttp.ClientSession() as client:
            while True:
                await _call(client, harness, "getUpdates", timeout=1)

    async def is_well() -> bool:
        await _end_request(harness)
        return await _deaf(harness.app) == []

    async with running(poll_elsewhere(), "another installation"):
        await harness.until(lambda: "getUpdates" in harness.api.calls, "the other one")
        async with harness.serving():
            await until(partial(_deaf, harness.app), "the conflict")
            assert await _deaf(harness.app) == [receive_errors.ALSO_ELSEWHERE]
    async with harness.serving():
        await until(is_well, "the end of the conflict", every=0.2)


async def test_the_status_names_a_token_that_was_revoked(harness: Harness) -> None:
    await harness.connect()
    async with harness.serving():
        await harness.until(lambda: "getUpdates" in harness.api.calls)
        harness.api.faults["getUpdates"] = [refused(401, "Unauthorized")]
        await _end_request(harness)
        await until(partial(_deaf, harness.app), "the refusal")
        assert await _deaf(harness.app) == [receive_errors.WRONG_TOKEN]


async def test_the_status_names_a_webhook_that_another_program_has_taken(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "WATCH_SECONDS", 0.2)
    await harness.connect()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    app = harness.app_with(webhook_url=f"http://{address}", webhook_listen=address)
    async with harness.serving(app), aiohttp.ClientSession() as client:
        await harness.until(lambda: harness.api.calls.count("getWebhookInfo") > 0)
        assert await _deaf(app) == []
        await _call(client, harness, "deleteWebhook")  # what a program begins with that polls
        await until(partial(_deaf, app), "the loss")
        assert await _deaf(app) == [receive_errors.WEBHOOK_LOST]
