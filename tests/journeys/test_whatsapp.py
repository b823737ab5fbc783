"""WhatsApp from outside: signed requests and answers on a failing network."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from discreet.app import App
from discreet.domain.platform import ChannelSecret
from discreet.services.admission import make_owner_link, set_admission
from discreet.services.agents import create_agent
from discreet.services.channels import connect_channel
from discreet.services.status import get_status
from tests.channels.whatsapp_payloads import (
    BOTH,
    BSUID,
    IMAGE,
    PHONE,
    WINDOW_CLOSED,
    message,
    status,
)
from tests.journeys.conftest import Installation, kill
from tests.journeys.harness import FAULTS_SECONDS, Harness
from tests.support.cloud_api import (
    APP_SECRET,
    NUMBER,
    OTHER_NUMBER,
    TOKEN,
    CloudApi,
    Failure,
    call,
    cloud_api,
    payload,
)
from tests.support.waiting import PATIENCE_SECONDS, until

VERIFY = "a word that Meta has to show"


@dataclass
class Line:
    """An installation with WhatsApp numbers."""

    harness: Harness
    api: CloudApi
    app: App
    url: str

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with self.harness.serving(self.app):

            async def verified() -> bool:
                return await self.verify(VERIFY) == (200, "1158201444")

            await until(verified, "an answer at the webhook")
            yield

    async def verify(self, word: str) -> tuple[int, str]:
        asked = {"hub.mode": "subscribe", "hub.verify_token": word, "hub.challenge": "1158201444"}
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.get(self.url, params=asked) as answer,
            ):
                return answer.status, await answer.text()
        except aiohttp.ClientConnectionError:
            return 0, ""

    async def add(self, agent: str, number: str) -> None:
        secret = ChannelSecret(TOKEN, webhook_secret=VERIFY, app_secret=APP_SECRET)
        await connect_channel(self.app.channels, agent, "whatsapp", secret, number)
        await set_admission(self.app.db, self.app.owner_id, agent, "whatsapp", "open")


@pytest.fixture
async def line(harness: Harness) -> AsyncIterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    async with cloud_api() as api:
        app = harness.app_with(
            whatsapp_base_url=api.base_url, webhook_url=f"http://{at}", webhook_listen=at
        )
        line = Line(harness, api, app, f"http://{at}/whatsapp")
        await line.add("Ada", NUMBER)
        yield line


async def confirmed(line: Line, body: dict[str, Any]) -> bool:
    """Return whether a request is answered with 200."""
    try:
        return await call(line.url, body) == 200
    except aiohttp.ClientError:
        return False


def said(text: str, number: int, **fields: Any) -> dict[str, Any]:
    body = message("text", {"body": text}, **{"id": f"wamid.in{number}", **fields})
    return payload(body, contacts=[BOTH])


async def test_a_call_is_answered_200_once_its_message_is_stored_and_only_with_its_signature(
    line: Line,
) -> None:
    harness = line.harness
    async with line.serving():
        assert (await line.verify("guessed"))[0] == 404
        assert await call(line.url, said("hello", 1), secret="guessed") == 404
        assert harness.count("messages") == 0
        # Unstored messages are not confirmed, so Meta retries and they are stored.
        async with harness.storing_nothing():
            assert await call(line.url, said("hello", 1)) == 503
        assert await call(line.url, said("hello", 1)) == 200
        assert await call(line.url, said("hello", 1)) == 200
        await harness.until(lambda: len(line.api.texts(BSUID)) == 1)
    assert harness.count("messages WHERE direction = 'in'") == 1
    assert harness.count("turns") == 1


async def test_a_person_with_two_ids_is_one_contact_and_a_number_that_changes_hands_is_two(
    line: Line,
) -> None:
    harness = line.harness
    other_bsuid = "US.99999999999999999999"
    async with line.serving():
        first = message("text", {"body": "hi"}, id="wamid.1", from_user_id=None)
        assert await call(line.url, payload(first)) == 200
        assert await call(line.url, said("it's me", 2)) == 200
        hidden = message("text", {"body": "no phone"}, id="wamid.3", **{"from": None})
        assert await call(line.url, payload(hidden)) == 200
        assert harness.count("contacts WHERE type = 'external'") == 1
        stranger = message("text", {"body": "new"}, id="wamid.4", from_user_id=other_bsuid)
        assert await call(line.url, payload(stranger)) == 200
        assert harness.count("contacts WHERE type = 'external'") == 2
        await harness.until(lambda: harness.count("messages WHERE state = 'answered'") == 4)
        await harness.until(lambda: harness.count("outbox WHERE state <> 'sent'") == 0)
    rows = harness.admin.execute(
        "SELECT platform_id FROM discreet.addresses WHERE platform = 'whatsapp' AND contact_id ="
        " (SELECT contact_id FROM discreet.addresses WHERE platform_id = %s) ORDER BY 1",
        (PHONE,),
    ).fetchall()
    assert rows == [(PHONE,), (BSUID,)]


async def test_two_numbers_lead_to_two_separate_agents(line: Line) -> None:
    harness = line.harness
    await create_agent(line.app.db, line.app.owner_id, "Bea")
    await line.add("Bea", OTHER_NUMBER)
    async with line.serving():
        body = payload(message(id="wamid.7"), number=OTHER_NUMBER, contacts=[BOTH])
        await until(lambda: confirmed(line, body), "the second number")
        assert await call(line.url, said("hello", 1)) == 200
        await harness.until(lambda: len(line.api.texts(BSUID)) == 2)
    assert (
        harness.count(
            "sessions s JOIN discreet.agents a ON a.id = s.agent_id WHERE s.contact_id IS NOT NULL"
        )
        == 2
    )


async def test_what_became_of_an_answer_is_kept_with_it_and_the_owner_sees_why_it_failed(
    line: Line,
) -> None:
    harness = line.harness
    async with line.serving():
        for number in (1, 2):
            assert await call(line.url, said("hello", number)) == 200
            await harness.until(
                lambda n=number: harness.count("outbox WHERE state = 'sent'") == n  # type: ignore[misc]
            )
        stages = [
            status("wamid.out1", "read"),
            status("wamid.out1", "delivered"),
            status("wamid.out1", "failed", errors=[WINDOW_CLOSED]),
            status("wamid.out2", "failed", errors=[WINDOW_CLOSED]),
            status("wamid.of-somebody-else", "read"),
        ]
        assert await call(line.url, payload(statuses=stages)) == 200
    seen = "outbox WHERE delivered_at IS NOT NULL AND read_at IS NOT NULL AND state = 'sent'"
    assert harness.count(seen) == 1
    (undelivered,) = (await get_status(line.app.db, line.app.owner_id)).undelivered
    assert "24 hours" in undelivered.error


async def test_an_answer_after_more_than_a_day_is_not_sent_and_the_owner_sees_why(
    line: Line,
) -> None:
    async with line.serving():
        assert await call(line.url, said("hello", 1, timestamp="1760000000")) == 200
        await line.harness.until(lambda: line.harness.count("outbox WHERE state = 'failed'") == 1)
    assert line.api.sent == []
    (undelivered,) = (await get_status(line.app.db, line.app.owner_id)).undelivered
    assert "24 hours" in undelivered.error


async def test_a_call_that_comes_a_day_late_does_not_close_what_was_written_since(
    line: Line,
) -> None:
    async with line.serving():
        assert await call(line.url, said("hello", 1)) == 200
        assert await call(line.url, said("and this came late", 2, timestamp="1760000000")) == 200
        await line.harness.until(
            lambda: line.harness.count("messages WHERE state = 'answered'") == 2
        )
        await line.harness.until(lambda: line.harness.count("outbox WHERE state <> 'sent'") == 0)
    assert line.api.sent


async def test_a_photo_is_fetched_and_kept_with_its_contact(line: Line) -> None:
    line.api.media[IMAGE["id"]] = b"\xff\xd8\xff a cat"
    line.api.failures["media"] = [Failure(500)]
    async with line.serving():
        assert await call(line.url, payload(message("image", IMAGE), contacts=[BOTH])) == 200
        await line.harness.until(lambda: len(line.api.texts(BSUID)) == 1)
    assert line.harness.count("attachments WHERE state = 'kept'") == 1


async def test_nothing_is_lost_or_answered_twice_where_the_network_fails_and_calls_repeat(
    line: Line,
) -> None:
    harness, chaos = line.harness, random.Random(7)
    line.api.chaos = chaos
    people = [f"US.1000{number}" for number in range(4)]
    calls = []
    for number in range(24):
        who = people[number % 4]
        body = message(
            "text",
            {"body": f"line {number}"},
            id=f"wamid.in{number}",
            from_user_id=who,
            **{"from": None},
        )
        calls += [payload(body)] * chaos.choice([1, 1, 2, 3])
    chaos.shuffle(calls)
    async with line.serving():
        for body in calls:
            assert await call(line.url, body) == 200
        await harness.until(
            lambda: harness.count("messages WHERE state = 'answered'") == 24,
            "every answer",
            faults_seconds=FAULTS_SECONDS,
        )
        await harness.until(
            lambda: harness.count("outbox WHERE state <> 'sent'") == 0,
            "every answer at its reader",
            faults_seconds=FAULTS_SECONDS,
        )
    assert harness.count("messages WHERE direction = 'in'") == 24
    answers = harness.count("messages WHERE direction = 'out'")
    assert len(line.api.sent) == answers
    wrong = (
        "messages out JOIN discreet.messages asked ON asked.turn_id = out.turn_id"
        " AND asked.direction = 'in' AND asked.route_id IS DISTINCT FROM out.route_id"
        " WHERE out.direction = 'out'"
    )
    assert harness.count(wrong) == 0


async def test_statuses_that_overtake_the_sending_come_twice_and_in_any_order_are_all_kept(
    line: Line,
) -> None:
    harness, chaos = line.harness, random.Random(11)
    line.api.chaos = chaos
    lost: list[str] = []

    async def tell(name: str) -> None:
        # Every other one fails.
        chat = {"recipient_id": None, "recipient_user_id": line.api.sent[-1]["recipient"]}
        if (number := int(name.removeprefix("wamid.out"))) % 2:
            stages = [status(name, "delivered", **chat), status(name, "read", **chat)] * 2
        else:
            stages = [status(name, "failed", errors=[WINDOW_CLOSED], **chat)] * 2
            lost.append(name)
        chaos.shuffle(stages)
        early, late = stages[: number % 5], stages[number % 5 :]
        for stage in early:
            assert await call(line.url, payload(statuses=[stage])) == 200
        told.append(asyncio.create_task(after_it_is_sent(name, late)))

    async def after_it_is_sent(name: str, stages: list[dict[str, Any]]) -> None:
        await harness.until(
            lambda: harness.count(f"outbox WHERE platform_messages @> ARRAY['{name}']") == 1,
            f"a note that {name} was sent",
            faults_seconds=FAULTS_SECONDS,
        )
        for stage in stages:
            assert await call(line.url, payload(statuses=[stage])) == 200

    told: list[asyncio.Task[None]] = []
    line.api.taken = tell
    async with line.serving():
        for number in range(12):
            body = message(
                "text",
                {"body": "hello"},
                id=f"wamid.in{number}",
                from_user_id=f"US.1000{number}",
                **{"from": None},
            )
            assert await call(line.url, payload(body)) == 200
        await harness.until(lambda: len(told) == 12, "every answer", faults_seconds=FAULTS_SECONDS)
        await asyncio.gather(*told)
    assert len(line.api.sent) == 12
    assert len(lost) == 6
    assert harness.count("outbox WHERE state = 'failed' AND read_at IS NULL") == len(lost)
    seen = "outbox WHERE state = 'sent' AND delivered_at IS NOT NULL AND read_at IS NOT NULL"
    assert harness.count(seen) == 12 - len(lost)
    assert harness.count("early_receipts") == 0


async def test_kill_9_between_calls_loses_nothing_and_stores_nothing_twice(
    line: Line, installation: Installation
) -> None:
    harness, kills = line.harness, 3
    installation.settings = {
        "DISCREET_WHATSAPP_BASE_URL": line.api.base_url,
        "DISCREET_WEBHOOK_URL": line.app.settings.webhook_url or "",
        "DISCREET_WEBHOOK_LISTEN": line.app.settings.webhook_listen,
    }

    async def until_confirmed(number: int) -> None:
        """Retry until it is confirmed, like Meta."""
        who = {"from_user_id": f"US.1000{number}", "from": None}
        body = payload(message("text", {"body": "hello"}, id=f"wamid.in{number}", **who))
        kills_seconds = PATIENCE_SECONDS * kills
        await until(lambda: confirmed(line, body), "a 200", faults_seconds=kills_seconds, every=0.1)

    people, at_once = 12, 4
    calling: list[asyncio.Task[None]] = []
    for first in range(0, people, at_once):
        calling += [
            asyncio.create_task(until_confirmed(number)) for number in range(first, first + at_once)
        ]
        serving = await asyncio.to_thread(installation.serve)
        await harness.until(
            lambda first=first: harness.count("messages WHERE direction = 'in'") > first  # type: ignore[misc]
        )
        kill(serving)
    await asyncio.to_thread(installation.serve)
    await asyncio.gather(*calling)
    await harness.until(lambda: harness.count("messages WHERE state = 'answered'") == people)
    await harness.until(lambda: harness.count("outbox WHERE state <> 'sent'") == 0)
    assert harness.count("messages WHERE direction = 'in'") == people
    assert harness.count("messages WHERE direction = 'out'") == people
    # An answer being sent when its sender was killed may arrive twice, but is never lost.
    assert people <= len(line.api.sent) <= people + kills * 8
    assert {sent["recipient"] for sent in line.api.sent} == {f"US.1000{n}" for n in range(people)}


async def test_the_owner_answers_somebody_in_person_from_their_own_chat(line: Line) -> None:
    harness, api = line.harness, line.api
    owner, ids = "US.77777777777777777777", {"from_user_id": "US.77777777777777777777"}
    code = await make_owner_link(line.app.db, line.app.owner_id, "whatsapp")
    async with line.serving():
        assert await call(line.url, said("hello", 1)) == 200
        await harness.until(lambda: len(api.texts(BSUID)) == 1)

        async def says(number: int, text: str, answer: str) -> None:
            before = len(api.texts(owner))
            body = message("text", {"body": text}, id=f"wamid.own{number}", **ids, **{"from": None})
            assert await call(line.url, payload(body)) == 200
            await harness.until(lambda: any(answer in one for one in api.texts(owner)[before:]))

        await says(1, code, "This account is linked")
        await says(2, "/status", "Nothing needs attention")
        await says(3, f"/takeover whatsapp:{BSUID}", "in person")
        await says(4, "I am coming.", "To ")
        await harness.until(lambda: api.texts(BSUID)[-1] == "I am coming.")
        await says(5, "/end", "answers")
    assert not any("in person" in one for one in api.texts(BSUID))
