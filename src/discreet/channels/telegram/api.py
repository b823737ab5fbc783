"""The Bot API: one connection per bot, opened on first use."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import telegram
from telegram.error import InvalidToken, NetworkError, TelegramError
from telegram.request import HTTPXRequest

from discreet.channels.http import ANSWER_SECONDS, CONNECT_SECONDS, silence
from discreet.domain.errors import BadInput, Unavailable
from discreet.proxies import check_proxies

DEFAULT_BASE_URL = "https://api.telegram.org"
CONNECTIONS = 32
TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
"""The format of a token. Anything else was copied wrongly and isn't sent anywhere."""


@dataclass(frozen=True, slots=True)
class ApiConnection:
    """A connection to the Bot API. ``token`` is a secret that gives full control of the bot."""

    token: str = field(repr=False)
    base_url: str = DEFAULT_BASE_URL


Connections = Callable[[str], ApiConnection | None]
"""Returns the connection of an account (the bot's id), or None if the channel no longer exists."""


class Bots:
    """Open clients, by account."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._open: dict[str, tuple[ApiConnection, telegram.Bot]] = {}
        self._opening = asyncio.Lock()

    async def get(self, account: str) -> telegram.Bot | None:
        """Return the client of a bot; a new one if its token or URL has changed."""
        connection = self._connections(account)
        async with self._opening:
            known = self._open.get(account)
            if known is not None and known[0] == connection:
                return known[1]
            if known is not None:
                del self._open[account]
                await known[1].request.shutdown()
            if connection is None:
                return None
            bot = await open_bot(connection)
            self._open[account] = (connection, bot)
            return bot

    async def close(self) -> None:
        """Close every connection."""
        async with self._opening:
            for _, bot in self._open.values():
                await bot.request.shutdown()
            self._open.clear()


async def open_bot(connection: ApiConnection) -> telegram.Bot:
    """Return a client without making a request. Close it with ``bot.request.shutdown()``."""
    # They log URLs, which contain the token, and bodies, which contain messages.
    silence("telegram", "httpx", "httpcore")
    check_proxies()
    request = HTTPXRequest(
        connection_pool_size=CONNECTIONS,
        connect_timeout=CONNECT_SECONDS,
        pool_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
        media_write_timeout=ANSWER_SECONDS,
    )
    await request.initialize()
    base = connection.base_url.rstrip("/")
    return telegram.Bot(
        connection.token,
        base_url=f"{base}/bot",
        base_file_url=f"{base}/file/bot",
        request=request,
        get_updates_request=request,  # its own would have other timeouts, and nobody closes it
    )


async def who_am_i(connection: ApiConnection) -> telegram.User:
    """Return the bot of a token, from the API.

    Raises:
        BadInput: the token is invalid or was revoked.
        Unavailable: the API can't be reached.
    """
    if not TOKEN.fullmatch(connection.token):
        raise BadInput(
            "That is not a bot token.",
            hint="Get one from @BotFather on Telegram; it looks like 123456:ABC-DEF...",
        )
    bot = await open_bot(connection)
    try:
        return await bot.get_me()
    except InvalidToken:
        raise BadInput(
            "Telegram rejected the token.",
            hint="Get it again from @BotFather: /mybots, API Token.",
        ) from None
    except NetworkError as error:
        raise Unavailable(
            f"{connection.base_url} can't be reached ({type(error).__name__}).",
            hint="Check the network and the URL.",
        ) from None
    except TelegramError as error:
        raise Unavailable(
            f"{connection.base_url} returned an invalid response ({type(error).__name__}).",
            hint="Try again.",
        ) from None
    finally:
        await bot.request.shutdown()
