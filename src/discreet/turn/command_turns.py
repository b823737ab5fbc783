"""Turns without a model: commands, and calls that the owner decided."""

from __future__ import annotations

from discreet.scope import OwnerScope
from discreet.scope.scopes import SessionScope
from discreet.turn.commands import run_command
from discreet.turn.lease import Lease, TookTooLong, while_held
from discreet.turn.owner_context import OwnerReply
from discreet.turn.prompt import Prompt
from discreet.turn.reading import Reading, record_what_was_read
from discreet.turn.result import Step, TurnResult
from discreet.turn.save import save_answer
from discreet.turn.server_tools import INTERRUPTED, make_decided_call
from discreet.turn.turns import Turns

DECIDED = "decided"
"""The command that brings the owner's decision about a call to its session. Nobody can type it."""


async def answer_command(turns: Turns, scope: SessionScope, lease: Lease, command: str) -> None:
    """Answer a command, or the owner's decision about a call, and save the answer.

    Raises:
        LeaseLost: the turn no longer holds its session.
    """
    if command == "connections" and turns.revoking is not None:
        async with turns.revoking(scope):
            await _answer(turns, scope, lease, command)
    else:
        await _answer(turns, scope, lease, command)


async def _answer(turns: Turns, scope: SessionScope, lease: Lease, command: str) -> None:
    if command == DECIDED:
        reply = OwnerReply(await _make_decided_call(turns, scope, lease))
    else:
        reply = await run_command(turns.db, scope, lease, command, turns.look)
    steps: tuple[Step, ...] = ()
    if reply.contacts:
        # The contacts named in it; the answer is deleted when one of them is erased.
        steps = (Step(command, {"contacts": [str(one) for one in reply.contacts]}, ""),)
    async with turns.db.begin(scope) as tx:
        result = TurnResult(reply.text, f"/{command}", steps)
        reading = Reading.of(scope)
        if isinstance(scope, OwnerScope):
            reading.contacts.update(reply.contacts)
            await record_what_was_read(tx, reading, lease.turn_id)
        await save_answer(tx, lease, Prompt("", ()), result, reading, at_terminal=turns.at_terminal)


async def _make_decided_call(turns: Turns, scope: SessionScope, lease: Lease) -> str:
    """Make the call that the owner decided, while the turn holds its session."""

    async def make() -> str:
        servers = None
        if turns.servers is not None:
            async with turns.db.begin(scope) as tx:
                servers = await turns.servers(tx, scope, lease.session_id, lease.turn_id)
        return await make_decided_call(servers)

    try:
        return await while_held(turns.db, scope, lease, make(), turns.total_seconds)
    except TookTooLong:
        return INTERRUPTED
