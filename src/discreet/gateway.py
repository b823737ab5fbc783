"""The gateway: the channels of a process. What they take in goes to intake, what they send comes
from delivery; a channel that is added, changed or removed is taken up while the process runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import assert_never

import structlog

from discreet.channels.terminal import TerminalChannel
from discreet.domain.concurrency import end, running, start
from discreet.domain.errors import BadInput, DiscreetError
from discreet.domain.ids import ChannelId, OwnerId
from discreet.domain.inbound import Inbound
from discreet.domain.outbound import Channel, DraftResult, NoFile, Place, Rejected
from discreet.domain.platform import (
    Accounts,
    ChannelSecret,
    Event,
    GroupMoved,
    Line,
    OpenChannel,
    Receipt,
    Take,
)
from discreet.http_server import serving_http
from discreet.intake.accept import accept_or_quarantine
from discreet.intake.groups import move_group
from discreet.intake.hearing import ChannelHearing
from discreet.intake.receipts import note_receipt
from discreet.oversight.channel_secrets import load_secret
from discreet.platforms import Platforms
from discreet.queue.alone import alone
from discreet.scope import Door, WorkScope
from discreet.settings import Settings
from discreet.webhooks import WebhookServer

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked whether channels were added, changed or removed."""
RESTART_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Open:
    """A channel to keep up. It is started anew where anything of this changes."""

    channel_id: ChannelId
    owner_id: OwnerId
    platform: str
    account: str
    secret: ChannelSecret


class Gateway(Mapping[str, Channel]):
    """Every channel, by platform. A platform's library is imported when it is first used."""

    def __init__(self, settings: Settings, door: Door, conninfo: str) -> None:
        self._settings = settings
        self._door = door
        self._conninfo = conninfo
        self._platforms = Platforms(settings)
        self._terminal = TerminalChannel()
        self._opened: dict[str, OpenChannel] = {}

    def __getitem__(self, platform: str) -> Channel:
        if platform == "terminal":
            return self._terminal
        opened = self._opened.get(platform)
        if opened is None:
            opened = self._platforms[platform].open(self._accounts_of(platform))
            self._opened[platform] = opened
        return opened

    def __iter__(self) -> Iterator[str]:
        return iter(("terminal", *self._platforms))

    def __len__(self) -> int:
        return 1 + len(self._platforms)

    async def show_typing(self, platform: str, place: Place) -> None:
        """Shows where an answer is awaited that it is coming. Never fails."""
        with suppress(BadInput):  # the proxy can't be used: the channel's own trouble tells
            await self[platform].show_typing(place)

    def draft_pace(self, platform: str, place: Place) -> float | None:
        """See ``Channel.draft_pace``."""
        return self[platform].draft_pace(place)

    async def show_draft(
        self, platform: str, place: Place, text: str, reply_to: str | None, shown_as: str | None
    ) -> DraftResult:
        """See ``Channel.show_draft``."""
        try:
            return await self[platform].show_draft(place, text, reply_to, shown_as)
        except BadInput as error:
            return Rejected(error.message)

    async def take_back(self, platform: str, place: Place, message: str) -> None:
        """See ``Channel.take_back``."""
        with suppress(BadInput):
            await self[platform].take_back(place, message)

    async def fetch(
        self, platform: str, account: str, platform_file: str, most_bytes: int
    ) -> bytes | NoFile:
        """The bytes of a file that came with a message; see ``Channel.fetch``."""
        return await self[platform].fetch(account, platform_file, most_bytes)

    async def close(self) -> None:
        """Closes the connections to platforms."""
        for channel in self._opened.values():
            await channel.close()
        self._opened.clear()

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Takes in what comes on every channel, as long as it is open.

        Raises:
            BadInput, Unavailable: webhooks can't be taken in at the address of the settings.
        """
        async with self._webhooks() as webhooks, running(self._keep_up(webhooks), "channels"):
            yield

    async def _keep_up(self, webhooks: WebhookServer | None) -> None:
        receiving: dict[_Open, asyncio.Task[None]] = {}
        try:
            while True:
                try:
                    wanted = await self._wanted()
                except Exception as error:
                    log.warning("the channels could not be read", error=type(error).__name__)
                    wanted = set(receiving)
                await end(*(receiving.pop(gone) for gone in set(receiving) - wanted))
                for new in wanted - set(receiving):
                    log.info("a channel is taken up", channel_id=str(new.channel_id))
                    receiving[new] = start(self._receive(new, webhooks), f"receive {new.platform}")
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await end(*receiving.values())

    async def _wanted(self) -> set[_Open]:
        async with self._door.enter(WorkScope()) as rows:
            found = await rows.fetch("SELECT * FROM gate.open_channels()")
        wanted = set()
        for row in found:
            secret = load_secret(self._settings.home, row["platform"], row["account"])
            if secret is not None and row["platform"] in self._platforms:
                channel_id, owner_id = ChannelId(row["id"]), OwnerId(row["owner_id"])
                wanted.add(_Open(channel_id, owner_id, row["platform"], row["account"], secret))
        return wanted

    async def _receive(self, channel: _Open, webhooks: WebhookServer | None) -> None:
        while True:
            try:
                await self._platforms[channel.platform].receive(self._line(channel, webhooks))
            except BadInput as error:
                # A wrong setting, such as a proxy: only a person can mend it.
                log.error(
                    "a channel can't be opened",
                    channel_id=str(channel.channel_id),
                    why=error.message,
                )
                with suppress(DiscreetError):
                    await self._line(channel, webhooks).hearing.trouble(error.message)
            except Exception as error:
                log.warning(
                    "a channel broke off and is taken up again",
                    channel_id=str(channel.channel_id),
                    error=type(error).__name__,
                )
            await asyncio.sleep(RESTART_SECONDS)

    def _line(self, channel: _Open, webhooks: WebhookServer | None) -> Line:
        return Line(
            channel.account,
            channel.secret,
            channel.channel_id,
            self._take(channel),
            lambda: alone(self._conninfo, f"receive {channel.channel_id}"),
            webhooks,
            ChannelHearing(self._door, channel.owner_id, channel.channel_id),
        )

    @asynccontextmanager
    async def _webhooks(self) -> AsyncIterator[WebhookServer | None]:
        """Listens for webhooks where the installation has a public address."""
        if self._settings.webhook_url is None:
            yield None
            return
        webhooks = WebhookServer(self._settings.webhook_url)
        where, setting = self._settings.webhook_listen, "DISCREET_WEBHOOK_LISTEN"
        async with serving_http(webhooks, where, setting=setting, lifespan="off"):
            yield webhooks

    def _take(self, channel: _Open) -> Take:
        async def take(event: Event) -> None:
            match event:
                case Inbound():
                    await accept_or_quarantine(self._door, channel.owner_id, event)
                case GroupMoved(old, new):
                    await move_group(self._door, channel.owner_id, old, new)
                case Receipt():
                    await note_receipt(self._door, channel.owner_id, event)
                case _:
                    assert_never(event)

        return take

    def _accounts_of(self, platform: str) -> Accounts:
        def secret_of(account: str) -> ChannelSecret | None:
            try:
                return load_secret(self._settings.home, platform, account)
            except DiscreetError as error:
                log.error("the secrets of channels can't be read", why=error.message)
                return None

        return secret_of
