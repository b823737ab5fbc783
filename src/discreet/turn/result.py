"""The result of a turn: an answer with its steps and usage, or one kind of failure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Literal

from discreet.domain.errors import Unavailable
from discreet.turn.escaping import storable
from discreet.turn.prompt import Prompt

FailureKind = Literal[
    "setup",
    "outage",
    "timeout",
    "provider",
    "context",
    "limits",
    "empty",
    "refused",
    "confused",
    "internal",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call: its arguments as the model gave them, and the text that it got back."""

    tool: str
    arguments: Mapping[str, Any]
    result: str


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of a turn: requests to the model, and tokens in and out.

    ``cached_tokens`` are those of ``input_tokens`` that the provider had in its cache, and
    ``estimated_tokens`` those that the server didn't report and that were estimated. ``cost`` is in
    US dollars; ``unpriced_tokens`` are of models without a price, and not in it.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimated_tokens: int = 0
    unpriced_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class TurnResult:
    """An answer. ``model`` is what wrote it, for later inspection. ``cut_off``: why the answer is
    not whole. ``reasoning`` is what the model thought, for its owner alone. ``prompt`` is what the
    model was given, where that is not what was planned; ``instead_of`` says which models failed
    before, and why. ``closed_alone``: its reasoning showed only by the closing tag."""

    text: str
    model: str
    steps: tuple[Step, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cut_off: str | None = None
    reasoning: str = ""
    prompt: Prompt | None = None
    instead_of: str | None = None
    closed_alone: bool = False

    def steps_as_json(self) -> list[dict[str, Any]]:
        """Return the steps and the reasoning, as values that JSON can hold."""
        return steps_as_json(self.steps, self.reasoning)

    def usage_as_json(self) -> dict[str, Any]:
        """Return the usage, as values that JSON can hold, and which models failed before."""
        told = {} if self.instead_of is None else {"instead_of": self.instead_of}
        return {**asdict(self.usage), **told}


class ModelError(Unavailable):
    """The model gave no answer. The message contains no user's text, so it may be logged.

    Attributes:
        kind: ``setup`` (a key, a package or the model's name is missing or wrong), ``outage`` (the
            database was lost), ``timeout``, ``provider`` (it failed, refused or can't be reached),
            ``context`` (the prompt doesn't fit), ``limits`` (requests or tokens of this turn used
            up), ``empty`` (no text), ``refused`` (content filter), ``confused`` (what came back
            can't be used) or ``internal`` (a fault of ours).
        final: trying again can't help; somebody has to change something first.
        wait: seconds after which the provider wants to be asked again, where it says so.
        window: the context in tokens that the provider named; ``sent``: the size it counted.
        model: what was asked; ``steps``: its tool calls; ``usage``: what they cost;
            ``reasoning``: what it thought.
        has_acted: a tool with effects was called.
        is_bare: a long prompt was answered with nothing at all, as some servers do where it is too
            long for the model.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        hint: str = "",
        final: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind: FailureKind = kind
        self.final = final
        self.wait = wait
        self.window: int | None = None
        self.sent: int | None = None
        self.model = ""
        self.steps: tuple[Step, ...] = ()
        self.usage = Usage()
        self.reasoning = ""
        self.has_acted = False
        self.is_bare = False


def steps_as_json(steps: tuple[Step, ...], reasoning: str = "") -> list[dict[str, Any]]:
    """Return steps, as values that JSON can hold, and PostgreSQL's, which takes no NUL; after them,
    as an entry of its own, the reasoning. Contacts can read neither."""
    kept = [
        {"tool": step.tool, "arguments": _kept(step.arguments), "result": storable(step.result)}
        for step in steps
    ]
    return [*kept, {"reasoning": storable(reasoning)}] if reasoning else kept


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
