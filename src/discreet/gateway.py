"""The gateway runs a process's channels: it passes messages to intake and answers to platforms.

Added, changed and removed channels take effect while the process runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog

from discreet.auth.channel_secrets import load_secret
from discreet.channel_registry import ChannelRegistry
from discreet.channels.terminal import TerminalChannel
from discreet.domain.concurrency import end, happens, running, start
from discreet.domain.errors import BadInput, DiscreetError, SecretMissing
from discreet.domain.ids import ChannelId, OwnerId
from discreet.domain.inbound import Inbound
from discreet.domain.outbound import Channel, DraftResult, NoFile, Place, Rejected
from discreet.domain.platform import (
    Accounts,
    ChannelSecret,
    Event,
    EventSink,
    GroupMoved,
    OpenChannel,
    Receipt,
    ReceiveContext,
)
from discreet.http_server import serving_http
from discreet.intake.accept import accept_or_quarantine
from discreet.intake.groups import move_group
from discreet.intake.receipts import record_receipt
from discreet.intake.receive_cursor import ChannelCursor
from discreet.queue.job_scope import DueRoute
from discreet.queue.leases import leader_lock
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.settings import Settings
from discreet.webhooks import WebhookServer

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0
"""Seconds between two checks for added, changed or removed channels without a notification."""
RESTART_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Open:
    """A channel to keep running. It is restarted if any of these fields changes."""

    channel_id: ChannelId
    owner_id: OwnerId
    platform: str
    account: str
    secret: ChannelSecret


_Account = tuple[OwnerId, str, str]
"""The owner, the platform, and the platform's id of the account."""


class Gateway:
    """Every channel of every owner. A platform's library is imported on first use.

    An owner's accounts are used only with that owner's secrets. ``key`` decrypts them. Anything
    that uses an account raises SecretMissing if this server has no secret for it.
    """

    def __init__(
        self, settings: Settings, db: ScopedDatabase, conninfo: str, key: bytes, wakes: Wakes
    ) -> None:
        self._settings = settings
        self._db = db
        self._conninfo = conninfo
        self._key = key
        self._wakes = wakes
        self._platforms = ChannelRegistry(settings)
        self._terminal = TerminalChannel()
        self._opened: dict[tuple[OwnerId, str], OpenChannel] = {}
        self._secrets: dict[_Account, ChannelSecret | None] = {}
        self._read: dict[_Account, tuple[datetime | None, ChannelSecret | None]] = {}

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms on which this process can deliver."""
        return ("terminal", *self._platforms)

    async def channel_of(self, route: DueRoute) -> Channel:
        """Return the channel for the answers of a route."""
        return await self._channel(route.scope.owner_id, route.platform, route.account)

    async def show_typing(self, owner_id: OwnerId, platform: str, place: Place) -> None:
        """Show a typing indicator; see ``Channel.show_typing``."""
        with suppress(BadInput):  # an invalid proxy is reported by the channel itself
            await (await self._channel(owner_id, platform, place.account)).show_typing(place)

    def draft_interval(self, owner_id: OwnerId, platform: str, place: Place) -> float | None:
        """See ``Channel.draft_interval``."""
        return self._opened_for(owner_id, platform).draft_interval(place)

    async def show_draft(
        self,
        owner_id: OwnerId,
        platform: str,
        place: Place,
        text: str,
        reply_to: str | None,
        shown_as: str | None,
    ) -> DraftResult:
        """See ``Channel.show_draft``."""
        try:
            channel = await self._channel(owner_id, platform, place.account)
            return await channel.show_draft(place, text, reply_to, shown_as)
        except BadInput as error:
            return Rejected(error.message)

    async def take_back(self, owner_id: OwnerId, platform: str, place: Place, message: str) -> None:
        """See ``Channel.take_back``."""
        with suppress(BadInput):
            channel = await self._channel(owner_id, platform, place.account)
            await channel.take_back(place, message)

    async def fetch(
        self, owner_id: OwnerId, platform: str, account: str, platform_file: str, max_bytes: int
    ) -> bytes | NoFile:
        """Return the content of a file that came with a message; see ``Channel.fetch``."""
        channel = await self._channel(owner_id, platform, account)
        return await channel.fetch(account, platform_file, max_bytes)

    async def close(self) -> None:
        """Close the connections to platforms."""
        for channel in self._opened.values():
            await channel.close()
        self._opened.clear()

    @asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        """Receive on every channel while the context is open.

        Raises:
            BadInput, Unavailable: the configured webhook address can't be used.
        """
        async with self._webhooks() as webhooks, running(self._keep_up(webhooks), "channels"):
            yield

    async def _keep_up(self, webhooks: WebhookServer | None) -> None:
        receiving: dict[_Open, asyncio.Task[None]] = {}
        async with self._wakes.of_channels() as woken:
            await self._keep_up_with(receiving, webhooks, woken)

    async def _keep_up_with(
        self,
        receiving: dict[_Open, asyncio.Task[None]],
        webhooks: WebhookServer | None,
        woken: asyncio.Event,
    ) -> None:
        try:
            while True:
                woken.clear()
                try:
                    wanted = await self._wanted()
                except Exception as error:
                    log.warning("the channels could not be loaded", error=type(error).__name__)
                    wanted = set(receiving)
                await end(*(receiving.pop(gone) for gone in set(receiving) - wanted))
                for new in wanted - set(receiving):
                    log.info("a channel is started", channel_id=str(new.channel_id))
                    receiving[new] = start(self._receive(new, webhooks), f"receive {new.platform}")
                await happens(woken, LOOK_SECONDS)
        finally:
            await end(*receiving.values())

    async def _wanted(self) -> set[_Open]:
        async with self._db.begin(WorkScope()) as tx:
            found = await tx.fetch("SELECT * FROM gate.open_channels()")
        wanted = set()
        for row in found:
            if row["platform"] not in self._platforms:
                continue
            channel_id, owner_id = ChannelId(row["id"]), OwnerId(row["owner_id"])
            account = (owner_id, row["platform"], row["account"])
            secret = await self._secret_given_at(account, row["secret_at"])
            if secret is not None:
                wanted.add(_Open(channel_id, *account, secret))
        return wanted

    async def _secret_given_at(
        self, account: _Account, given_at: datetime | None
    ) -> ChannelSecret | None:
        """Return the secret stored at that time, read once; None: it isn't for this server."""
        read_at, secret = self._read.get(account, (None, None))
        if given_at == read_at:
            return secret
        try:
            secret = await self._load(account)
        except SecretMissing as missing:
            log.warning("a channel is not started", platform=account[1], why=missing.message)
            secret = None
        self._read[account] = (given_at, secret)
        return secret

    async def _receive(self, channel: _Open, webhooks: WebhookServer | None) -> None:
        while True:
            try:
                await self._platforms[channel.platform].receive(self._context(channel, webhooks))
            except BadInput as error:
                # A wrong setting, such as a proxy: only a person can fix it.
                log.error(
                    "a channel can't be opened",
                    channel_id=str(channel.channel_id),
                    why=error.message,
                )
                with suppress(DiscreetError):
                    await self._context(channel, webhooks).receive_cursor.record_error(
                        error.message
                    )
            except Exception as error:
                log.warning(
                    "a channel failed and is restarted",
                    channel_id=str(channel.channel_id),
                    error=type(error).__name__,
                )
            await asyncio.sleep(RESTART_SECONDS)

    def _context(self, channel: _Open, webhooks: WebhookServer | None) -> ReceiveContext:
        return ReceiveContext(
            channel.account,
            channel.secret,
            channel.channel_id,
            self._take(channel),
            lambda: leader_lock(self._conninfo, f"receive {channel.channel_id}"),
            webhooks,
            ChannelCursor(self._db, channel.owner_id, channel.channel_id),
        )

    @asynccontextmanager
    async def _webhooks(self) -> AsyncIterator[WebhookServer | None]:
        """Listen for webhooks if the installation has a public URL."""
        if self._settings.webhook_url is None:
            yield None
            return
        webhooks = WebhookServer(self._settings.webhook_url)
        where, setting = self._settings.webhook_listen, "DISCREET_WEBHOOK_LISTEN"
        shared = self._settings.processes > 1
        async with serving_http(webhooks, where, setting=setting, lifespan="off", shared=shared):
            yield webhooks

    def _take(self, channel: _Open) -> EventSink:
        async def take(event: Event) -> None:
            match event:
                case Inbound():
                    await accept_or_quarantine(self._db, channel.owner_id, event)
                case GroupMoved(old, new):
                    await move_group(self._db, channel.owner_id, old, new)
                case Receipt():
                    await record_receipt(self._db, channel.owner_id, event)
                case _:
                    assert_never(event)

        return take

    async def _channel(self, owner_id: OwnerId, platform: str, account: str) -> Channel:
        if platform == "terminal":
            return self._terminal
        # Read each time: another process may have added or removed it.
        self._secrets[owner_id, platform, account] = await self._load((owner_id, platform, account))
        return self._opened_for(owner_id, platform)

    async def _load(self, account: _Account) -> ChannelSecret | None:
        owner_id, platform, name = account
        async with self._db.begin(OwnerScope(owner_id)) as tx:
            return await load_secret(tx, self._key, platform, name)

    def _opened_for(self, owner_id: OwnerId, platform: str) -> Channel:
        if platform == "terminal":
            return self._terminal
        opened = self._opened.get((owner_id, platform))
        if opened is None:
            accounts = self._accounts_of(owner_id, platform)
            opened = self._opened[owner_id, platform] = self._platforms[platform].open(accounts)
        return opened

    def _accounts_of(self, owner_id: OwnerId, platform: str) -> Accounts:
        def secret_of(account: str) -> ChannelSecret | None:
            return self._secrets.get((owner_id, platform, account))

        return secret_of
