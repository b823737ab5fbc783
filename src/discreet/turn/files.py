"""The files of a turn: fetched once, stored with their contact, shown to the model.

No transaction is open while one is fetched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, LiteralString

import structlog

from discreet.domain.errors import SecretMissing, Unavailable
from discreet.domain.ids import OwnerId
from discreet.domain.outbound import NoFile
from discreet.queue.job_scope import due_route
from discreet.scope import ScopedDatabase
from discreet.scope.scopes import SessionScope
from discreet.turn.context import KeptFile
from discreet.turn.lease import Lease
from discreet.turn.result import ModelError

log = structlog.get_logger(__name__)

MAX_BYTES = 10_000_000
"""A larger file is not stored; its message says that there was one."""
TRIES = 2
"""Attempts at a turn that require its files. Later attempts go without them: a platform may have
lost a file, and some models accept none.
"""

READABLE = (
    "image/jpeg", "image/png", "image/webp", "image/gif", "application/pdf",
    "audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/x-wav", "audio/flac",
)  # fmt: skip
"""Media types that some models accept."""

Fetch = Callable[[OwnerId, str, str, str, int], Awaitable[bytes | NoFile]]
"""(Owner, platform, account, the platform's file id, maximum bytes) -> the bytes, or why there are
none. It raises Unavailable if they may be available later.
"""

FILES: LiteralString = """
SELECT f.id, f.kind, f.name, f.media_type, f.size, f.platform_file, f.state, f.content
  FROM discreet.attachments f
  JOIN discreet.messages m ON m.id = f.message_id
 WHERE m.turn_id = %(turn)s AND m.direction = 'in'
 ORDER BY m.position DESC, f.position DESC LIMIT 10
"""
"""The files of a turn's messages, at most the newest ten. Without a parameter for that, PostgreSQL
keeps the plan.
"""


async def files_of_turn(
    db: ScopedDatabase,
    scope: SessionScope,
    lease: Lease,
    fetch: Fetch,
    found: Sequence[Mapping[str, Any]] | None = None,
) -> tuple[KeptFile, ...]:
    """Return the files of a turn's messages, as far as a model can read them.

    ``found``: their rows, if they were read before.

    Raises:
        ModelError: one can't be fetched now; the turn should be retried.
    """
    if found is None:
        async with db.begin(scope) as tx:
            found = await tx.fetch(FILES, {"turn": lease.turn_id})
    if any(row["state"] == "remote" for row in found):
        for row in found:
            if row["state"] == "remote":
                await _fetch_one(db, scope, lease, fetch, row)
        async with db.begin(scope) as tx:
            found = await tx.fetch(FILES, {"turn": lease.turn_id})
    if lease.attempt > TRIES:
        return ()
    return tuple(
        KeptFile(row["name"], row["media_type"], bytes(row["content"]))
        for row in reversed(found)
        if row["state"] == "kept" and row["media_type"] in READABLE
    )


async def _fetch_one(
    db: ScopedDatabase, scope: SessionScope, lease: Lease, fetch: Fetch, row: Mapping[str, Any]
) -> None:
    content: bytes | NoFile
    route = await due_route(db, lease.route_id)
    if route is None:
        return
    if row["size"] is not None and row["size"] > MAX_BYTES:
        content = NoFile(f"larger than {MAX_BYTES:,} bytes")
    else:
        try:
            content = await fetch(
                scope.owner_id, route.platform, route.account, row["platform_file"], MAX_BYTES
            )
        except SecretMissing as error:
            raise ModelError("setup", error.message, hint=error.hint) from error
        except Unavailable as error:
            if lease.attempt < TRIES:
                raise ModelError("provider", "A file can't be fetched now.") from error
            content = NoFile("it could not be fetched")
    async with db.begin(scope) as tx:
        if isinstance(content, NoFile):
            log.info("a file could not be stored", attachment_id=str(row["id"]), why=content.why)
            await tx.execute(
                "UPDATE discreet.attachments SET state = 'refused', refusal = %(why)s"
                " WHERE id = %(id)s AND state = 'remote'",
                {"id": row["id"], "why": content.why},
            )
        else:
            await tx.execute(
                "UPDATE discreet.attachments SET state = 'kept', content = %(content)s,"
                " size = %(size)s WHERE id = %(id)s AND state = 'remote'",
                {"id": row["id"], "content": content, "size": len(content)},
            )
