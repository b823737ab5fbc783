"""End a turn in one commit: store the answer and its outbox row, or retry, or give up.

Every function raises ``LeaseLost`` if the turn no longer holds its session; then nothing is saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from psycopg.types.json import Jsonb

from discreet.domain.audience import Released, release_notice
from discreet.domain.errors import ScopeError
from discreet.domain.ids import MemoryId, RouteId, SessionId
from discreet.memory.indexing import Indexed
from discreet.memory.knowledge import mark_used
from discreet.scope import ContactScope, OwnerScope, SharedScope, Transaction
from discreet.scope.scopes import SessionScope
from discreet.turn.lease import Lease, LeaseLost
from discreet.turn.prompt import Prompt
from discreet.turn.reading import Reading
from discreet.turn.result import ModelError, TurnResult, steps_as_json

HAS_TO_BE_TOLD = """
SELECT first.since < clock_timestamp() - %(patience)s
       AND NOT EXISTS (
         SELECT FROM discreet.turns t JOIN discreet.messages told ON told.turn_id = t.id
          WHERE t.session_id = %(session)s AND t.state = 'failed'
            AND told.direction = 'out' AND told.created_at > first.since)
  FROM (SELECT min(m.created_at) AS since FROM discreet.messages m
         WHERE m.turn_id = %(turn)s AND m.direction = 'in') first
"""
NOT_INDEXED: Mapping[str, Indexed] = MappingProxyType({})
UNINDEXED: Mapping[str, Any] = MappingProxyType(
    dict.fromkeys(("terms", "tokens", "embedder", "embedding"))
)
COURTESY = "I'm sorry, I can't answer right now. Your message is saved, and my owner has been told."
"""The notice a sender gets after every attempt has failed."""


async def save_answer(
    tx: Transaction,
    lease: Lease,
    prompt: Prompt,
    result: TurnResult,
    reading: Reading | None = None,
    indexed: Mapping[str, Indexed] = NOT_INDEXED,
    *,
    at_terminal: bool = False,
) -> None:
    """Store the answer to every message that the turn took, and put it into the outbox.

    ``reading``: what the turn has read; None: nobody noted it. ``indexed``: the search data of
    texts, as far as it is there already. ``at_terminal``: if the answer's route is local, store it
    as sent, because nothing has to leave the database; otherwise a job delivers it.

    Raises:
        Withheld: what the turn has read must not be answered.
    """
    answer = (reading or Reading.unknown(_scope_of(tx))).final(result.text)
    # A command's answer is the program's, and waits for nobody.
    asked = None if lease.command is not None else answer
    terminal = lease.route_id if lease.is_local and at_terminal else None
    ended = await _let_go(tx, lease, sends=True, answer=asked, terminal=terminal)
    async with tx.pipelined():
        if not ended.waits:
            await _put_out(tx, lease, answer, indexed.get(answer.text), is_sent=ended.may_deliver)
        said = {text: made for text, made in indexed.items() if text != result.text}
        await _mark_answered(tx, lease, list(said.items()))
        await _save_turn(tx, lease, prompt, result)
        if used := _made_use_of(prompt):
            await mark_used(tx, used)


async def _mark_answered(tx: Transaction, lease: Lease, said: list[tuple[str, Indexed]]) -> None:
    """Mark the turn's messages as answered, and store the search data of their texts.

    One statement for each text, because each writes its message again. The last one also marks
    what has no search data yet.
    """
    for text, made in said[:-1]:
        await tx.execute(
            "UPDATE discreet.messages SET state = 'answered', terms = %(terms)s,"
            " tokens = %(tokens)s, embedder = %(embedder)s,"
            " embedding = %(embedding)s::public.vector"
            # Compared again, because it may have been edited since.
            " WHERE turn_id = %(turn)s AND direction = 'in' AND text = %(text)s",
            {"turn": lease.turn_id, "text": text, **made.as_params()},
        )
    for text, made in said[-1:]:
        await tx.execute(
            "UPDATE discreet.messages SET state = 'answered',"
            " terms = CASE WHEN text = %(text)s THEN %(terms)s ELSE terms END,"
            " tokens = CASE WHEN text = %(text)s THEN %(tokens)s ELSE tokens END,"
            " embedder = CASE WHEN text = %(text)s THEN %(embedder)s ELSE embedder END,"
            " embedding = CASE WHEN text = %(text)s THEN %(embedding)s::public.vector"
            "             ELSE embedding END"
            " WHERE turn_id = %(turn)s AND direction = 'in'"
            "   AND (state <> 'answered' OR text = %(text)s)",
            {"turn": lease.turn_id, "text": text, **made.as_params()},
        )
    if not said:
        await tx.execute(
            "UPDATE discreet.messages SET state = 'answered' WHERE turn_id = %(turn)s"
            " AND direction = 'in' AND state <> 'answered'",
            {"turn": lease.turn_id},
        )


async def _save_turn(tx: Transaction, lease: Lease, prompt: Prompt, result: TurnResult) -> None:
    await tx.execute(
        "UPDATE discreet.turns SET state = 'answered', model = %(model)s, prompt = %(prompt)s,"
        " error = %(cut_off)s,"
        " steps = %(steps)s, usage = %(usage)s, finished_at = clock_timestamp()"
        " WHERE id = %(turn)s",
        {
            "turn": lease.turn_id,
            "model": result.model,
            "cut_off": result.cut_off,
            "prompt": Jsonb(_as_json(prompt)),
            "steps": Jsonb(result.steps_as_json()),
            "usage": Jsonb(result.usage_as_json()),
        },
    )


async def save_failure(
    tx: Transaction, lease: Lease, prompt: Prompt | None, failure: ModelError, wait: timedelta
) -> None:
    """Put the messages back, to be retried after ``wait``."""
    await _let_go(tx, lease)
    await _end_failed(tx, lease, prompt, failure, "failed")
    await tx.execute(
        "UPDATE discreet.messages SET state = 'waiting', turn_id = NULL,"
        " not_before = clock_timestamp() + %(wait)s WHERE turn_id = %(turn)s AND direction = 'in'",
        {"turn": lease.turn_id, "wait": wait},
    )
    await tx.execute(
        "SELECT gate.wake_session(%(session)s, clock_timestamp() + %(wait)s)",
        {"session": lease.session_id, "wait": wait},
    )


async def save_for_later(
    tx: Transaction,
    lease: Lease,
    prompt: Prompt | None,
    failure: ModelError,
    first_wait: timedelta,
    longest_wait: timedelta,
    patience: timedelta | None = None,
) -> None:
    """Put the messages back without counting an attempt, for another server to answer.

    The wait grows with the time for which the first of them has waited. A sender who has waited
    longer than ``patience`` is told once that it takes longer.
    """
    await _let_go(tx, lease)
    await _end_failed(tx, lease, prompt, failure, "failed")
    if patience is not None and await tx.value(HAS_TO_BE_TOLD, _told(lease, patience)):
        await _put_out(tx, lease, release_notice(COURTESY))
    at = await tx.value(
        "WITH put_back AS ("
        "  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL,"
        "    attempts = m.attempts - 1, not_before = clock_timestamp() + least(%(longest)s,"
        "      greatest(%(first)s, (clock_timestamp() - taken.since) / 2))"
        "    FROM (SELECT min(created_at) AS since FROM discreet.messages"
        "           WHERE turn_id = %(turn)s AND direction = 'in') taken"
        "   WHERE m.turn_id = %(turn)s AND m.direction = 'in' RETURNING m.not_before)"
        " SELECT min(not_before) FROM put_back",
        {"turn": lease.turn_id, "first": first_wait, "longest": longest_wait},
    )
    await tx.execute(
        "SELECT gate.wake_session(%(session)s, %(at)s)", {"session": lease.session_id, "at": at}
    )


async def save_giving_up(
    tx: Transaction, lease: Lease, prompt: Prompt | None, failure: ModelError
) -> None:
    """Give up: send the sender one notice, and store the error for the owner.

    Later messages that were taken along have attempts left. They wait again in a turn of their own,
    because they may not be the cause.
    """
    await _let_go(tx, lease)
    await tx.execute(
        "UPDATE discreet.messages SET state = 'waiting', turn_id = NULL WHERE turn_id = %(turn)s"
        " AND direction = 'in' AND attempts < %(attempt)s",
        {"turn": lease.turn_id, "attempt": lease.attempt},
    )
    await _put_out(tx, lease, release_notice(COURTESY))
    await _end_failed(tx, lease, prompt, failure, "given_up")
    await tx.execute(
        "UPDATE discreet.messages SET state = 'failed' WHERE turn_id = %(turn)s"
        " AND direction = 'in'",
        {"turn": lease.turn_id},
    )
    await _wake_for_the_rest(tx, lease.session_id)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A turn that has ended. ``waits``: its answer waits for approval; or it may be delivered."""

    waits: bool
    may_deliver: bool


def _scope_of(tx: Transaction) -> SessionScope:
    if isinstance(tx.scope, ContactScope | SharedScope | OwnerScope):
        return tx.scope
    raise ScopeError("A turn ends in the scope of its session.")


async def _let_go(
    tx: Transaction,
    lease: Lease,
    *,
    sends: bool = False,
    answer: Released | None = None,
    terminal: RouteId | None = None,
) -> _Ended:
    """End the turn's hold on its session; return what may become of its answer.

    ``sends``: an answer follows, which frees the session (``_put_out``) unless it waits.
    ``answer``: given if it may have to wait. ``terminal``: the terminal's route that it takes.
    """
    row = await tx.fetch_one(
        "SELECT ended.held, ended.waits, ended.may_deliver"
        "  FROM gate.end_turn(%(session)s, %(turn)s, %(sends)s, %(answer)s, %(terminal)s) ended",
        {
            "terminal": terminal,
            "session": lease.session_id,
            "turn": lease.turn_id,
            "sends": sends,
            "answer": None if answer is None else answer.text,
        },
    )
    if row is None or not row["held"]:
        raise LeaseLost
    return _Ended(row["waits"], row["may_deliver"])


def _told(lease: Lease, patience: timedelta) -> dict[str, Any]:
    return {"session": lease.session_id, "turn": lease.turn_id, "patience": patience}


async def _put_out(
    tx: Transaction,
    lease: Lease,
    answer: Released,
    indexed: Indexed | None = None,
    *,
    is_sent: bool = False,
) -> None:
    await tx.execute(
        "WITH here AS (UPDATE discreet.sessions"
        "              SET last_position = last_position + 1, last_message_at = clock_timestamp(),"
        "                  current_turn = NULL"
        "              WHERE id = %(session)s RETURNING last_position),"
        " said AS (INSERT INTO discreet.messages"
        "   (session_id, route_id, position, direction, state, text, command, turn_id, reply_to,"
        "    terms, tokens, embedder, embedding)"
        " SELECT %(session)s, %(route)s, here.last_position, 'out', 'sent', %(text)s,"
        "   %(command)s, %(turn)s,"
        "   (SELECT m.platform_message_id FROM discreet.messages m WHERE m.turn_id = %(turn)s"
        "    AND m.direction = 'in' ORDER BY m.position DESC LIMIT 1),"
        "   %(terms)s, %(tokens)s, %(embedder)s, %(embedding)s::public.vector"
        " FROM here RETURNING id)"
        " INSERT INTO discreet.outbox"
        "   (message_id, session_id, route_id, state, attempts, parts_sent, sent_at,"
        "    platform_messages)"
        " SELECT said.id, %(session)s, %(route)s, kind.state, kind.parts, kind.parts,"
        "        CASE kind.parts WHEN 1 THEN clock_timestamp() END,"
        # At a terminal, its own id is the platform's.
        "        CASE kind.parts WHEN 1 THEN ARRAY[said.id::text] ELSE '{}' END"
        " FROM said, (SELECT %(state)s::text AS state, %(parts)s::int AS parts) kind",
        {
            "session": lease.session_id,
            "route": lease.route_id,
            "turn": lease.turn_id,
            "text": answer.text,
            "command": lease.command,
            "state": "sent" if is_sent else "pending",
            "parts": int(is_sent),
            **(UNINDEXED if indexed is None else indexed.as_params()),
        },
    )


async def _end_failed(
    tx: Transaction, lease: Lease, prompt: Prompt | None, failure: ModelError, state: str
) -> None:
    await tx.execute(
        "UPDATE discreet.turns SET state = %(state)s, error = %(error)s, prompt = %(prompt)s,"
        " model = nullif(%(model)s, ''), usage = %(usage)s,"
        " steps = %(steps)s, finished_at = clock_timestamp() WHERE id = %(turn)s",
        {
            "turn": lease.turn_id,
            "state": state,
            "error": f"{failure.kind}: {failure}",
            "prompt": None if prompt is None else Jsonb(_as_json(prompt)),
            "model": failure.model,
            "steps": Jsonb(steps_as_json(failure.steps, failure.reasoning)),
            "usage": Jsonb(failure.usage.as_json()),
        },
    )


async def _wake_for_the_rest(tx: Transaction, session_id: SessionId) -> None:
    """Wake the session if messages of another route are waiting; the next turn takes them."""
    await tx.execute(
        "SELECT gate.wake_session(%(session)s, NULL) WHERE EXISTS ("
        "  SELECT 1 FROM discreet.messages WHERE session_id = %(session)s AND state = 'waiting')",
        {"session": session_id},
    )


def _as_json(prompt: Prompt) -> dict[str, Any]:
    return {
        "system": prompt.system,
        "messages": [{"role": m.role, "text": m.text} for m in prompt.messages],
        "found": [
            {
                "kind": found.kind,
                "id": None if found.id is None else str(found.id),
                "text": found.text,
                "version": found.version,
                "whose": None if found.whose is None else asdict(found.whose),
                "score": found.score,
                "parts": None if found.parts is None else dict(found.parts),
            }
            for found in prompt.found
        ],
    }


def _made_use_of(prompt: Prompt) -> list[MemoryId]:
    """Return the memories that a search found by their words; mere fillers don't count."""
    return [
        MemoryId(found.id)
        for found in prompt.found
        if found.kind == "memory" and found.id and (found.parts or {}).get("matched")
    ]
