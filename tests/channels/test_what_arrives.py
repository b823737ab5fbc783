"""Every kind of message that a platform sends, as tables: payload -> line."""

from __future__ import annotations

from uuid import UUID

import pytest
from telegram import Update

from discreet.channels.discord import parse as discord_parse
from discreet.channels.telegram import parse as telegram_parse
from discreet.channels.whatsapp import parse as whatsapp_parse
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import Inbound
from discreet.domain.platform import Identity
from tests.channels.arrivals import discord, telegram, whatsapp
from tests.channels.discord_payloads import BOT
from tests.support.cloud_api import NUMBER
from tests.support.cloud_api import payload as whatsapp_call

CHANNEL_ID = ChannelId(UUID(int=1))


@pytest.mark.parametrize("name", telegram.KINDS)
def test_telegram_becomes(name: str) -> None:
    payload, line, answered = telegram.KINDS[name]
    update = Update.de_json(payload, bot=None)
    said = telegram_parse.parse(update, telegram_parse.Bot(4242, "ada_bot"), CHANNEL_ID)
    assert isinstance(said, Inbound)
    assert (said.line, said.addressed) == (line, answered)


@pytest.mark.parametrize("name", whatsapp.KINDS)
def test_whatsapp_becomes(name: str) -> None:
    message, line, answered = whatsapp.KINDS[name]
    me = Identity(NUMBER, "+1 555-078-3881")
    (said,) = whatsapp_parse.parse(whatsapp_call(message), me, CHANNEL_ID)
    assert isinstance(said, Inbound)
    assert (said.line, said.addressed) == (line, answered)


@pytest.mark.parametrize("name", discord.KINDS)
def test_discord_becomes(name: str) -> None:
    payload, line, answered = discord.KINDS[name]
    (said,) = discord_parse.parse(payload, Identity(str(BOT["id"]), "ada"), CHANNEL_ID)
    assert (said.line, said.addressed) == (line, answered)
