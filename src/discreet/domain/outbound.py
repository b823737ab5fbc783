"""What goes out: one answer on its route, and what became of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from discreet.domain.ids import MessageId


@dataclass(frozen=True, slots=True)
class Outbound:
    """One answer. The route comes from the message that it answers, never from anywhere else."""

    message_id: MessageId
    account: str
    chat_id: str
    platform_thread: str
    text: str
    reply_to: str | None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform has taken it; ``platform_message_id`` is its name there."""

    platform_message_id: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again after ``wait``. ``why`` is for the owner."""

    wait: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It will never be taken. ``why`` is for the owner."""

    why: str


SendResult = Sent | Later | Rejected


class Channel(Protocol):
    """A connection to a platform, as delivery sees it."""

    platform: str

    async def send(self, outbound: Outbound) -> SendResult:
        """Sends one answer. Doesn't raise for what the platform says."""
        ...
