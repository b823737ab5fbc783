"""What goes out: one answer on its route, and what became of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from discreet.domain.ids import MessageId, TurnId


@dataclass(frozen=True, slots=True)
class Outbound:
    """One answer. The route comes from the message that it answers, never from anywhere else.

    ``text`` is whole; ``part`` says which of the parts that the platform needs is to be sent.
    """

    message_id: MessageId
    account: str
    chat_id: str
    platform_thread: str
    text: str
    reply_to: str | None
    part: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation goes on: what is needed to show there that an answer is coming."""

    account: str
    chat_id: str
    platform_thread: str


@dataclass(frozen=True, slots=True)
class Progress:
    """An answer that is being written: for which turn, where it will go, what there is of it."""

    turn_id: TurnId
    place: Place
    so_far: str


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


@dataclass(frozen=True, slots=True)
class NoFile:
    """A file that will never be had. ``why`` is for the owner."""

    why: str


SendResult = Sent | Later | Rejected


class Channel(Protocol):
    """A connection to a platform, as delivery sees it."""

    platform: str

    def parts(self, text: str) -> int:
        """How many messages this text takes on the platform; always the same for the same text."""
        ...

    async def send(self, outbound: Outbound) -> SendResult:
        """Sends one part of an answer. Doesn't raise for what the platform says."""
        ...

    async def fetch(self, account: str, platform_file: str, most_bytes: int) -> bytes | NoFile:
        """The bytes of a file that came with a message, at most so many.

        Raises:
            Unavailable: not now.
        """
        ...

    async def show_progress(self, progress: Progress) -> timedelta:
        """Shows that an answer is coming, or what of it is written, as far as the platform can do
        that without leaving anything behind; never fails. How long to wait before the next time.
        """
        ...
