"""What becomes of each table's rows: retention, erasure, export, linking, backup.

To add a table, add a line. Each stance begins with one of the words below; what follows it says why
or how.

    retention  deleted  named in functions/retention/, after its time
               follows  ON DELETE CASCADE from a table that is deleted, or named there with it
               expires  its own time: named in a function of the sweep or of its room
               stays    until its contact or owner removes it: structure, settings, numbers
    erasure    deleted  named in functions/contacts/erase_*.sql
               follows  ON DELETE CASCADE up to a table that is deleted
               nobody   has nothing of a contact
    export     whole    named in services/exporting.py
               withheld why a contact doesn't get it
               nobody   has nothing of a contact
    linking    moved    named in functions/contacts/links.sql, and given back by its undo
               follows  named there, or with a row that is moved
               stays    with the merged contact, or the survivor's counts
               nobody   has nothing of a contact
    backup     dumped   in the dump
               apart    kept out of the dump
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["STANCES", "Stance"]


class Stance(NamedTuple):
    """What becomes of a table's rows."""

    retention: str
    erasure: str
    export: str
    linking: str
    backup: str = "dumped"


SETTINGS = Stance("stays", "nobody", "nobody", "nobody")
OWNERS = Stance("stays", "nobody", "nobody: the owner's own", "nobody")
QUEUE = Stance("expires: jobs are deleted when done", "nobody: ids", "nobody", "nobody")

STANCES: dict[str, Stance] = {
    "discreet.access_log": Stance(
        "stays: who looked", "deleted", "whole", "stays: a chain; read with the survivor's"
    ),
    "discreet.addresses": Stance("stays: who it is", "deleted", "whole", "moved"),
    "discreet.admissions": Stance("stays: a decision", "deleted", "whole", "moved"),
    "discreet.agents": OWNERS,
    "discreet.attachments": Stance("deleted", "deleted", "whole", "moved"),
    "discreet.budgets": OWNERS,
    "discreet.channel_secrets": OWNERS,
    "discreet.channels": OWNERS,
    "discreet.connections": Stance(
        "stays: until its contact disconnects it", "deleted", "whole: without secrets", "moved"
    ),
    "discreet.contact_labels": Stance("stays: the owner's", "deleted", "whole", "moved"),
    "discreet.contacts": Stance("stays: who it is", "deleted", "whole", "moved"),
    "discreet.drafts": Stance("follows: its turn", "deleted", "whole", "moved"),
    "discreet.early_receipts": Stance(
        "expires: an hour", "deleted", "withheld: ids of a platform", "stays"
    ),
    "discreet.erased_addresses": Stance(
        "expires: a week", "deleted: keyed hashes; kept for a week", "withheld: hashes", "stays"
    ),
    "discreet.erasures": Stance(
        "stays: a receipt", "deleted: it is the receipt", "nobody", "nobody"
    ),
    "discreet.events": Stance(
        "expires: days", "deleted", "withheld: ids and kinds", "stays", "apart: ids of transactions"
    ),
    "discreet.held_answers": Stance(
        "deleted", "follows: its turn", "withheld: never sent", "follows: its turn"
    ),
    "discreet.held_messages": Stance("deleted", "deleted", "whole", "follows: its pairing"),
    "discreet.idempotency_keys": Stance("deleted", "deleted", "withheld: hashes", "stays"),
    "discreet.limit_hits": Stance("expires: with its limit", "deleted", "whole", "stays"),
    "discreet.limits": Stance("stays: a setting", "deleted", "whole", "stays"),
    "discreet.link_requests": Stance(
        "expires: minutes", "follows", "withheld: codes", "follows: used up"
    ),
    "discreet.linked_rows": Stance("stays: for the undo", "follows", "withheld: ids", "moved"),
    "discreet.links": Stance("stays: for the undo", "follows", "whole", "moved"),
    "discreet.mcp_sessions": Stance("expires: unused", "deleted", "withheld: hashes", "moved"),
    "discreet.memories": Stance("deleted", "deleted", "whole", "moved"),
    "discreet.memory_history": Stance("deleted", "deleted", "whole", "moved"),
    "discreet.messages": Stance("deleted", "deleted", "whole", "moved"),
    "discreet.outbox": Stance("follows: its message", "deleted", "whole", "moved"),
    "discreet.owner_chats": OWNERS,
    "discreet.owner_links": OWNERS,
    "discreet.owner_notices": Stance(
        "stays: ids; the text is a message", "deleted", "withheld: the owner's", "stays"
    ),
    "discreet.owner_term_stats": Stance(
        "follows: counted again", "deleted", "withheld: counts of all", "stays"
    ),
    "discreet.owners": OWNERS,
    "discreet.pairings": Stance("stays: a decision", "deleted", "whole", "moved"),
    "discreet.passages": OWNERS,
    "discreet.person_requests": Stance(
        "deleted",
        "follows: its session",
        "withheld: the agent's note to the owner",
        "follows: its session",
    ),
    "discreet.quarantine": Stance("deleted", "deleted", "whole", "stays: not of a contact yet"),
    "discreet.retention": SETTINGS,
    "discreet.retention_runs": Stance("stays: a receipt; two years", "nobody", "nobody", "nobody"),
    "discreet.reminders": Stance("expires: when it is due", "deleted", "whole", "moved"),
    "discreet.routes": Stance("stays: where to write to it", "deleted", "whole", "moved"),
    "discreet.self_erasures": Stance(
        "expires: minutes", "deleted", "withheld: a code's digest", "stays: for minutes"
    ),
    "discreet.sessions": Stance("stays: no words in it", "deleted", "whole", "moved"),
    "discreet.tokens": Stance("stays: access", "deleted", "whole", "stays: they end"),
    "discreet.tool_calls": Stance(
        "deleted",
        "follows: its session",
        "whole",
        "follows: its session",
    ),
    "discreet.tool_servers": OWNERS,
    "discreet.tools": OWNERS,
    "discreet.turns": Stance(
        "deleted: prompt and steps; numbers stay", "deleted", "whole", "moved"
    ),
    "discreet.web_chats": OWNERS,
    "discreet.webhooks": OWNERS,
    "discreet.wrong_codes": Stance("expires: with its limit", "deleted", "whole", "stays"),
    "gate.notices": SETTINGS,
    "gate.policy": SETTINGS,
    "gate.secrets": SETTINGS._replace(backup="apart: the key is in the archive"),
    "queue.failures": QUEUE._replace(erasure="deleted"),
    "queue.leases": SETTINGS,
    "queue.procrastinate_events": QUEUE,
    "queue.procrastinate_jobs": QUEUE._replace(erasure="deleted"),
    "queue.procrastinate_periodic_defers": QUEUE,
    "queue.procrastinate_workers": QUEUE,
}
