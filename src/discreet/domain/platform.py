"""The protocol that a platform implements to become a channel.

Everything else (admission, groups, limits, commands, files, delivery states) is the same for every
platform.
"""

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
    """The credentials of an account on a platform. An empty ``base_url`` means the default.

    The platform authenticates itself with ``webhook_secret`` when it calls us, and signs requests
    with ``app_secret`` if it issues such a key.
    """

    token: str = field(repr=False)
    base_url: str = ""
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    app_secret: str = field(default="", repr=False)


Accounts = Callable[[str], ChannelSecret | None]
"""Look up the credentials of an account; None if the channel no longer exists."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An account's id on its platform and its display name."""

    account: str
    name: str


@dataclass(frozen=True, slots=True)
class GroupMoved:
    """A group's chat got a new id. It is still the same group."""

    old: Address
    new: Address


Stage = Literal["delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The platform's report on an answer after accepting it. ``why`` is for the owner.

    ``chats``: every id of the chat that the platform reported. The receipt applies only to answers
    in that chat, even if other chats use the same message ids.
    """

    channel_id: ChannelId
    chats: tuple[str, ...]
    platform_message_id: str
    stage: Stage
    at: datetime
    why: str = ""


Event = Inbound | GroupMoved | Receipt
"""An event reported by a platform."""

EventSink = Callable[[Event], Awaitable[None]]
"""Store an event; return once it is stored, raise if it can't be."""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request to a webhook.

    ``headers`` have lower-case names. ``read`` returns the body, or None if it is too long or the
    client has disconnected.
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    read: Callable[[], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """The response to a webhook request."""

    status: int
    body: bytes = b""


class Webhooks(Protocol):
    """The webhook server of this installation."""

    def address(self, path: str) -> str:
        """Return the public URL of a path."""
        ...

    def answering(
        self, path: str, answer: Callable[[WebhookRequest], Awaitable[WebhookResponse]]
    ) -> AbstractContextManager[None]:
        """Answer requests to this path while the context is open."""
        ...


EnsureLeader = Callable[[], Awaitable[None]]
"""Raise if another process may be receiving by now."""


class ReceiveCursor(Protocol):
    """The position up to which an account has been received.

    For platforms that don't wait for a confirmation: messages sent while no process was receiving
    must be requested.
    """

    async def received_through(self) -> datetime:
        """Return the time through which everything is stored.

        Initially it is the time at which the account was connected.
        """
        ...

    async def advance(self, until: datetime) -> None:
        """Record that everything before this time is stored. An earlier time changes nothing."""
        ...

    async def chats(self) -> Sequence[tuple[str, str]]:
        """Return every chat, with each of its threads, from which a message has been received."""
        ...

    async def record_error(self, why: str) -> None:
        """Record why the account can't receive and what the owner can do. Empty: it works again."""
        ...


@dataclass(frozen=True, slots=True)
class ReceiveContext:
    """An account to receive on. ``webhooks`` is None if the installation has no public URL.

    ``leader_lock`` is acquired once no other process of the installation receives on this account.
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
        """Close the connections, if any."""
        return


class Platform(Protocol):
    """A platform: one folder of ``channels``, or an extension package."""

    name: str

    def open(self, accounts: Accounts) -> OpenChannel:
        """Return the sender for all accounts. Opens no connection yet."""
        ...

    async def identify(self, secret: ChannelSecret, account: str) -> Identity:
        """Ask the platform which account a secret belongs to.

        ``account`` is the account that the owner named, or empty.

        Raises:
            BadInput: the secret is invalid, was revoked, or belongs to another account.
            Unavailable: the platform can't be reached.
        """
        ...

    def parse(
        self, payload: Mapping[str, Any], me: Identity, channel_id: ChannelId
    ) -> Sequence[Event]:
        """Parse a payload into events, in order. Pure: it does no I/O.

        A payload that can't be parsed becomes an ``Inbound`` with an ``UnknownSender``; nothing is
        dropped silently.
        """
        ...

    async def receive(self, context: ReceiveContext) -> None:
        """Receive messages until cancelled. It is restarted if it returns or raises.

        Messages that were not stored are not confirmed to the platform.
        """
        ...
