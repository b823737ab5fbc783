"""What one turn may use of its model."""

from __future__ import annotations

from dataclasses import dataclass

from discreet.turn.reasoning import Habit
from discreet.turn.tools import ToolSpec


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What one turn may use: requests to the model, and tokens (input and output together).

    ``silence``: seconds without output from the model; ``total``: seconds for everything.
    """

    requests: int = 12
    tokens: int = 100_000
    silence: float = 120.0
    total: float = 900.0


@dataclass(frozen=True, slots=True)
class Room:
    """The space that the model's context leaves.

    ``answer``: tokens of one reply; ``tools``: whether tools are described in full, in short, or
    left out.

    ``watched``: check whether the server read the whole request. ``habit``: how the model writes
    reasoning; unless it marks it, there is no draft of what may be reasoning. ``says_ends``: it is
    known to say why an answer ends.
    """

    answer: int = 4_096
    specs: tuple[ToolSpec, ...] | None = None
    watched: bool = False
    habit: Habit = "marked"
    says_ends: bool = False


WHOLE_ROOM = Room()
"""The space of a model whose context is not known."""
