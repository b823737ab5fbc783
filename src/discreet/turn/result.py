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
    """One tool call: its arguments as the model gave them, and the text returned.

    ``seconds``: how long it took.
    """

    tool: str
    arguments: Mapping[str, Any]
    result: str
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a turn: requests to the model, input and output tokens.

    ``cached_tokens`` are those of ``input_tokens`` that came from the provider's cache, and
    ``estimated_tokens`` those that the server didn't report and that were estimated. ``cost`` is in
    US dollars and excludes ``unpriced_tokens``, those of models without a price.
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

    def as_json(self) -> dict[str, float]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TurnResult:
    """An answer.

    ``model`` is the one that wrote it. ``cut_off``: why the answer is incomplete. ``reasoning`` is
    what the model thought, for its owner only. ``prompt`` is the prompt the model got, if it
    differs from the planned one; ``instead_of`` says which models failed before, and why.
    ``closed_alone``: only a closing tag revealed its reasoning. ``finished``: the model ended it.
    ``says_ends``: the server says why an answer ends.
    ``stages``: seconds by stage of the turn, as far as it was measured.
    """

    text: str
    model: str
    steps: tuple[Step, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cut_off: str | None = None
    reasoning: str = ""
    prompt: Prompt | None = None
    instead_of: str | None = None
    closed_alone: bool = False
    finished: bool = False
    says_ends: bool = False
    stages: Mapping[str, float] = field(default_factory=dict, compare=False)

    def steps_as_json(self) -> list[dict[str, Any]]:
        """Return the steps, the reasoning and the times as JSON values."""
        kept = steps_as_json(self.steps, self.reasoning)
        if not self.stages:
            return kept
        tools = [round(step.seconds, 4) for step in self.steps]
        return [*kept, {"seconds": {**self.stages, "tools": tools}}]

    def usage_as_json(self) -> dict[str, Any]:
        """Return the usage as JSON values, with the models that failed before."""
        told = {} if self.instead_of is None else {"instead_of": self.instead_of}
        return {**self.usage.as_json(), **told}


class ModelError(Unavailable):
    """The model gave no answer. The message contains no user's text, so it may be logged.

    Attributes:
        kind: ``setup`` (a key, a package or the model's name is missing or wrong), ``outage`` (the
            database was lost), ``timeout``, ``provider`` (it failed, refused or can't be reached),
            ``context`` (the prompt doesn't fit), ``limits`` (requests or tokens of this turn used
            up), ``empty`` (no text), ``refused`` (content filter), ``confused`` (the response is
            invalid) or ``internal`` (our own bug).
        final: A retry can't help; somebody has to change something first.
        wait: Seconds after which the provider asks to be called again, if it says so.
        window: The context in tokens that the provider named; ``sent``: the size it counted.
        model: The model called; ``steps``: its tool calls; ``usage``: their cost;
            ``reasoning``: what it thought; ``written``: its text so far.
        has_acted: A tool with effects was called.
        is_bare: A long prompt got an empty response, as from some servers if it is too
            long for the model.
        is_endless: The model wrote far more than it was asked for, and was stopped.
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
        self.written = ""
        self.has_acted = False
        self.is_bare = False
        self.is_endless = False


def steps_as_json(steps: tuple[Step, ...], reasoning: str = "") -> list[dict[str, Any]]:
    """Return steps as JSON values for PostgreSQL, without NUL, followed by the reasoning.

    The reasoning is an entry of its own. Contacts can read neither.
    """
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
