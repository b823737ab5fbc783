"""The tools of the owner's servers in a turn: those that its scope may use, and calls of them."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, NotFound, SecretMissing
from discreet.domain.ids import SessionId, TurnId
from discreet.domain.text import literal
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.scope.scopes import SessionScope
from discreet.services.connections import (
    Account,
    account_of,
    enter_code,
    host_of,
    offer_account,
)
from discreet.services.revoking import revoking
from discreet.services.tool_access import (
    AllowedTool,
    ToolAccess,
    allowed_tools,
    asked_by,
    load_server,
)
from discreet.services.tool_calls import call_lines
from discreet.tools.outgoing_calls import OutgoingCall, ToolCaller
from discreet.tools.results import ToolResult, shorten
from discreet.tools.servers import McpServer
from discreet.turn.context import Line
from discreet.turn.escaping import record, tagged
from discreet.turn.lease import hold
from discreet.turn.tools import Outcome, Tools

MAX_SHOWN = 1_500
"""Characters of a result that is shown without the model."""
REFUSED = "All right, I haven't done it."
OWNER_REFUSED = "My owner said no, so I haven't done it."
INTERRUPTED = (
    "I was interrupted while I did it, so I don't know whether it was done. Please check before you"
    " ask for it again."
)
NOT_ALLOWED = "That isn't possible any more, so nothing was done."
_CODE = re.compile(r"[A-Za-z0-9]{4}[- ]?[A-Za-z0-9]{4}")
"""As the page shows it; see ``discreet.services.connecting``."""
_YES = frozenset("yes y ja oui si sí sim da да evet はい 是 好".split())  # noqa: SIM905
_NO = frozenset("no n nein non não nao нет net hayır hayir いいえ 不 否".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class ServerToolSpec:
    """A tool of a server, as described to a model."""

    name: str
    description: str
    schema: dict[str, Any]
    effect: str


@dataclass(frozen=True, slots=True)
class _Way:
    """How a tool is reached: its server, and the scope's account there if it wants one."""

    server: McpServer
    account: Account | None = None


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
        """Call a tool, or ask for a yes first, if the scope may still use it; see ``Tools``."""
        tool = await self._allowed_now(name)
        if tool is None:
            return Outcome(f"Nothing was done: there is no tool {name!r}.", done=False)
        way = await self._way_to(tool)
        if isinstance(way, Outcome):
            return way
        if tool.confirm == "never":
            outcome = await self._make(tool, way, arguments)
            return outcome if isinstance(outcome, Outcome) else _shown(tool, outcome)
        of_owner = tool.confirm == "owner" and not isinstance(self.scope, OwnerScope)
        async with self._begin() as tx:
            await tx.execute(
                "SELECT gate.request_call(%(session)s, %(turn)s, %(called)s, %(given)s)",
                {
                    "session": self.session_id,
                    "turn": self.turn_id,
                    "called": name,
                    "given": Jsonb(dict(arguments)),
                },
            )
        if of_owner:
            text = "Nothing was done yet: the owner is asked."
            return Outcome(text, done=False, question=asked_owner(name, arguments))
        question = question_of(name, arguments)
        return Outcome("Nothing was done yet: the person is asked.", done=False, question=question)

    async def decide(self, *, is_yes: bool) -> str | None:
        """Answer the call that waits for a yes in this session; None: none waits for this person.

        A yes makes exactly the stored call, once.
        """
        async with self._begin() as tx:
            row = await tx.fetch_one(
                "SELECT * FROM gate.decide_call(%(session)s, %(turn)s, %(is_yes)s)",
                {"session": self.session_id, "turn": self.turn_id, "is_yes": is_yes},
            )
        return await self._obey(row, REFUSED)

    async def make_decided(self) -> str:
        """Make the call to which the owner said yes, once; say so if they said no."""
        async with self._begin() as tx:
            row = await tx.fetch_one(
                "SELECT * FROM gate.begin_decided_call(%(session)s, %(turn)s)",
                {"session": self.session_id, "turn": self.turn_id},
            )
        return await self._obey(row, OWNER_REFUSED) or NOT_ALLOWED

    async def _obey(self, row: Mapping[str, Any] | None, refused: str) -> str | None:
        """Make a call that was decided, and return what to say; None: there is none."""
        if row is None or row["outcome"] is None:
            return None
        if row["outcome"] == "refused":
            return refused
        if row["outcome"] == "interrupted":
            return INTERRUPTED
        tool = await self._allowed_now(row["tool_called"])
        if tool is None:
            return NOT_ALLOWED
        way = await self._way_to(tool)
        outcome = way if isinstance(way, Outcome) else await self._make(tool, way, row["given"])
        async with self._begin() as tx:
            await tx.execute(
                "SELECT gate.end_call(%(session)s, %(call)s)",
                {"session": self.session_id, "call": row["call"]},
            )
        if isinstance(outcome, Outcome):
            return outcome.question or outcome.text
        said = outcome.text or json.dumps(outcome.structured, ensure_ascii=False)
        begin = "It failed" if outcome.is_error else "Done"
        return f"{begin}: {literal(tool.called)}\n\n{shorten(said, MAX_SHOWN)}".strip()

    async def _allowed_now(self, name: str) -> AllowedTool | None:
        # Asked again, because the owner may have changed the rights since the turn began.
        async with self._begin() as tx:
            return next((tool for tool in await allowed_tools(tx) if tool.called == name), None)

    async def enter_code(self, typed: str) -> str | None:
        """Try a code that a browser showed; None: none is waited for here."""
        async with revoking(self.access, self.scope), self._begin() as tx:
            entered = await enter_code(tx, typed)
        return None if entered is None else entered.text

    async def _way_to(self, tool: AllowedTool) -> _Way | Outcome:
        """Return how to reach a tool; an outcome says why that isn't possible, or asks."""
        try:
            server = await load_server(self.access, self.scope.owner_id, tool.server_id)
            if not server.signs_in:
                return _Way(server)
            account = await account_of(self.access, self.scope, server)
        except (NotFound, SecretMissing):
            return _failed(f"{tool.server} can't be reached at the moment")
        return await self._offer(server) if account is None else _Way(server, account)

    async def _offer(self, server: McpServer) -> Outcome:
        """Offer to connect an account, in place of a call."""
        try:
            link = await offer_account(self.access, self.scope, server)
        except BadInput as error:
            return _failed(error.message)
        question = (
            f"For this I need your account at {literal(server.name)} ({host_of(server.url)})."
            f" Open this link within ten minutes and sign in there:\n\n{link}\n\n"
            "It works once. Then send me the code that the page shows, here. Don't pass on either"
            " of them."
        )
        return Outcome(
            "Nothing was done yet: no account is connected.", done=False, question=question
        )

    async def _make(
        self, tool: AllowedTool, way: _Way, arguments: Mapping[str, Any]
    ) -> ToolResult | Outcome:
        """Make a call; an outcome says why there is no result."""
        server, account = way.server, way.account
        try:
            who = await asked_by(self.access, self.scope)
        except NotFound:
            return _failed(f"{tool.server} can't be reached at the moment")
        if account is not None:
            server = replace(server, account=account.id)
        outcome = await self.caller.call(
            OutgoingCall(server, self.scope, tool.tool, arguments, account),
            lambda: self.access.identity_key.token_for(server, who),
        )
        is_good = outcome.result is not None and not outcome.result.is_error
        if account is not None and not is_good and not await account.exists():
            return await self._offer(server)  # access was taken back, or has run out
        if outcome.result is not None:
            return outcome.result
        if outcome.may_have_acted and not tool.reads_only:
            return _failed(f"{outcome.why}, so it isn't known whether it was done", acted=True)
        return _failed(outcome.why)

    @asynccontextmanager
    async def _begin(self) -> AsyncIterator[Transaction]:
        async with self.db.begin(self.scope) as tx:
            await hold(tx, self.session_id, self.turn_id)
            yield tx


async def open_server_tools(
    access: ToolAccess,
    caller: ToolCaller,
    tx: Transaction,
    scope: SessionScope,
    session_id: SessionId,
    turn_id: TurnId,
) -> Tools | None:
    """Return the tools that a turn in this scope, that of ``tx``, may use; None: there are none."""
    found = await allowed_tools(tx)
    if not found:
        return None
    return ServerTools(access, caller, access.db, scope, session_id, turn_id, specs_of(found))


def specs_of(tools: Iterable[AllowedTool]) -> list[ServerToolSpec]:
    """Describe tools to a model."""
    return [
        ServerToolSpec(
            tool.called,
            tool.description,
            dict(tool.schema),
            "" if tool.reads_only else f"I've used {tool.called}.",
        )
        for tool in tools
    ]


def question_of(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the question that shows exactly what would be called."""
    given = call_lines(arguments)
    return "\n".join(
        [
            f"For this I need your yes. I would use {literal(name)}" + (" with:" if given else "."),
            *given,
            "",
            "Shall I? Answer yes or no within ten minutes.",
        ]
    )


def asked_owner(name: str, arguments: Mapping[str, Any]) -> str:
    """Return the notice to the person while the owner decides about a call."""
    given = "".join(f"\n{line}" for line in call_lines(arguments))
    return (
        f"For this I need my owner's approval, and I have asked for it. I would use {literal(name)}"
        f"{' with:' if given else '.'}{given}\n\nI'll tell you here how it turns out."
    )


def answered(text: str) -> bool | None:
    """Return whether a text is a plain yes (True) or no (False); None: it is something else."""
    word = text.strip().strip(".!。！ ").casefold()
    if word in _YES:
        return True
    return False if word in _NO else None


async def make_decided_call(servers: Tools | None) -> str:
    """Make the call that the owner decided; see ``ServerTools.make_decided``.

    Raises:
        LeaseLost: the turn no longer holds its session.
    """
    return await servers.make_decided() if isinstance(servers, ServerTools) else NOT_ALLOWED


async def answer_waiting_call(servers: Tools | None, waiting: Sequence[Line]) -> str | None:
    """Return the answer to what only this waits for; None: it is for the model.

    That is a plain yes or no to a call, or the code of an account that is being connected.

    Raises:
        LeaseLost: the turn no longer holds its session.
    """
    if not isinstance(servers, ServerTools) or len(waiting) != 1:
        return None
    said = waiting[0].words or waiting[0].text
    if _CODE.fullmatch(said.strip()):
        return await servers.enter_code(said)
    is_yes = answered(said)
    return None if is_yes is None else await servers.decide(is_yes=is_yes)


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
