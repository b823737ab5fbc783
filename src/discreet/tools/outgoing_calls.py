"""The place where calls leave for an owner's server. Every call goes through ``call_tool``.

To observe or stop calls, pass a ``Check``: it sees the scope, the server and the
arguments before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from discreet.domain.errors import DiscreetError
from discreet.scope.scopes import SessionScope
from discreet.tools.client import Identify, Lost, NoReplyInTime, TokenSource
from discreet.tools.results import ToolResult
from discreet.tools.servers import McpServer
from discreet.tools.sessions import Busy, ServerSessions

MAX_ARGUMENTS = 100_000
"""Characters of the arguments of one call, as JSON."""


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call on its way out: to whom, for whom, and what it says.

    ``bearer``: the account of the scope, if the server wants one.
    """

    server: McpServer
    scope: SessionScope
    tool: str
    arguments: Mapping[str, Any]
    bearer: TokenSource | None = None


class NotAllowed(Exception):
    """A check stopped the call. Its text is for the model."""


Check = Callable[[OutgoingCall], Awaitable[None]]
"""Looks at a call before it leaves; raises ``NotAllowed`` to stop it."""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """The outcome of a call. ``result`` None: there is none, and ``why`` says why not.

    ``may_have_acted``: nothing came back, but the server may have done what it was asked.
    """

    result: ToolResult | None
    why: str = ""
    may_have_acted: bool = False


@dataclass(frozen=True, slots=True)
class ToolCaller:
    """Makes calls to servers."""

    sessions: ServerSessions
    checks: Sequence[Check] = field(default=())

    async def call(self, call: OutgoingCall, identify: Identify) -> CallOutcome:
        """Make a call. Whatever goes wrong is an outcome."""
        return await call_tool(self.sessions, call, identify, self.checks)


async def call_tool(
    sessions: ServerSessions, call: OutgoingCall, identify: Identify, checks: Sequence[Check] = ()
) -> CallOutcome:
    """Make one call in the session that belongs to its scope. Whatever goes wrong is an outcome."""
    name = call.server.name
    if len(json.dumps(call.arguments, default=str)) > MAX_ARGUMENTS:
        return CallOutcome(None, f"the arguments are longer than {MAX_ARGUMENTS:,} characters")
    try:
        for check in checks:
            await check(call)
        async with sessions.session_for(call.server, call.scope, call.bearer) as session:
            seconds = sessions.limits.call
            return CallOutcome(await session.call(call.tool, call.arguments, identify, seconds))
    except NotAllowed as error:
        return CallOutcome(None, str(error))
    except Busy:
        return CallOutcome(None, f"{name} is busy; try again in a minute")
    except NoReplyInTime:
        why = f"{name} did not answer within {sessions.limits.call:g} seconds"
        return CallOutcome(None, why, may_have_acted=True)
    except Lost:
        return CallOutcome(None, f"the connection to {name} was lost", may_have_acted=True)
    except DiscreetError:
        return CallOutcome(None, f"{name} can't be reached at the moment")
