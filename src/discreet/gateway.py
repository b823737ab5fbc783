"""The gateway: the channels of a process. What they take in goes to intake, what they send comes
from delivery; a channel that is added, changed or removed is taken up while the process runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from discreet.channels.terminal import TerminalChannel
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import ChannelId, OwnerId
from discreet.domain.inbound import Inbound
from discreet.domain.outbound import Channel, DraftResult, NoFile, Place
from discreet.intake.accept import accept_or_quarantine
from discreet.intake.groups import move_group
from discreet.oversight.channel_secrets import ChannelSecret, load_secret
from discreet.queue.alone import alone
from discreet.scope import Door, WorkScope
from discreet.settings import Settings

if TYPE_CHECKING:
    from discreet.channels.telegram.api import Bots, Connection
    from discreet.channels.telegram.parse import GroupMoved
    from discreet.channels.telegram.webhook import Webhooks

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked whether channels were added, changed or removed."""
RESTART_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Open:
    """A channel to keep up. It is started anew where anything of this changes."""

    channel_id: ChannelId
    owner_id: OwnerId
    account: str
    secret: ChannelSecret


class Gateway(Mapping[str, Channel]):
    """Every channel, by platform. A platform's library is imported when it is first used."""

    def __init__(self, settings: Settings, door: Door, conninfo: str) -> None:
        self._settings = settings
        self._door = door
        self._conninfo = conninfo
        self._terminal = TerminalChannel()
        self._telegram: Channel | None = None
        self._bots: Bots | None = None

    def __getitem__(self, platform: str) -> Channel:
        match platform:
            case "terminal":
                return self._terminal
            case "telegram":
                return self._telegram_channel()
            case _:
                raise KeyError(platform)

    def __iter__(self) -> Iterator[str]:
        return iter(("terminal", "telegram"))

    def __len__(self) -> int:
        return 2

    async def show_typing(self, platform: str, place: Place) -> None:
        """Shows where an answer is awaited that it is coming."""
        await self[platform].show_typing(place)

    def draft_pace(self, platform: str, place: Place) -> float | None:
        """See ``Channel.draft_pace``."""
        return self[platform].draft_pace(place)

    async def show_draft(
        self, platform: str, place: Place, text: str, reply_to: str | None, shown_as: str | None
    ) -> DraftResult:
        """See ``Channel.show_draft``."""
        return await self[platform].show_draft(place, text, reply_to, shown_as)

    async def take_back(self, platform: str, place: Place, message: str) -> None:
        """See ``Channel.take_back``."""
        await self[platform].take_back(place, message)

    async def fetch(
        self, platform: str, account: str, platform_file: str, most_bytes: int
    ) -> bytes | NoFile:
        """The bytes of a file that came with a message; see ``Channel.fetch``."""
        return await self[platform].fetch(account, platform_file, most_bytes)

    async def close(self) -> None:
        """Closes the connections to platforms."""
        if self._bots is not None:
            await self._bots.close()

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Takes in what comes on every channel, as long as it is open.

        Raises:
            BadInput, Unavailable: webhooks can't be taken in at the address of the settings.
        """
        webhooks, server = self._webhooks()
        keeper = asyncio.create_task(self._keep_up(webhooks), name="channels")
        try:
            yield
        finally:
            for task in (keeper, *server):
                await _end(task)

    async def _keep_up(self, webhooks: Webhooks | None) -> None:
        running: dict[_Open, asyncio.Task[None]] = {}
        try:
            while True:
                try:
                    wanted = await self._wanted()
                except Exception as error:
                    log.warning("the channels could not be read", error=type(error).__name__)
                    wanted = set(running)
                for gone in set(running) - wanted:
                    await _end(running.pop(gone))
                for new in wanted - set(running):
                    log.info("a channel is taken up", channel_id=str(new.channel_id))
                    running[new] = asyncio.create_task(self._receive(new, webhooks))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for task in running.values():
                await _end(task)

    async def _wanted(self) -> set[_Open]:
        async with self._door.enter(WorkScope()) as rows:
            found = await rows.fetch("SELECT * FROM gate.open_channels()")
        wanted = set()
        for row in found:
            secret = load_secret(self._settings.home, row["platform"], row["account"])
            if secret is not None and row["platform"] == "telegram":
                channel_id, owner_id = ChannelId(row["id"]), OwnerId(row["owner_id"])
                wanted.add(_Open(channel_id, owner_id, row["account"], secret))
        return wanted

    async def _receive(self, channel: _Open, webhooks: Webhooks | None) -> None:
        while True:
            try:
                if webhooks is None:
                    await self._poll(channel)
                else:
                    await self._hook(channel, webhooks)
            except Exception as error:
                log.warning(
                    "a channel broke off and is taken up again",
                    channel_id=str(channel.channel_id),
                    error=type(error).__name__,
                )
            await asyncio.sleep(RESTART_SECONDS)

    async def _poll(self, channel: _Open) -> None:
        from discreet.channels.telegram.api import open_bot
        from discreet.channels.telegram.receive import identity_of, poll

        async with alone(self._conninfo, f"receive {channel.channel_id}") as still_alone:
            bot = await open_bot(self._connection(channel.secret))
            try:
                me = await identity_of(bot)
                await poll(bot, me, channel.channel_id, self._take(channel), still_alone)
            finally:
                await bot.request.shutdown()

    async def _hook(self, channel: _Open, webhooks: Webhooks) -> None:
        from discreet.channels.telegram.api import open_bot
        from discreet.channels.telegram.receive import identity_of
        from discreet.channels.telegram.webhook import Hook, set_webhook

        bot = await open_bot(self._connection(channel.secret))
        try:
            me = await identity_of(bot)
            hook = Hook(me, channel.channel_id, self._take(channel), channel.secret.webhook_secret)
            webhooks.hooks[str(channel.channel_id)] = hook
            await set_webhook(bot, self._settings.telegram_webhook_url or "", hook)
            await asyncio.Event().wait()
        finally:
            webhooks.hooks.pop(str(channel.channel_id), None)
            await bot.request.shutdown()

    def _webhooks(self) -> tuple[Webhooks | None, list[asyncio.Task[None]]]:
        """Listens for webhooks where the installation has a public address."""
        if self._settings.telegram_webhook_url is None:
            return None, []
        from discreet.channels.telegram.webhook import Webhooks, listen_at, serve_webhooks

        webhooks = Webhooks()
        serving = serve_webhooks(webhooks, listen_at(self._settings.telegram_webhook_listen))
        return webhooks, [asyncio.create_task(serving, name="webhooks")]

    def _take(self, channel: _Open) -> Callable[[Inbound | GroupMoved], Awaitable[None]]:
        async def take(parsed: Inbound | GroupMoved) -> None:
            if isinstance(parsed, Inbound):
                await accept_or_quarantine(self._door, channel.owner_id, parsed)
            else:
                await move_group(self._door, channel.owner_id, parsed.old, parsed.new)

        return take

    def _connection(self, secret: ChannelSecret) -> Connection:
        from discreet.channels.telegram.api import Connection

        return Connection(secret.token, secret.base_url or self._settings.telegram_base_url)

    def _telegram_channel(self) -> Channel:
        if self._telegram is None:
            from discreet.channels.telegram.api import Bots
            from discreet.channels.telegram.channel import TelegramChannel

            self._bots = Bots(self._connection_of)
            self._telegram = TelegramChannel(self._bots)
        return self._telegram

    def _connection_of(self, account: str) -> Connection | None:
        try:
            secret = load_secret(self._settings.home, "telegram", account)
        except DiscreetError as error:
            log.error("the secrets of channels can't be read", why=error.message)
            return None
        return None if secret is None else self._connection(secret)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
