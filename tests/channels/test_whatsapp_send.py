"""Sending answers to WhatsApp, and fetching files from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from discreet.channels.whatsapp.api import ApiConnection, who_am_i
from discreet.channels.whatsapp.channel import WhatsAppChannel
from discreet.domain.errors import BadInput, Unavailable
from discreet.domain.ids import MessageId
from discreet.domain.outbound import (
    Later,
    NoFile,
    Outbound,
    Place,
    Rejected,
    SendResult,
    Sent,
    Unreachable,
)
from tests.channels.whatsapp_payloads import BSUID, PHONE
from tests.support.cloud_api import NUMBER, TOKEN, CloudApi, Failure, cloud_api


@pytest.fixture
async def api() -> AsyncIterator[CloudApi]:
    async with cloud_api() as api:
        yield api


@pytest.fixture
async def channel(api: CloudApi) -> AsyncIterator[WhatsAppChannel]:
    connections = {NUMBER: ApiConnection(TOKEN, api.base_url, "v24.0")}
    channel = WhatsAppChannel(connections.get)
    yield channel
    await channel.close()


def answer(text: str, *, chat: str = BSUID, part: int = 0, account: str = NUMBER) -> Outbound:
    heard = datetime.now(UTC)
    return Outbound(
        MessageId(UUID(int=1)), account, chat, "", text, "wamid.1", part, heard_at=heard
    )


async def test_an_answer_goes_to_the_id_that_its_message_came_from_and_replies_to_it(
    api: CloudApi, channel: WhatsAppChannel
) -> None:
    assert await channel.send(answer("**Hello** you")) == Sent("wamid.out1")
    assert isinstance(await channel.send(answer("to a phone", chat=PHONE)), Sent)
    assert isinstance(await channel.send(answer("to a group", chat="group Y2Fw")), Sent)
    by_id, by_phone, group = api.sent
    assert (by_id["recipient"], by_id["text"]["body"]) == (BSUID, "*Hello* you")
    assert by_id["context"] == {"message_id": "wamid.1"}
    assert (by_phone["to"], "recipient" in by_phone) == (PHONE, False)
    assert (group["to"], group["recipient_type"]) == ("Y2Fw", "group")


async def test_24_hours_after_somebody_wrote_nothing_is_sent_to_them(
    api: CloudApi, channel: WhatsAppChannel
) -> None:
    now = datetime.now(UTC)
    late = replace(answer("hello"), heard_at=now - timedelta(hours=24, seconds=1))
    result = await channel.send(late)
    assert isinstance(result, Unreachable)
    assert "24 hours" in result.why
    assert api.calls == []
    in_time = replace(late, heard_at=now - timedelta(hours=23, minutes=59))
    assert isinstance(await channel.send(in_time), Sent)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (
            Failure(429, 130429, retry_after="7"),
            Later(timedelta(seconds=7), "WhatsApp asks to slow down"),
        ),
        (Failure(400, 131056), Later(timedelta(seconds=10), "WhatsApp asks to slow down")),
        (Failure(500), Later),
        (Failure(400, 131016), Later),
        (Failure(cut=True), Later),
        (Failure(401, 190), Later),
        (Failure(400, 131026, "Message undeliverable"), Unreachable),
        (Failure(400, 131047, "Re-engagement message"), Unreachable),
        (Failure(400, 100, "Invalid parameter"), Rejected),
    ],
)
async def test_what_whatsapp_says_decides_whether_it_is_tried_again(
    api: CloudApi, channel: WhatsAppChannel, failure: Failure, kind: type[SendResult] | SendResult
) -> None:
    api.failures["send"] = [failure]
    result = await channel.send(answer("hello"))
    assert result == kind if isinstance(kind, Later) else isinstance(result, kind)
    assert TOKEN not in str(result)
    assert api.sent == []


async def test_a_file_is_fetched_by_its_id_and_never_more_than_was_asked_for(
    api: CloudApi, channel: WhatsAppChannel
) -> None:
    api.media["100"] = b"x" * 500
    assert await channel.fetch(NUMBER, "100", 500) == b"x" * 500
    assert isinstance(await channel.fetch(NUMBER, "100", 499), NoFile)
    assert isinstance(await channel.fetch(NUMBER, "101", 500), NoFile)
    api.failures["media"] = [Failure(500)]
    with pytest.raises(Unavailable):
        await channel.fetch(NUMBER, "100", 500)


async def test_a_token_is_checked_against_the_number(api: CloudApi) -> None:
    good = ApiConnection(TOKEN, api.base_url, "v24.0")
    assert (await who_am_i(good, NUMBER)).name == "+1 555-078-3881"
    with pytest.raises(BadInput, match="Unsupported get request"):
        await who_am_i(good, "999999")
    with pytest.raises(BadInput, match="Invalid OAuth"):
        await who_am_i(replace(good, token="y" * 40), NUMBER)
    api.failures["identify"] = [Failure(500)]
    with pytest.raises(Unavailable, match="can't be reached"):
        await who_am_i(good, NUMBER)
    asked = len(api.calls)
    for connection, account in ((good, "no number"), (replace(good, token="a b"), NUMBER)):
        with pytest.raises(BadInput):
            await who_am_i(connection, account)
    assert len(api.calls) == asked, "what is no token is sent to nobody"


def test_a_token_is_in_no_text_that_is_made_of_a_connection() -> None:
    assert TOKEN not in repr(ApiConnection(TOKEN, "", "v24.0"))


async def test_typing_marks_the_message_as_read_and_is_shown_once_while_it_lasts(
    api: CloudApi, channel: WhatsAppChannel
) -> None:
    for asked in ("wamid.1", "wamid.1", "wamid.2", None):
        await channel.show_typing(Place(NUMBER, BSUID, "", asked))
    await channel.show_typing(Place(NUMBER, "group Y2Fw", "", "wamid.3"))
    await channel.show_typing(Place("31415926535", BSUID, "", "wamid.4"))
    assert [shown["message_id"] for shown in api.typing] == ["wamid.1", "wamid.2"]
    assert api.typing[0] == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.1",
        "typing_indicator": {"type": "text"},
    }
    api.failures["send"] = [Failure(500), Failure(cut=True)]
    for asked in ("wamid.5", "wamid.6"):
        await channel.show_typing(Place(NUMBER, BSUID, "", asked))
    assert api.sent == []
