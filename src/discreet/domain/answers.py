"""The final state of a message."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.domain.errors import DiscreetError

NOT_ANSWERED = "This message was stopped, so it won't be answered."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    ``failed``: every attempt failed, and the text is an apology. ``plain``: plain text, not a
    model's CommonMark. ``error_kind``: why it failed. ``retrying``: it will be tried again.
    """

    text: str
    failed: bool
    plain: bool = True
    error_kind: str | None = None
    retrying: bool = False


class Stopped(DiscreetError):
    """The message is stored and won't be answered: ``/stop``, or a rejected answer."""
