"""The protocol of tools: a description, and a call that always returns an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from discreet.turn.context import Found


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a tool call. ``text`` is what a model gets, ``found`` the same for rules to
    read.

    ``done`` is False where nothing was changed: bad arguments, no such memory in this scope, or
    (``full``) as many memories as may be.
    """

    text: str
    found: tuple[Found, ...] = ()
    done: bool = True
    full: bool = False


class ToolSpec(Protocol):
    """How a tool is described to a model; ``schema`` is the JSON schema of its arguments.

    ``effect``: what to say once it is done; empty: it only reads.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def schema(self) -> dict[str, Any]: ...
    @property
    def effect(self) -> str: ...


class Tools(Protocol):
    """The tools of one turn. They act in the scope of its session, and none can name another."""

    @property
    def specs(self) -> Sequence[ToolSpec]: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool; arguments that make no sense are an outcome too.

        Raises:
            LeaseLost: the turn holds its session no more.
        """
        ...
