"""An outbound message on its route, and the results of sending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from discreet.domain.ids import MessageId

OFFLINE = "offline"
"""The model name of turns answered by rules. Such answers are plain text, not CommonMark."""


OWNER_NOTICE = "owner_notice"
"""The command of a message that notifies the owner."""
WITH_MARKS = (
    OWNER_NOTICE, "passed", "unsent", "pairing", "approve", "deny", "status", "contacts", "who",
    "takeover", "end", "block", "unblock", "pause", "resume", "usage", "drafts", "edit",
    "reject",
)  # fmt: skip
"""Commands whose answers are CommonMark, with people's text in code spans that it can't leave."""


@dataclass(frozen=True, slots=True)
class ShownDraft:
    """The message on a platform that shows a draft of an answer.

    ``fits``: the final answer replaces it by an edit. Otherwise (it belongs to another answer, is
    too old, or is in an unknown state) it is deleted before the answer is sent.
    """

    platform_message_id: str
    fits: bool


@dataclass(frozen=True, slots=True)
class Outbound:
    """One answer. Its route always comes from the message that it answers.

    ``text`` is the whole answer; ``part`` is the index of the part to send, if the platform needs
    several. ``draft``: a message already shown, which the first part replaces. ``heard_at``: when
    somebody last wrote in that chat. ``plain``: text written by people, shown literally; otherwise
    it is a model's CommonMark.
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
    """Where a conversation takes place, for showing there that an answer is coming.

    ``asked``: the platform's id of the newest message being answered.
    """

    account: str
    chat_id: str
    platform_thread: str
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The platform accepted the message as ``platform_message_id``.

    ``note``: information for the owner, for example that the answer went to the main chat because
    its topic is closed.
    """

    platform_message_id: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """The platform can't accept it now: retry after ``wait``.

    ``wait`` is zero if the platform names no time. ``why`` is for the owner.
    """

    wait: timedelta
    why: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The platform will never accept this message. ``why`` is for the owner."""

    why: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The recipient can't be reached: they left, blocked the agent, or it is too late.

    ``why`` is for the owner.
    """

    why: str


@dataclass(frozen=True, slots=True)
class NoFile:
    """The file can't be fetched, now or later. ``why`` is for the owner."""

    why: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """It is unknown whether the platform accepted the message."""


SendResult = Sent | Later | Rejected | Unreachable
DraftResult = Sent | Later | Rejected | OutcomeUnknown


class Channel(Protocol):
    """A connection to a platform, as delivery sees it.

    Channels inherit from it and implement only sending and what else their platform can do.
    """

    platform: str
    is_local: bool = False
    """Whether sending does nothing outside of the database, so that it can be part of a commit."""

    async def send(self, outbound: Outbound) -> SendResult:
        """Send one part of an answer. Platform errors are returned, not raised."""
        ...

    def parts(self, text: str) -> int:  # noqa: ARG002
        """Return how many messages this text needs on the platform. Deterministic."""
        return 1

    def parts_of(self, outbound: Outbound) -> int:
        """Return how many messages an answer needs; its text may be plain instead of markdown."""
        return self.parts(outbound.text)

    async def fetch(self, account: str, platform_file: str, max_bytes: int) -> bytes | NoFile:  # noqa: ARG002
        """Return the content of a file that came with a message, at most ``max_bytes``.

        Raises:
            Unavailable: the platform can't be reached now.
        """
        return NoFile(f"files on {self.platform} are not supported")

    async def show_typing(self, place: Place) -> None:  # noqa: ARG002
        """Show a typing indicator for some seconds, if the platform has one. Never fails."""
        return

    def draft_interval(self, place: Place) -> float | None:  # noqa: ARG002
        """Return the seconds between two edits of a streamed answer, or None if it can't stream."""
        return None

    async def show_draft(
        self,
        place: Place,  # noqa: ARG002
        text: str,  # noqa: ARG002
        reply_to: str | None,  # noqa: ARG002
        shown_as: str | None,  # noqa: ARG002
    ) -> DraftResult:
        """Show a draft of an answer, in a new message or in the one named ``shown_as``.

        Platform errors are returned, not raised.
        """
        return Rejected(f"{self.platform} does not support streaming")

    async def take_back(self, place: Place, platform_message_id: str) -> None:  # noqa: ARG002
        """Delete a message that ``show_draft`` has shown, if still possible. Never fails."""
        return
