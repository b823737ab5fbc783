"""``/forget`` and ``/undo``: what a sender deletes from the memory of their own direct chat.

Neither stores anything of its own. The last question and list are in the conversation; the last
changes are in the history of memories and the turns that made them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, LiteralString

from discreet.contacts.store import get_contact
from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import MemoryId, SessionId
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.memories import Memory, forget, list_memories
from discreet.memory.tokenizer import has_words
from discreet.scope import ContactScope, SharedScope, Transaction

MAX_SHOWN = 100
"""Maximum memories in one list."""
MAX_LOOKED_AT = 10_000

FOR_ONE_ONLY = "Everyone here shares this memory; only my owner can make me forget it."
HOW_TO_FORGET = (
    "/forget WORDS forgets the memory with these words, and asks if there are several; /forget all"
    " forgets everything. /memories shows them all, /undo undoes the last change."
)
NONE_LIKE_THAT = "I have no memory like that."
WHICH = "Which one? /forget NUMBER forgets it, /forget all forgets all of these:"
NOTHING_TO_UNDO = "There is nothing to undo from the last 24 hours."

_NUMBER = re.compile(r"[0-9]{1,3}")

# The last command before this turn's, if it was /forget: its words and the list it showed.
_SHOWN_LAST: LiteralString = """
SELECT asked.text AS asked, said.text AS shown FROM (
    SELECT m.turn_id, m.command, m.text FROM discreet.messages m
     WHERE m.session_id = %(session)s AND m.direction = 'in' AND m.state = 'answered'
     ORDER BY m.position DESC LIMIT 1) asked
  JOIN discreet.messages said ON said.turn_id = asked.turn_id AND said.direction = 'out'
 WHERE asked.command = 'forget'
"""
# A turn changes memories while it runs; changes by an owner or a program belong to no turn.
_TURNS: LiteralString = """
SELECT t.id, t.started_at, coalesce(t.finished_at, t.started_at + interval '15 minutes') AS ended_at
  FROM discreet.turns t
 WHERE t.started_at > statement_timestamp() - interval '24 hours'
   AND EXISTS (SELECT FROM discreet.messages m WHERE m.turn_id = t.id AND m.direction = 'in')
   AND NOT EXISTS (SELECT FROM discreet.messages m
                    WHERE m.turn_id = t.id AND m.direction = 'in' AND m.command = 'undo')
"""
_FORGOTTEN: LiteralString = f"""
SELECT h.memory_id, h.version, h.content, t.started_at
  FROM ({_TURNS}) t
  JOIN discreet.memory_history h
    ON h.change = 'delete' AND h.archived_at BETWEEN t.started_at AND t.ended_at
 WHERE NOT EXISTS (SELECT FROM discreet.memories alive WHERE alive.id = h.memory_id)
   AND NOT EXISTS (SELECT FROM discreet.memory_history later
                    WHERE later.memory_id = h.memory_id AND later.version > h.version)
   AND t.started_at = (
     SELECT max(u.started_at) FROM ({_TURNS}) u JOIN discreet.memory_history g
         ON g.change = 'delete' AND g.archived_at BETWEEN u.started_at AND u.ended_at
      WHERE NOT EXISTS (SELECT FROM discreet.memories alive WHERE alive.id = g.memory_id)
        AND NOT EXISTS (SELECT FROM discreet.memory_history later
                         WHERE later.memory_id = g.memory_id AND later.version > g.version))
 ORDER BY h.created_at DESC, h.memory_id
"""
_REMEMBERED: LiteralString = f"""
SELECT m.id, m.version, m.content, t.started_at,
       (SELECT max(h.version) FROM discreet.memory_history h
         WHERE h.memory_id = m.id AND h.change = 'update'
           AND h.archived_at BETWEEN t.started_at AND t.ended_at) AS before
  FROM ({_TURNS}) t JOIN discreet.memories m ON m.turn_id = t.id
 WHERE t.started_at = (SELECT max(u.started_at) FROM ({_TURNS}) u
                         JOIN discreet.memories n ON n.turn_id = u.id)
 ORDER BY m.created_at DESC, m.id
"""


async def forget_words(
    tx: Transaction, scope: ContactScope | SharedScope, session_id: SessionId, words: str
) -> str:
    """Forget the memory with these words, or ask which of several; return the answer."""
    if not words:
        return HOW_TO_FORGET
    if not await _is_for_one(tx, scope):
        return FOR_ONE_ONLY
    memories = await list_memories(tx, MAX_LOOKED_AT, include_expired=True)
    shown = await _shown_last(tx, session_id, memories)
    if shown and (words.casefold() == "all" or _NUMBER.fullmatch(words)):
        if words.casefold() == "all":
            return await _forgotten(tx, shown)
        if 1 <= int(words) <= len(shown):
            return await _forgotten(tx, [shown[int(words) - 1]])
    if words.casefold() != "all":
        memories = _with_words(memories, words)
        if len(memories) > 1:
            return "\n".join([WHICH, *_numbered(memories[:MAX_SHOWN])])
    if not memories:
        return NONE_LIKE_THAT
    return await _forgotten(tx, memories)


async def undo(tx: Transaction, scope: ContactScope | SharedScope) -> str:
    """Undo the sender's last change of the memory; return the answer to the sender."""
    if not await _is_for_one(tx, scope):
        return FOR_ONE_ONLY
    forgotten = await tx.fetch(_FORGOTTEN)
    remembered = await tx.fetch(_REMEMBERED)
    if not forgotten and not remembered:
        return NOTHING_TO_UNDO
    if _since(forgotten) > _since(remembered):
        return await _bring_back(tx, [(row["memory_id"], row["version"]) for row in forgotten])
    lines = []
    for row in remembered:
        if row["before"] is None:
            await forget(tx, row["id"])
            lines.append(f"- {indented(row['content'])}")
        else:
            was = await restore_memory(tx, row["id"], row["before"])
            lines.append(f"- {indented(row['content'])}\n  It is again: {indented(was.content)}")
    return "\n".join(["Undone. I no longer remember:", *lines])


def indented(text: str) -> str:
    """Format a memory as a list item, with its further lines indented."""
    return text.replace("\n", "\n  ")


async def _is_for_one(tx: Transaction, scope: ContactScope | SharedScope) -> bool:
    if not isinstance(scope, ContactScope):
        return False
    contact = await get_contact(tx, scope.contact_id)
    return contact is not None and contact.type != "group"


async def _shown_last(
    tx: Transaction, session_id: SessionId, memories: list[Memory]
) -> list[Memory]:
    """Return the list that was shown last, if nothing was said since and it is unchanged."""
    row = await tx.fetch_one(_SHOWN_LAST, {"session": session_id})
    if row is None or not row["shown"].startswith(WHICH):
        return []
    found = _with_words(memories, row["asked"].strip().partition(" ")[2].strip())[:MAX_SHOWN]
    return found if row["shown"] == "\n".join([WHICH, *_numbered(found)]) else []


def _with_words(memories: list[Memory], words: str) -> list[Memory]:
    return [one for one in memories if has_words(f"{one.content}\n{one.summary}", words)]


def _numbered(memories: list[Memory]) -> list[str]:
    return [f"{number}. {indented(one.content)}" for number, one in enumerate(memories, 1)]


async def _forgotten(tx: Transaction, memories: list[Memory]) -> str:
    for memory in memories:
        await forget(tx, memory.id)
    what = "\n".join(f"- {indented(memory.content)}" for memory in memories[:MAX_SHOWN])
    return (
        f"Forgotten:\n{what}\n\n/undo restores it. Our conversation itself is kept; /new starts"
        " a new one."
    )


async def _bring_back(tx: Transaction, forgotten: list[tuple[MemoryId, int]]) -> str:
    back, not_back = [], []
    for memory_id, version in forgotten:
        try:
            memory = await restore_memory(tx, memory_id, version)
            back.append(f"- {indented(memory.content)}")
        except (Conflict, NotFound):
            # Another memory now has the same text, or it was erased meanwhile.
            history = await get_memory_history(tx, memory_id)
            not_back.append(f"- {indented(history[0].content)}")
    lines = ["Undone. I remember again:", *back[:MAX_SHOWN]] if back else []
    if not_back:
        lines += ["I know this already in other words:", *not_back[:MAX_SHOWN]]
    return "\n".join(lines)


def _since(rows: list[dict[str, Any]]) -> datetime:
    at: datetime = rows[0]["started_at"] if rows else datetime.min.replace(tzinfo=UTC)
    return at
