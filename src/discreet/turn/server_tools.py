"""The tools of the owner's servers in a turn: those that its scope may use, and calls of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from discreet.domain.errors import NotFound, SecretMissing
from discreet.domain.ids import SessionId, TurnId
from discreet.scope import ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services.tool_access import (
    AllowedTool,
    ToolAccess,
    allowed_tools,
    asked_by,
    load_server,
)
from discreet.tools.outgoing_calls import OutgoingCall, ToolCaller
from discreet.tools.results import ToolResult
from discreet.turn.escaping import record, tagged
from discreet.turn.lease import hold
from discreet.turn.tools import Outcome, Tools

Begin = Callable[[], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class ServerToolSpec:
    """A tool of a server, as described to a model."""

    name: str
    description: str
    schema: dict[str, Any]
    effect: str


@dataclass(frozen=True, slots=True)
class ServerTools:
    """The tools that one turn may use, in its scope."""

    access: ToolAccess
    caller: ToolCaller
    db: ScopedDatabase
    scope: SessionScope
    session_id: SessionId
    turn_id: TurnId
    specs: Sequence[ServerToolSpec]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool, if the scope may still use it; see ``Tools``."""
        # Asked again, because the owner may have changed the rights since the turn began.
        async with self.db.begin(self.scope) as tx:
            await hold(tx, self.session_id, self.turn_id)
            tools = {tool.called: tool for tool in await allowed_tools(tx)}
        tool = tools.get(name)
        if tool is None:
            return Outcome(f"Nothing was done: there is no tool {name!r}.", done=False)
        try:
            server = await load_server(self.access, self.scope.owner_id, tool.server_id)
            who = await asked_by(self.access, self.scope)
        except (NotFound, SecretMissing):
            return _failed(f"{tool.server} can't be reached at the moment")
        outcome = await self.caller.call(
            OutgoingCall(server, self.scope, tool.tool, arguments),
            lambda: self.access.identity_key.token_for(server, who),
        )
        if outcome.result is not None:
            return _shown(tool, outcome.result)
        if outcome.may_have_acted and not tool.reads_only:
            return _failed(f"{outcome.why}, so it isn't known whether it was done", acted=True)
        return _failed(outcome.why)


async def open_server_tools(
    access: ToolAccess,
    caller: ToolCaller,
    scope: SessionScope,
    session_id: SessionId,
    turn_id: TurnId,
) -> Tools | None:
    """Return the tools that a turn may use; None: there are none.

    Raises:
        LeaseLost: the turn no longer holds its session.
    """
    async with access.db.begin(scope) as tx:
        found = await allowed_tools(tx)
    if not found:
        return None
    specs = [
        ServerToolSpec(
            tool.called,
            tool.description,
            dict(tool.schema),
            "" if tool.reads_only else f"I've used {tool.called}.",
        )
        for tool in found
    ]
    return ServerTools(access, caller, access.db, scope, session_id, turn_id, specs)


def _shown(tool: AllowedTool, result: ToolResult) -> Outcome:
    """Show a result as data, like what contacts write."""
    shown = record(
        tool=tool.called,
        failed=True if result.is_error else None,
        text=result.text,
        data=result.structured,
    )
    return Outcome(tagged("result", [shown]), done=not result.is_error)


def _failed(why: str, *, acted: bool = False) -> Outcome:
    begin = "Nothing came back" if acted else "Nothing was done"
    return Outcome(f"{begin}: {why.rstrip('.')}.", done=False)
