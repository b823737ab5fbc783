"""The protocol of tools: a description, and a call that always returns an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from discreet.turn.context import Found


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a tool call.

    ``text`` is for a model, ``found`` the same for the rules of the offline responder.

    ``done`` is False if nothing was changed: bad arguments, no such memory in this scope, or
    (``full``) the maximum number of memories.

    ``question``: what to ask the person in place of an answer. The turn ends with it.
    """

    text: str
    found: tuple[Found, ...] = ()
    done: bool = True
    full: bool = False
    question: str = ""


def refused(why: str) -> Outcome:
    """Return the outcome of a call that changed nothing, with its reason."""
    return Outcome(f"Nothing was done: {why.rstrip('.')}.", done=False)


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
    """The tools of one turn. They act in the scope of its session and can't name another."""

    @property
    def specs(self) -> Sequence[ToolSpec]: ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool. Invalid arguments are an outcome too.

        Raises:
            LeaseLost: the turn no longer holds its session.
        """
        ...
