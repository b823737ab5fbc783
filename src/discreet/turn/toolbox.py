"""The tools of a turn: memory and conversation, in the scope of its session only.

No tool takes an owner, an agent, a contact or a session. Every call is one short transaction that
first checks that the turn still holds its session; embedding is done before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from discreet.domain.audience import NeedsYes, Released, Withheld
from discreet.domain.errors import BadInput, Conflict, LimitReached, NotFound
from discreet.turn.arguments import Arguments, what_is_wrong
from discreet.turn.own_tools import NO_SUCH_MEMORY, TOOLS, Tool
from discreet.turn.tool_context import ToolContext
from discreet.turn.tools import Outcome, Tools, ToolSpec, refused


@dataclass(frozen=True, slots=True)
class Toolbox(ToolContext):
    """The tools of one turn.

    A tool with effects acts only once: the same call returns the same outcome, until another call
    has changed something else.

    ``servers``: the tools of the owner's servers that may be used here, named ``server__tool``.
    """

    servers: Tools | None = None
    done: dict[str, Outcome] = field(default_factory=dict, repr=False, compare=False)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The tools, as described to a model."""
        return TOOLS if self.servers is None else (*TOOLS, *self.servers.specs)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool. A failure is returned as an outcome, with nothing changed.

        Raises:
            LeaseLost: the turn no longer holds its session.
        """
        tool = next((tool for tool in TOOLS if tool.name == name), None)
        if tool is None:
            return await self._call_server(name, arguments)
        try:
            given = tool.arguments.model_validate(arguments)
        except ValidationError as error:
            return refused(what_is_wrong(error))
        key = f"{name} {given.model_dump_json()}"
        if key in self.done:
            async with self.begin():
                return self.done[key]
        if tool.effect:
            await self._note_that_it_acts()
        outcome = await self._run(tool, given)
        if tool.effect and outcome.done:
            if tool.name != "remember":
                self.done.clear()  # an earlier memory may have been forgotten or changed
            self.done[key] = outcome
        return outcome

    async def _call_server(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        spec = next((one for one in self.specs if one.name == name), None)
        if spec is None or self.servers is None:
            return refused(f"there is no tool {name!r}")
        try:
            released = self.reading.call(name, arguments)
        except Withheld as error:
            return _held_back(error)
        if not spec.effect:
            return await _call_released(self.servers, name, released)
        key = f"{name} {json.dumps(arguments, sort_keys=True, default=str)}"
        if key not in self.done:
            await self._note_that_it_acts()
            self.done[key] = await _call_released(self.servers, name, released)
        return self.done[key]

    async def _run(self, tool: Tool[Any], given: Arguments) -> Outcome:
        try:
            return await tool.run(self, given)
        except NotFound:
            return Outcome(NO_SUCH_MEMORY, done=False)
        except Withheld as error:
            return _held_back(error)
        except LimitReached as error:
            return replace(refused(f"{error.message} {error.hint}"), full=True)
        except (BadInput, Conflict) as error:
            return refused(error.message)

    async def _note_that_it_acts(self) -> None:
        async with self._enter(durable=True) as tx:
            await tx.execute(
                "UPDATE discreet.turns SET acted = true WHERE id = %(turn)s AND NOT acted",
                {"turn": self.turn_id},
            )


async def _call_released(servers: Tools, name: str, released: Released) -> Outcome:
    _, arguments = json.loads(released.text)
    return await servers.call(name, arguments)


def _held_back(error: Withheld) -> Outcome:
    if isinstance(error, NeedsYes):
        return refused(
            "this reaches beyond your owner's conversation, so it needs their approval. They are "
            "asked for it below your answer. Once they have approved, call it again with the same"
            " arguments"
        )
    return refused(error.message)
