"""Secrets in a database that is being restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from discreet.postgres.sealing import NotSealedSo, seal, unseal

__all__ = ["keep_secrets", "reseal"]

ALL = "SELECT owner_id::text, platform, account, sealed FROM discreet.channel_secrets"
BOUND: Mapping[str, str] = {
    "channel_secrets": "owner_id::text, platform, account",
    "connections": "owner_id::text, 'connection', id::text, server_id::text",
    "tool_servers": "owner_id::text, 'tool server', agent_id::text, name",
    "web_chats": "owner_id::text, 'web chat', id::text",
    "webhooks": "owner_id::text, 'webhook', id::text",
}
"""The tables with secrets, and the columns that each secret is bound to."""
# Only what a channel of the backup needs: an older backup may have other accounts.
KEEP = """
INSERT INTO discreet.channel_secrets (owner_id, platform, account, sealed)
SELECT c.owner_id, c.platform, c.account, %s FROM discreet.channels c
 WHERE c.owner_id::text = %s AND c.platform = %s AND c.account = %s
   AND c.closed_at IS NULL AND c.parent_id IS NULL
ON CONFLICT DO NOTHING
"""


def reseal(restored: psycopg.Connection[Any], old_key: bytes, new_key: bytes) -> None:
    """Re-encrypt all secrets with the key of the home."""
    if old_key == new_key:
        return
    for table, bound in BOUND.items():
        rows = restored.execute(
            f"SELECT ctid::text, sealed, {bound} FROM discreet.{table}"
            " WHERE sealed IS NOT NULL".encode()
        ).fetchall()
        for place, sealed, *whose in rows:
            try:
                text = unseal(old_key, bytes(sealed), *whose)
            except NotSealedSo:
                continue  # nobody could read it before either
            restored.execute(
                f"UPDATE discreet.{table} SET sealed = %s WHERE ctid = %s::tid".encode(),
                [seal(new_key, text, *whose), place],
            )


def keep_secrets(replaced: psycopg.Connection[Any], restored: psycopg.Connection[Any]) -> None:
    """Copy the secrets that the backup lacks.

    In old versions they were in a file of the home, which a restore didn't touch.
    """
    if replaced.execute("SELECT to_regclass('discreet.channel_secrets')").fetchone() == (None,):
        return
    for *whose, sealed in replaced.execute(ALL).fetchall():
        restored.execute(KEEP, [sealed, *whose])
