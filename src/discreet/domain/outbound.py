"""An outbound message on its route, and the results of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from discreet.domain.ids import MessageId

OFFLINE = "offline"
"""What a turn names as its model where rules answered: such an answer is words, not CommonMark."""


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """The message on a platform in which an answer was growing.

    ``fits``: the answer takes its place by an edit. Otherwise (it is another answer's, it is old,
    or nobody knows how it stands there) it is taken away before the answer is sent.
    """

    platform_message_id: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Outbound:
    """One answer. The route comes from the message that it answers, never from anywhere else.

    ``text`` is whole; ``part`` says which of the parts that the platform needs is to be sent.
    ``draft``: what stands there already, and makes room for the first part. ``heard_at``: when
    somebody last wrote in that chat. ``plain``: words of people, which are shown as they are;
    otherwise a model wrote it, in CommonMark.
    """

    message_id: MessageId
    account: str
    chat_id: str
    platform_thread: str
    text: str
    reply_to: str | None
    part: int = 0
    draft: ShownDraft | None = None
    heard_at: datetime | None = None
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation goes on: what is needed to show there that an answer is coming.

    ``asked``: the platform's id of the last message that is being answered.
    """

    account: str
    chat_id: str
    platform_thread: str
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform has taken it; ``platform_message_id`` is its name there. ``note``: what the
    owner should know, such as that it went into the chat because its topic is closed."""

    platform_message_id: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now: try again after ``wait``, which is zero where the platform asks for no time of its
    own. ``why`` is for the owner."""

    wait: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """This message will never be taken. ``why`` is for the owner."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Whoever is there can't be written to: they have left, blocked it, or it is too late.
    ``why`` is for the owner."""

    why: str


@dataclass(frozen=True, slots=True)
class NoFile:
    """A file that will never be had. ``why`` is for the owner."""

    why: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """Nobody knows whether the platform has taken it."""


SendResult = Sent | Later | Rejected | Unreachable
DraftResult = Sent | Later | Rejected | OutcomeUnknown


class Channel(Protocol):
    """A connection to a platform, as delivery sees it. A channel inherits from it, and says itself
    only how it sends and what else its platform can."""

    platform: str

    async def send(self, outbound: Outbound) -> SendResult:
        """Send one part of an answer. Doesn't raise for what the platform says."""
        ...

    def parts(self, text: str) -> int:  # noqa: ARG002
        """Return how many messages this text takes on the platform; always the same for the same
        text."""
        return 1

    def parts_of(self, outbound: Outbound) -> int:
        """Return the same of an answer, whose words may be no markdown."""
        return self.parts(outbound.text)

    async def fetch(self, account: str, platform_file: str, max_bytes: int) -> bytes | NoFile:  # noqa: ARG002
        """Return the bytes of a file that came with a message, at most so many.

        Raises:
            Unavailable: not now.
        """
        return NoFile(f"files of {self.platform} are not taken")

    async def show_typing(self, place: Place) -> None:  # noqa: ARG002
        """Show for some seconds that an answer is coming, where the platform can; never fails."""
        return

    def draft_pace(self, place: Place) -> float | None:  # noqa: ARG002
        """Return seconds between two edits of an answer that grows there; None: none can."""
        return None

    async def show_draft(
        self,
        place: Place,  # noqa: ARG002
        text: str,  # noqa: ARG002
        reply_to: str | None,  # noqa: ARG002
        shown_as: str | None,  # noqa: ARG002
    ) -> DraftResult:
        """Show how far an answer is: as a new message, or in the one named ``shown_as``. Doesn't
        raise for what the platform says."""
        return Rejected(f"no answer grows on {self.platform}")

    async def take_back(self, place: Place, platform_message_id: str) -> None:  # noqa: ARG002
        """Take away what ``show_draft`` has shown, if it still can; never fails."""
        return
