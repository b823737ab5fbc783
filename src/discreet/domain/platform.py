"""The protocol that a platform implements to become a channel. Everything else (admission, groups,
limits, commands, files, delivery states) is the same for every platform."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import Inbound
from discreet.domain.outbound import Channel


@dataclass(frozen=True, slots=True)
class ChannelSecret:
    """What connects to an account on a platform. ``base_url`` empty: the installation's default.

    ``webhook_secret`` is what the platform proves itself with, when it calls us; ``app_secret``
    what it signs with, where it does and has chosen that key itself.
    """

    token: str = field(repr=False)
    base_url: str = ""
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    app_secret: str = field(default="", repr=False)


Accounts = Callable[[str], ChannelSecret | None]
"""The secret of an account; None where there is no such channel any more."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account, as its platform calls it: its id, and the name that people see."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class GroupMoved:
    """A group's chat has another id from now on, and is the same group."""

    old: Address
    new: Address


Stage = Literal["delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an answer after the platform took it. ``why`` is for the owner.

    ``chats``: where it was sent, under every id that the platform told. It counts for answers in
    that chat alone, whatever they are called.
    """

    channel_id: ChannelId
    chats: tuple[str, ...]
    platform_message_id: str
    stage: Stage
    at: datetime
    why: str = ""


Event = Inbound | GroupMoved | Receipt
"""What a platform tells."""

EventSink = Callable[[Event], Awaitable[None]]
"""Stores what came in; returns once it is stored, and raises where it isn't."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to a webhook. ``headers`` by their names in lower case; ``read`` gives the body,
    None where it is too long or the caller has gone."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    read: Callable[[], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The answer to a call."""

    status: int
    body: bytes = b""


class Webhooks(Protocol):
    """Where platforms call this installation."""

    def address(self, path: str) -> str:
        """Return the public address of a path."""
        ...

    def answering(
        self, path: str, answer: Callable[[WebhookRequest], Awaitable[WebhookResponse]]
    ) -> AbstractContextManager[None]:
        """Answer calls to this path while open."""
        ...


EnsureLeader = Callable[[], Awaitable[None]]
"""Raises where somebody else may be at it by now."""


class ReceiveCursor(Protocol):
    """How far an account has been listened to. For platforms that wait for no confirmation: what
    was said while nobody listened has to be asked for."""

    async def received_through(self) -> datetime:
        """Return the time up to which everything is stored; at first, when the account was
        connected."""
        ...

    async def advance(self, until: datetime) -> None:
        """Everything that was said before is stored. An earlier time changes nothing."""
        ...

    async def chats(self) -> Sequence[tuple[str, str]]:
        """Return every chat, with every thread of it, in which somebody has been heard."""
        ...

    async def record_error(self, why: str) -> None:
        """Record why the account can't receive and what the owner can do; empty: it can again."""
        ...


@dataclass(frozen=True, slots=True)
class ReceiveContext:
    """An account to receive on. ``webhooks`` None: the installation has no public address.

    ``leader_lock``: opens once no other process of the installation receives on this account.
    """

    account: str
    secret: ChannelSecret
    channel_id: ChannelId
    sink: EventSink
    leader_lock: Callable[[], AbstractAsyncContextManager[EnsureLeader]]
    webhooks: Webhooks | None
    receive_cursor: ReceiveCursor


class OpenChannel(Channel, Protocol):
    """A channel that holds connections."""

    async def close(self) -> None:
        """Close them, where there are any."""
        return


class Platform(Protocol):
    """A platform: one folder of ``channels``, or a package of somebody else."""

    name: str

    def open(self, accounts: Accounts) -> OpenChannel:
        """Return what sends, for every account. Connects to nothing yet."""
        ...

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:
        """Return whose secret this is, from the platform. ``account``: what the owner named, may be
        empty.

        Raises:
            BadInput: the secret is none, was revoked, or belongs to another account.
            Unavailable: the platform can't be reached.
        """
        ...

    def parse(
        self, payload: Mapping[str, Any], me: Identity, channel_id: ChannelId
    ) -> Sequence[Event]:
        """Return what a payload means, in its order. Pure: nothing is asked, stored or sent. What
        isn't understood is an ``Inbound`` with an ``UnknownSender``, never dropped silently."""
        ...

    async def receive(self, context: ReceiveContext) -> None:
        """Take in what people write, until it is cancelled. It may end or raise: it is started
        again. What was not stored is not confirmed to the platform."""
        ...
