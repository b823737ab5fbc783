"""Discord from outside: unreliable gateway and network, and killed processes.

One file, although it is long: every test begins with the same line from Discord to a server.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from discord.utils import snowflake_time

from discreet.app import App
from discreet.domain.errors import BadInput
from discreet.domain.platform import ChannelSecret
from discreet.services.admission import make_owner_link, set_admission
from discreet.services.agents import create_agent
from discreet.services.channels import connect_channel
from discreet.services.status import get_status
from tests.channels.discord_payloads import (
    ALICE,
    BOB,
    BOT,
    CHANNEL,
    DIRECT,
    OTHER_BOT,
    PHOTO,
    PRIVATE_THREAD,
    THREAD,
)
from tests.journeys.conftest import Installation, kill
from tests.journeys.harness import FAULTS_SECONDS, Harness
from tests.support.discord_api import ADA, BEA, Account, DiscordApi, Failure, discord_api
from tests.support.openai_server import Say, openai_server
from tests.support.waiting import until

AT_ADA: dict[str, Any] = {"mentions": [BOT]}
HI = f"<@{BOT['id']}> hi"


@dataclass
class Line:
    """An installation with Discord bots."""

    harness: Harness
    api: DiscordApi
    app: App

    @asynccontextmanager
    async def serving(self, bots: int = 1) -> AsyncIterator[None]:
        async with self.harness.serving(self.app):
            await self.harness.until(lambda: self.api.listening >= bots)
            yield

    async def add(self, agent: str, account: Account) -> None:
        await connect_channel(self.app.channels, agent, "discord", ChannelSecret(account.token))
        await set_admission(self.app.db, self.app.owner_id, agent, "discord", "open")

    def answered(self, how_many: int) -> bool:
        return (
            self.harness.count("messages WHERE state = 'answered'") == how_many
            and self.harness.count("outbox WHERE state <> 'sent'") == 0
        )

    def misrouted(self) -> int:
        return self.harness.count(
            "messages out JOIN discreet.messages asked ON asked.turn_id = out.turn_id"
            " AND asked.direction = 'in' AND asked.route_id IS DISTINCT FROM out.route_id"
            " WHERE out.direction = 'out'"
        )


@pytest.fixture
async def line(harness: Harness) -> AsyncIterator[Line]:
    async with discord_api() as api:
        for place in (DIRECT, CHANNEL, THREAD, PRIVATE_THREAD):
            api.add_place(place)
        line = Line(harness, api, harness.app_with(discord_base_url=api.base_url))
        await line.add("Ada", ADA)
        yield line


def direct(number: int) -> dict[str, Any]:
    """Return a person's direct chat."""
    return {"id": f"9000000000000020{number:02d}", "type": 1}


def person(number: int) -> dict[str, Any]:
    return {"id": f"9000000000000010{number:02d}", "username": f"person{number}"}


async def test_each_is_answered_where_it_was_said_and_nobody_is_called_by_accident(
    line: Line,
) -> None:
    harness, api = line.harness, line.api
    async with line.serving():
        said = await api.say(DIRECT, ALICE, "hello @everyone")
        await harness.until(lambda: len(api.texts(DIRECT["id"])) == 1)
        await api.say(CHANNEL, BOB, "The picnic is on Sunday.")
        await api.say(CHANNEL, OTHER_BOT, HI, **AT_ADA)
        await harness.until(lambda: harness.count("messages WHERE state = 'context'") == 1)
        await api.say(CHANNEL, BOB, f"<@{BOT['id']}> when is the picnic?", **AT_ADA)
        await harness.until(lambda: len(api.texts(CHANNEL["id"])) == 1)
        await api.say(THREAD, BOB, HI, **AT_ADA)
        await harness.until(lambda: len(api.texts(THREAD["id"])) == 1)
        await api.say(PRIVATE_THREAD, ALICE, HI, **AT_ADA)
        await harness.until(lambda: line.answered(4))
    assert api.created[0]["message_reference"]["message_id"] == said["id"]
    assert {str(body["allowed_mentions"]["parse"]) for body in api.created} == {"[]"}
    assert [len(api.texts(place["id"])) for place in (DIRECT, CHANNEL, THREAD)] == [1, 1, 1]
    assert len(api.texts(PRIVATE_THREAD["id"])) == 1
    # The channel with its thread is one group with two sessions; the private thread is another.
    assert harness.count("contacts WHERE type = 'group'") == 2
    assert harness.count("sessions WHERE thread_key LIKE 'thread:%'") == 1
    knew = harness.admin.execute(
        "SELECT prompt::text LIKE '%picnic is on Sunday%' FROM discreet.turns ORDER BY started_at"
    ).fetchall()
    assert knew == [(False,), (True,), (False,), (False,)]


async def test_messages_during_a_lost_connection_arrive_once(line: Line) -> None:
    harness, api = line.harness, line.api
    async with line.serving():
        await api.say(DIRECT, ALICE, "one")
        await harness.until(lambda: line.answered(1))
        await api.cut()
        await api.say(DIRECT, ALICE, "two")
        await api.say(CHANNEL, BOB, HI, **AT_ADA)
        await harness.until(lambda: line.answered(3))
        assert (api.identified, api.resumed) == (1, 1)
        # The session is gone with its events: missed messages are fetched.
        await api.forget()
        await api.say(DIRECT, ALICE, "three")
        await api.say(THREAD, BOB, HI, **AT_ADA)
        await harness.until(lambda: line.answered(5))
        assert api.identified == 2
    assert harness.count("messages WHERE direction = 'in'") == 5
    assert line.misrouted() == 0


async def test_messages_during_downtime_are_answered_even_from_a_new_sender(
    line: Line,
) -> None:
    harness, api = line.harness, line.api
    api.add_place(direct(1))
    async with line.serving():
        await api.say(DIRECT, ALICE, "one")
        await harness.until(lambda: line.answered(1))
    await api.forget()
    for number in range(150):  # more than one page
        await api.say(CHANNEL, BOB, f"line {number}")
    await api.say(CHANNEL, BOB, HI, **AT_ADA)
    await api.say(DIRECT, ALICE, "two")
    await api.say(direct(1), person(1), "I am new, and wrote while you slept")
    async with line.serving():
        await harness.until(lambda: line.answered(3))
        # Discord gives bots no list of direct chats: this one is known once somebody writes again.
        await api.say(direct(1), person(1), "hello?")
        await harness.until(lambda: line.answered(5))
    texts = harness.admin.execute(
        "SELECT text FROM discreet.messages m JOIN discreet.routes r ON r.id = m.route_id"
        " WHERE r.chat_id = %s AND m.direction = 'in' ORDER BY m.position",
        (direct(1)["id"],),
    ).fetchall()
    assert texts == [("I am new, and wrote while you slept",), ("hello?",)]


async def test_a_thread_that_was_put_away_is_asked_as_well(line: Line) -> None:
    harness, api = line.harness, line.api
    async with line.serving():
        await api.say(THREAD, ALICE, HI, **AT_ADA)
        await harness.until(lambda: line.answered(1))
    await api.forget()
    await api.say(THREAD, ALICE, HI, **AT_ADA)
    api.put_away.add(THREAD["id"])  # Discord lists only open threads
    async with line.serving():
        await harness.until(lambda: line.answered(2))
    assert len(api.texts(THREAD["id"])) == 2
    assert harness.count("contacts WHERE type = 'group'") == 1
    assert harness.count("sessions WHERE contact_id IS NOT NULL") == 1


async def test_messages_from_before_the_connection_and_stored_ones_are_not_fetched(
    line: Line,
) -> None:
    harness, api = line.harness, line.api
    await api.say(CHANNEL, BOB, HI, **AT_ADA)
    old = await api.say(DIRECT, ALICE, "old")
    heard = snowflake_time(int(old["id"])) + timedelta(milliseconds=1)
    harness.admin.execute("UPDATE discreet.channels SET received_through = %s", [heard])
    await until(lambda: snowflake_time(int(api.new_id())) > heard, "a later millisecond")
    async with line.serving():
        await api.say(DIRECT, ALICE, "new")
        await api.say(CHANNEL, BOB, HI, **AT_ADA)
        await harness.until(lambda: line.answered(2))
    assert harness.count("messages WHERE direction = 'in'") == 2


async def test_what_can_not_be_stored_is_stored_later_and_in_its_order(line: Line) -> None:
    harness, api = line.harness, line.api
    async with line.serving():
        async with harness.storing_nothing() as refused:
            for number in range(3):
                await api.say(DIRECT, ALICE, f"line {number}")
            await harness.until(refused, "a message that can't be stored")
        await harness.until(lambda: line.answered(3))
    stored = harness.admin.execute(
        "SELECT text FROM discreet.messages WHERE direction = 'in' ORDER BY position"
    ).fetchall()
    assert stored == [("line 0",), ("line 1",), ("line 2",)]


async def test_a_message_that_is_broken_waits_for_the_owner_and_holds_nobody_up(line: Line) -> None:
    harness, api = line.harness, line.api
    async with line.serving():
        await api.tell("MESSAGE_CREATE", {"id": "7", "content": "broken", "author": ALICE})
        await api.tell("MESSAGE_CREATE", {"content": "worse", "channel_id": "?", "type": 0})
        await api.say(DIRECT, ALICE, "hello")
        await harness.until(lambda: line.answered(1))
    assert harness.count("quarantine") == 2


async def test_two_bots_lead_to_two_separate_agents(line: Line) -> None:
    harness, api = line.harness, line.api
    await create_agent(line.app.db, line.app.owner_id, "Bea")
    await line.add("Bea", BEA)
    async with line.serving(bots=2):
        await api.say(CHANNEL, ALICE, HI, **AT_ADA)
        await harness.until(lambda: line.answered(1))
    agents = harness.admin.execute(
        "SELECT DISTINCT a.name, m.state FROM discreet.messages m JOIN discreet.agents a"
        " ON a.id = m.agent_id WHERE m.direction = 'in' ORDER BY 1"
    ).fetchall()
    assert agents == [("Ada", "answered"), ("Bea", "context")]
    assert len(api.texts(CHANNEL["id"])) == 1


async def test_a_photo_is_fetched_and_kept_with_its_contact_and_the_token_goes_to_discord_only(
    line: Line,
) -> None:
    harness, api = line.harness, line.api
    api.files["cat.png"] = b"\x89PNG a cat"
    url = api.base_url + "/files/cat.png"
    api.failures["message"] = [Failure(500)]
    async with line.serving():
        await api.say(DIRECT, ALICE, "my cat", attachments=[{**PHOTO, "url": url, "size": 10}])
        await harness.until(lambda: line.answered(1))
    assert harness.count("attachments WHERE state = 'kept'") == 1


async def test_a_bot_that_may_not_read_is_not_added_and_one_that_may_no_more_is_shown(
    line: Line,
) -> None:
    harness, api = line.harness, line.api
    api.intents_allowed = False
    with pytest.raises(BadInput, match="read messages") as refused:
        await connect_channel(line.app.channels, "Ada", "discord", ChannelSecret(BEA.token))
    assert "Message Content Intent" in (refused.value.hint or "")
    async with harness.serving(line.app):
        await harness.until(lambda: harness.count("channels WHERE last_error <> ''") == 1)
    (channel,) = (await get_status(line.app.db, line.app.owner_id)).deaf
    assert "Message Content Intent" in channel.why
    api.accounts, api.intents_allowed = (BEA,), True
    async with harness.serving(line.app):
        await harness.until(
            lambda: harness.count("channels WHERE last_error LIKE '%refuses the token%'") == 1
        )
    api.accounts = (ADA,)
    async with line.serving():
        await harness.until(lambda: harness.count("channels WHERE last_error <> ''") == 0)


async def test_two_servers_never_listen_for_one_bot(line: Line) -> None:
    harness, api = line.harness, line.api
    other = harness.app_with(discord_base_url=api.base_url)
    async with harness.serving(other):
        async with line.serving():
            await harness.until(lambda: harness.receiving() == 2, "two that want the bot")
            for number in range(5):
                await api.say(DIRECT, ALICE, f"hello {number}")
            await harness.until(lambda: line.answered(5))
            assert api.identified == 1
        # The other one takes over.
        await api.say(DIRECT, ALICE, "hello again")
        await harness.until(lambda: line.answered(6))


async def test_nothing_is_lost_or_answered_twice_on_a_failing_network(
    line: Line,
) -> None:
    harness, api, chaos = line.harness, line.api, random.Random(7)
    api.chaos = chaos
    for number in range(4):
        api.add_place(direct(number))

    def said() -> int:
        return harness.count("messages WHERE direction = 'in'")

    async with line.serving():
        for number in range(24):
            if number % 6 == 5:
                await (api.cut if chaos.random() < 0.5 else api.forget)()
            if number % 4 == 3:
                await api.say(chaos.choice([CHANNEL, THREAD]), person(number % 3), HI, **AT_ADA)
            else:
                await api.say(direct(number % 3), person(number % 3), f"line {number}")
            behind = number - chaos.randrange(6)
            await harness.until(lambda behind=behind: said() > behind)  # type: ignore[misc]
        await api.cut()
        await harness.until(
            lambda: line.answered(24), "every answer", faults_seconds=FAULTS_SECONDS
        )
    assert harness.count("messages WHERE direction = 'in'") == 24
    # If a send was cut off after Discord accepted it, its nonce prevents a duplicate.
    shown = sum(len(api.texts(place)) for place in api.places)
    assert shown == harness.count("messages WHERE direction = 'out'")
    assert line.misrouted() == 0


async def test_kill_9_at_any_time_loses_nothing_and_answers_nothing_twice(
    line: Line, installation: Installation
) -> None:
    harness, api, kills, people = line.harness, line.api, 3, 12
    installation.settings = {"DISCREET_DISCORD_BASE_URL": api.base_url}
    for number in range(people):
        api.add_place(direct(number))

    async def serve() -> Any:
        serving = await asyncio.to_thread(installation.serve)
        await harness.until(lambda: api.listening == 1)
        return serving

    async def write(text: str, numbers: range) -> None:
        for number in numbers:
            await api.say(direct(number), person(number), text)

    def stored() -> int:
        return harness.count("messages WHERE direction = 'in'")

    chaos = random.Random(3)
    serving = await serve()
    await write("first", range(people))
    await harness.until(lambda: stored() == people)
    for turn in range(kills):
        # Half is written while it is served, and half while nobody receives.
        await write(f"hello {turn}", range(people // 2))
        enough = stored() + chaos.randrange(people // 2)
        await harness.until(lambda enough=enough: stored() >= enough)  # type: ignore[misc]
        kill(serving)
        await api.forget()
        await write(f"hello {turn}", range(people // 2, people))
        await api.say(CHANNEL, BOB, HI, **AT_ADA)
        serving = await serve()
    said = people * (1 + kills) + kills
    await harness.until(lambda: line.answered(said))
    kill(serving)
    assert harness.count("messages WHERE direction = 'in'") == said
    for place in api.places:
        stored = harness.admin.execute(
            "SELECT count(*) FROM discreet.messages m JOIN discreet.routes r ON r.id = m.route_id"
            " WHERE m.direction = 'out' AND coalesce(nullif(r.thread_id, ''), r.chat_id) = %s",
            (place,),
        ).fetchone()
        assert stored == (len(api.texts(place)),), "each answer is there once, and nowhere else"
    assert line.misrouted() == 0


async def test_a_long_answer_of_a_slow_model_grows_in_one_message_also_where_edits_fail(
    line: Line,
) -> None:
    api, harness = line.api, line.harness
    answer = " ".join(f"**word{number}** and" for number in range(40))
    api.failures["edit"] = [Failure(429, retry_after=1)]
    # A model's first answer isn't streamed.
    with openai_server(Say("Hi."), Say(answer, pause=0.08)) as script:
        settings = {"model": "any", "model_base_url": script.base_url}
        slow = harness.app_with(discord_base_url=api.base_url, **settings)
        async with harness.serving(slow):
            await harness.until(lambda: api.listening == 1)
            await api.say(DIRECT, ALICE, "Hello?")
            await harness.until(lambda: line.answered(1))
            await api.say(DIRECT, ALICE, "Tell me everything.")
            await harness.until(lambda: line.answered(2))
    assert api.texts(DIRECT["id"]) == ["Hi.", answer]
    assert len(api.created) == 2
    assert api.calls.count("edit") >= 2


async def test_the_owner_answers_somebody_in_person_from_their_own_chat(line: Line) -> None:
    harness, api = line.harness, line.api
    home = direct(1)
    api.add_place(home)
    code = await make_owner_link(line.app.db, line.app.owner_id, "discord")
    async with line.serving():
        await api.say(DIRECT, ALICE, "hello")
        await harness.until(lambda: line.answered(1))

        async def says(text: str, answer: str) -> None:
            before = len(api.texts(home["id"]))
            await api.say(home, person(1), text)
            await harness.until(
                lambda: any(answer in one for one in api.texts(home["id"])[before:])
            )

        await says(code, "This account is linked")
        await says("/status", "Nothing needs attention")
        await says(f"/takeover discord:{ALICE['id']}", "in person")
        await says("I am coming.", "To ")
        await harness.until(lambda: api.texts(DIRECT["id"])[-1] == "I am coming.")
        await api.say(DIRECT, ALICE, "/takeover me")
        await says("/end", "answers")
        await harness.until(lambda: len(api.texts(DIRECT["id"])) == 3)
    assert not any("in person" in one for one in api.texts(DIRECT["id"]))
