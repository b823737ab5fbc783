"""Sending to Telegram, against an independent Bot API server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from discreet.channels.telegram.api import ApiConnection, Bots, who_am_i
from discreet.channels.telegram.channel import TelegramChannel
from discreet.domain.errors import BadInput, Unavailable
from discreet.domain.ids import MessageId
from discreet.domain.outbound import (
    Later,
    Outbound,
    OutcomeUnknown,
    Place,
    Rejected,
    SendResult,
    Sent,
    ShownDraft,
    Unreachable,
)
from tests.support.bot_api import TOKEN, BotApi, Fault, bot_api, refused, too_many


@pytest.fixture
async def api() -> AsyncIterator[BotApi]:
    async with bot_api() as api:
        yield api


@pytest.fixture
async def channel(api: BotApi) -> AsyncIterator[TelegramChannel]:
    connections = {"7": ApiConnection(TOKEN, api.base_url)}
    bots = Bots(connections.get)
    yield TelegramChannel(bots)
    await bots.close()


def answer(text: str, *, chat: str = "1001", part: int = 0, account: str = "7") -> Outbound:
    return Outbound(MessageId(UUID(int=1)), account, chat, "", text, "55", part)


async def test_an_answer_replies_to_its_message_with_its_formatting(
    api: BotApi, channel: TelegramChannel
) -> None:
    assert isinstance(await channel.send(answer("**Hello** you")), Sent)
    (sent,) = api.sent
    assert (sent["chat_id"], sent["text"]) == ("1001", "Hello you")
    assert json.loads(sent["reply_parameters"])["message_id"] == 55
    assert json.loads(sent["entities"]) == [{"type": "bold", "offset": 0, "length": 5}]


async def test_a_long_answer_goes_in_parts_and_only_the_first_replies(
    api: BotApi, channel: TelegramChannel
) -> None:
    text = "word " * 1500
    assert channel.parts(text) == 2
    for part in range(2):
        assert isinstance(await channel.send(answer(text, part=part)), Sent)
    assert ["reply_parameters" in sent for sent in api.sent] == [True, False]
    assert " ".join(sent["text"] for sent in api.sent) == text.strip()


async def test_formatting_that_is_refused_goes_as_plain_text(
    api: BotApi, channel: TelegramChannel
) -> None:
    api.faults["sendMessage"] = [refused(400, "Bad Request: can't parse entities")]
    assert isinstance(await channel.send(answer("**Hello**")), Sent)
    assert [("entities" in sent, sent["text"]) for sent in api.sent] == [(False, "Hello")]


async def test_a_group_that_became_a_supergroup_gets_its_answer_there(
    api: BotApi, channel: TelegramChannel
) -> None:
    api.faults["sendMessage"] = [
        refused(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100500)
    ]
    assert isinstance(await channel.send(answer("hello", chat="-500")), Sent)
    assert api.texts(-100500) == ["hello"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (too_many(7), Later(timedelta(seconds=7), "Telegram asks to slow down")),
        (Fault("status", 500), Later),
        (Fault("status", 502, "Bad Gateway"), Later),
        (Fault("cut"), Later),
        (refused(401, "Unauthorized"), Later),
        (refused(403, "Forbidden: bot was blocked by the user"), Unreachable),
        (refused(403, "Forbidden: bot was kicked from the group chat"), Unreachable),
        (refused(400, "Bad Request: chat not found"), Rejected),
    ],
)
async def test_what_telegram_says_decides_whether_it_is_tried_again(
    api: BotApi, channel: TelegramChannel, fault: Fault, kind: type[SendResult] | SendResult
) -> None:
    api.faults["sendMessage"] = [fault]
    result = await channel.send(answer("hello"))
    assert result == kind if isinstance(kind, Later) else isinstance(result, kind)
    assert TOKEN not in str(result)
    assert api.sent == []


async def shown(channel: TelegramChannel, text: str) -> ShownDraft:
    sent = await channel.show_draft(Place("7", "1001", ""), text, "55", None)
    assert isinstance(sent, Sent)
    return ShownDraft(sent.platform_message_id, fits=True)


async def test_an_answer_takes_the_place_of_what_grew_and_may_do_so_twice(
    api: BotApi, channel: TelegramChannel
) -> None:
    draft = await shown(channel, "**Hel")
    api.faults["editMessageText"] = [Fault("status", 500, after=True)]
    outbound = replace(answer("**Hello** you"), draft=draft)
    assert isinstance(await channel.send(outbound), Later)
    assert await channel.send(outbound) == Sent(draft.platform_message_id)
    assert api.chat(1001) == ["Hello you"]


async def test_formatting_that_is_refused_in_an_edit_goes_as_plain_text(
    api: BotApi, channel: TelegramChannel
) -> None:
    draft = await shown(channel, "Hel")
    api.faults["editMessageText"] = [refused(400, "Bad Request: can't parse entities")]
    assert isinstance(await channel.send(replace(answer("**Hello**"), draft=draft)), Sent)
    assert (api.chat(1001), len(api.sent)) == (["Hello"], 1)


async def test_a_new_message_is_sent_if_the_draft_is_gone_or_belongs_to_another_answer(
    api: BotApi, channel: TelegramChannel
) -> None:
    gone = await shown(channel, "Hel")
    await channel.take_back(Place("7", "1001", ""), gone.platform_message_id)
    await channel.take_back(Place("7", "1001", ""), gone.platform_message_id)
    assert isinstance(await channel.send(replace(answer("Hello"), draft=gone)), Sent)
    assert api.chat(1001) == ["Hello"]
    other = replace(await shown(channel, "By the w"), fits=False)
    assert isinstance(await channel.send(replace(answer("Stopped."), draft=other)), Sent)
    assert api.chat(1001) == ["Hello", "Stopped."]


async def test_what_grows_is_edited_less_often_in_a_group(channel: TelegramChannel) -> None:
    person, group = Place("7", "1001", ""), Place("7", "-500", "")
    assert (channel.draft_interval(person), channel.draft_interval(group)) == (1.0, 4.0)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (too_many(7), Later(timedelta(seconds=7), "Telegram asks to slow down")),
        (Fault("status", 500), OutcomeUnknown()),
        (Fault("cut"), OutcomeUnknown()),
        (refused(403, "Forbidden: bot was blocked by the user"), Rejected),
    ],
)
async def test_what_becomes_of_a_piece_of_an_answer_is_said(
    api: BotApi, channel: TelegramChannel, fault: Fault, result: Any
) -> None:
    api.faults["sendMessage"] = [fault]
    said = await channel.show_draft(Place("7", "1001", ""), "Hel", "55", None)
    assert isinstance(said, result) if isinstance(result, type) else said == result


async def test_a_channel_that_was_removed_sends_nothing(
    api: BotApi, channel: TelegramChannel
) -> None:
    assert isinstance(await channel.send(answer("hello", account="8")), Rejected)
    assert api.calls == []


async def test_a_typing_indicator_is_shown_and_never_fails(
    api: BotApi, channel: TelegramChannel
) -> None:
    api.faults["sendChatAction"] = [Fault("status", 500)]
    for _ in range(2):
        await channel.show_typing(Place("7", "1001", ""))
    assert api.calls == ["sendChatAction", "sendChatAction"]


async def test_a_token_is_checked_against_the_api(api: BotApi) -> None:
    assert (await who_am_i(ApiConnection(TOKEN, api.base_url))).id == 7
    api.faults["getMe"] = [refused(401, "Unauthorized"), Fault("status", 500)]
    with pytest.raises(BadInput, match="rejected the token"):
        await who_am_i(ApiConnection(TOKEN, api.base_url))
    with pytest.raises(Unavailable, match="can't be reached"):
        await who_am_i(ApiConnection(TOKEN, api.base_url))
    with pytest.raises(BadInput, match="not a bot token"):
        await who_am_i(ApiConnection("", api.base_url))
    asked = len(api.calls)
    with pytest.raises(BadInput, match="not a bot token"):
        await who_am_i(ApiConnection("4242 AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", api.base_url))
    assert len(api.calls) == asked, "what is no token is sent to nobody"


def test_a_token_is_in_no_text_that_is_made_of_a_connection() -> None:
    assert TOKEN not in repr(ApiConnection(TOKEN))


@pytest.mark.parametrize(
    "words", ["Bad Request: TOPIC_CLOSED", "Bad Request: message thread not found"]
)
async def test_an_answer_to_a_topic_that_is_gone_goes_into_the_same_chat_once(
    api: BotApi, channel: TelegramChannel, words: str
) -> None:
    api.faults["sendMessage"] = [refused(400, words)]
    result = await channel.send(replace(answer("hello", chat="-500"), platform_thread="9"))
    assert isinstance(result, Sent)
    assert "topic" in result.note
    [sent] = api.sent
    assert (sent["chat_id"], sent["text"]) == ("-500", "hello")
    assert "message_thread_id" not in sent
    assert "reply_parameters" not in sent
    api.faults["sendMessage"] = [refused(400, words)] * 2
    again = await channel.send(replace(answer("hello", chat="-500"), platform_thread="9"))
    assert isinstance(again, Rejected)
    place = Place("7", "-500", "9")
    api.faults["sendMessage"] = [refused(400, words)]
    assert isinstance(await channel.show_draft(place, "growing", None, None), Sent)
    assert "message_thread_id" not in api.sent[-1]
