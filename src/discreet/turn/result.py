"""The result of a turn: an answer with its steps and usage, or one kind of failure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from discreet.domain.errors import Unavailable
from discreet.turn.escaping import storable

FailureKind = Literal[
    "setup", "outage", "timeout", "provider", "limits", "empty", "refused", "confused", "internal"
]


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call: its arguments as the model gave them, and the text that it got back."""

    tool: str
    arguments: Mapping[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a turn cost: requests to the model, and tokens in and out."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TurnResult:
    """An answer. ``model`` is what wrote it, for later inspection. ``cut_off``: why the answer is
    not whole."""

    text: str
    model: str
    steps: tuple[Step, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cut_off: str | None = None

    def steps_as_json(self) -> list[dict[str, Any]]:
        """Return the steps, as values that JSON can hold."""
        return steps_as_json(self.steps)

    def usage_as_json(self) -> dict[str, Any]:
        """Return the usage, as values that JSON can hold."""
        return asdict(self.usage)


class ModelError(Unavailable):
    """There is no answer this time. The message holds no text of a user's, so it may be logged.

    ``kind``: ``setup`` (a key, a package or the model's name is missing or wrong on this server:
    another one, or a person, has to help), ``outage`` (the database was lost), ``timeout``,
    ``provider`` (it failed or can't be reached), ``limits`` (requests or tokens of this turn used
    up), ``empty`` (no text), ``refused`` (content filter), ``confused`` (what came back can't be
    used) or ``internal`` (a fault of ours). ``steps`` are the tool calls made until then by
    ``model``, ``usage`` what they cost.
    """

    def __init__(self, kind: FailureKind, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind: FailureKind = kind
        self.model = ""
        self.steps: tuple[Step, ...] = ()
        self.usage = Usage()


def steps_as_json(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """Return steps, as values that JSON can hold, and PostgreSQL's, which takes no NUL."""
    return [
        {"tool": step.tool, "arguments": _kept(step.arguments), "result": storable(step.result)}
        for step in steps
    ]


def _kept(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(str(key)): _kept(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_kept(inner) for inner in value]
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value
