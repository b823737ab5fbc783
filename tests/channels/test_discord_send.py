"""Answers on Discord: rendering, splitting, and results of sending."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discreet.channels.discord.channel import DiscordChannel
from discreet.channels.discord.formatting import MAX_UNITS, render, split
from discreet.channels.discord.platform import DiscordPlatform
from discreet.domain.errors import Unavailable
from discreet.domain.ids import MessageId
from discreet.domain.outbound import (
    Later,
    NoFile,
    Outbound,
    OutcomeUnknown,
    Place,
    Rejected,
    Sent,
    ShownDraft,
    Unreachable,
)
from discreet.domain.platform import ChannelSecret
from discreet.settings import Settings
from tests.channels.discord_payloads import ALICE, CHANNEL, PHOTO, THREAD
from tests.support.discord_api import ADA, DiscordApi, Failure, discord_api

HERE = Place(ADA.id, CHANNEL["id"], "")


@dataclass
class Desk:
    api: DiscordApi
    channel: DiscordChannel


@pytest.fixture
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with discord_api() as api:
        api.add_place(CHANNEL)
        api.add_place(THREAD)
        home = tmp_path_factory.mktemp("home")
        platform = DiscordPlatform(Settings(home=home, discord_base_url=api.base_url))
        channel = platform.open({ADA.id: ChannelSecret(ADA.token)}.get)
        yield Desk(api, channel)
        await channel.close()


def answer(text: str = "hello", **fields: object) -> Outbound:
    values: dict[str, object] = {
        "message_id": MessageId(UUID(int=7)),
        "account": ADA.id,
        "chat_id": CHANNEL["id"],
        "platform_thread": "",
        "text": text,
        "reply_to": None,
        **fields,
    }
    return Outbound(**values)  # type: ignore[arg-type]


async def test_an_answer_in_a_thread_goes_into_the_thread(desk: Desk) -> None:
    assert isinstance(await desk.channel.send(answer(platform_thread=THREAD["id"])), Sent)
    assert desk.api.texts(THREAD["id"]) == ["hello"]
    assert desk.api.texts(CHANNEL["id"]) == []


async def test_an_accepted_but_cut_off_send_appears_once_after_the_retry(desk: Desk) -> None:
    desk.api.failures["create"] = [Failure(cut=True, after=True), Failure(502, after=True)]
    for _ in range(2):
        assert isinstance(await desk.channel.send(answer()), Later)
    assert isinstance(await desk.channel.send(answer()), Sent)
    assert desk.api.texts(CHANNEL["id"]) == ["hello"]
    # Another answer, or another part of it, is another message even if its text is the same.
    await desk.channel.send(answer(message_id=MessageId(UUID(int=8))))
    assert len(desk.api.texts(CHANNEL["id"])) == 2


async def test_an_answer_is_sent_even_if_its_message_can_not_be_replied_to(desk: Desk) -> None:
    desk.api.failures["create"] = [Failure(400, 160002, "Cannot reply")]
    assert isinstance(await desk.channel.send(answer(reply_to="77/2026-01-01")), Sent)
    assert desk.api.texts(CHANNEL["id"]) == ["hello"]
    assert "message_reference" not in desk.api.created[-1]
    other = MessageId(UUID(int=8))
    await desk.channel.send(answer("again", message_id=other, reply_to="77/2026-01-01"))
    assert desk.api.created[-1]["message_reference"]["message_id"] == "77"


async def test_what_discord_says_is_understood(desk: Desk) -> None:
    cases: list[tuple[Failure, object]] = [
        (Failure(429, retry_after=0.25), Later(timedelta(seconds=0.25), "")),
        (Failure(401), Later(timedelta(minutes=5), "")),
        (Failure(403, 50001, "Missing Access"), Unreachable("")),
        (Failure(404, 10003, "Unknown Channel"), Unreachable("")),
        (Failure(400, 50083, "Thread is archived"), Unreachable("")),
        (Failure(400, 50035, "Invalid Form Body"), Rejected("")),
        (Failure(503), Later(timedelta(0), "")),
    ]
    for failure, expected in cases:
        desk.api.failures["create"] = [failure]
        result = await desk.channel.send(answer())
        assert type(result) is type(expected), failure
        if isinstance(expected, Later):
            assert isinstance(result, Later)
            assert result.wait == expected.wait
    assert desk.api.texts(CHANNEL["id"]) == []


async def test_an_answer_grows_in_one_message_and_takes_its_place(desk: Desk) -> None:
    channel, here = desk.channel, CHANNEL["id"]
    shown = await channel.show_draft(HERE, "hel", None, None)
    assert isinstance(shown, Sent)
    name = shown.platform_message_id
    assert await channel.show_draft(HERE, "hello wor", None, name) == shown
    assert await channel.send(answer("hello world", draft=ShownDraft(name, fits=True))) == shown
    assert desk.api.texts(here) == ["hello world"]
    # Another answer's draft is deleted; a missing one is ignored.
    assert isinstance(await channel.send(answer("other", draft=ShownDraft(name, fits=False))), Sent)
    assert desk.api.texts(here) == ["other"]
    gone = answer("third", message_id=MessageId(UUID(int=9)), draft=ShownDraft(name, fits=True))
    assert isinstance(await channel.send(gone), Sent)
    assert desk.api.texts(here) == ["other", "third"]


async def test_a_draft_that_cannot_be_deleted_delays_the_answer(desk: Desk) -> None:
    shown = await desk.channel.show_draft(HERE, "hel", None, None)
    assert isinstance(shown, Sent)
    desk.api.failures["delete"] = [Failure(500)]
    held = answer("other", draft=ShownDraft(shown.platform_message_id, fits=False))
    assert isinstance(await desk.channel.send(held), Later)
    assert desk.api.texts(CHANNEL["id"]) == ["hel"]
    for failure, kind in (
        (Failure(cut=True), OutcomeUnknown),
        (Failure(429, retry_after=2), Later),
        (Failure(403, 50013), Rejected),
    ):
        desk.api.failures["create"] = [failure]
        assert isinstance(await desk.channel.show_draft(HERE, "x", None, None), kind)


async def test_a_file_is_asked_for_at_its_message_and_never_read_beyond_its_limit(
    desk: Desk,
) -> None:
    api, channel = desk.api, desk.channel
    api.files["cat.png"] = b"x" * 100
    photo = {**PHOTO, "url": api.base_url + "/files/cat.png"}
    said = await api.say(CHANNEL, ALICE, "", attachments=[photo])
    name = f"{CHANNEL['id']}/{said['id']}/{PHOTO['id']}"
    assert await channel.fetch(ADA.id, name, 100) == b"x" * 100
    assert isinstance(await channel.fetch(ADA.id, name, 99), NoFile)
    assert isinstance(await channel.fetch(ADA.id, f"{CHANNEL['id']}/1/2", 99), NoFile)
    assert isinstance(await channel.fetch(ADA.id, "nothing", 99), NoFile)
    api.failures["message"] = [Failure(500)]
    with pytest.raises(Unavailable):
        await channel.fetch(ADA.id, name, 100)


def test_markdown_is_shown_in_discords_way_and_code_stays_as_it_is() -> None:
    assert render("**b** *i* ~~s~~ __b__\n#### small") == "**b** *i* ~~s~~ **b**\n**small**"
    assert render("![a cat](https://x/c.png)") == "a cat (https://x/c.png)"
    assert render("`__init__` and snake__case__name") == r"`__init__` and snake\_\_case\_\_name"
    code = "```py\n__a__\n#### b\n| a | b |\n| c | d |\n```"
    assert render(code) == code
    table = "Look:\n\n| a | long |\n| --- | :-: |\n| xyz | 1 |\n\nSo."
    assert render(table) == "Look:\n\n```\na    long\nxyz  1\n```\n\nSo."


def test_a_block_of_code_that_is_cut_is_closed_and_opened_again() -> None:
    lines = "\n".join(f"print({number})" for number in range(400))
    parts = split(f"So:\n\n```python\n{lines}\n```\n\nThat is all.")
    assert len(parts) > 2
    assert all(len(part) <= MAX_UNITS for part in parts)
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert all(part.startswith("```python\n") for part in parts[1:-1])
    kept = [line for part in parts for line in part.splitlines() if line.startswith("print(")]
    assert kept == lines.splitlines()


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab `\n|#*😀é\u200d"), max_size=400), st.integers(60, 120))
def test_every_part_fits_and_nothing_that_can_be_seen_is_lost(text: str, limit: int) -> None:
    parts = split(text, limit, plain=True)
    assert parts == split(text, limit, plain=True)
    assert all(len(part.encode("utf-16-le")) // 2 <= limit for part in parts)

    def seen(of: str) -> str:
        return "".join(c for c in of if c not in " \n\\")

    assert seen("".join(parts)) == seen(text)


async def test_an_answer_in_parts_is_marked_as_a_reply_once(desk: Desk) -> None:
    text = "some words and more. " * 300
    for part in range(desk.channel.parts(text)):
        assert isinstance(await desk.channel.send(answer(text, reply_to="1", part=part)), Sent)
    replies = ["message_reference" in body for body in desk.api.created]
    assert replies == [True, False, False, False]
    assert len({body["nonce"] for body in desk.api.created}) == 4
    assert all(len(body["nonce"]) <= 25 for body in desk.api.created)


@pytest.mark.parametrize("code", [10003, 50083, 160005])
async def test_an_answer_to_a_thread_that_is_gone_goes_into_its_channel_once(
    desk: Desk, code: int
) -> None:
    desk.api.failures["create"] = [Failure(400, code, "Thread is archived")]
    result = await desk.channel.send(answer(platform_thread=THREAD["id"], reply_to="1"))
    assert isinstance(result, Sent)
    assert "Thread is archived" in result.note
    assert desk.api.texts(CHANNEL["id"]) == ["hello"]
    assert desk.api.texts(THREAD["id"]) == []


async def test_a_question_in_a_private_thread_is_not_answered_in_public(
    desk: Desk,
) -> None:
    private = {**THREAD, "id": "777", "type": 12}
    desk.api.add_place(private)
    desk.api.failures["create"] = [Failure(400, 50083, "Thread is archived")]
    result = await desk.channel.send(answer(platform_thread="777"))
    assert isinstance(result, Unreachable)
    assert desk.api.texts(CHANNEL["id"]) == []
