"""Channel secrets in a database that is being restored."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.postgres.sealing import NotSealedSo, seal, unseal

__all__ = ["keep_secrets", "reseal"]

ALL = "SELECT owner_id::text, platform, account, sealed FROM discreet.channel_secrets"
CHANGE = """
UPDATE discreet.channel_secrets SET sealed = %s
 WHERE owner_id::text = %s AND platform = %s AND account = %s
"""
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
    for *whose, sealed in restored.execute(ALL).fetchall():
        try:
            text = unseal(old_key, bytes(sealed), *whose)
        except NotSealedSo:
            continue  # nobody could read it before either
        restored.execute(CHANGE, [seal(new_key, text, *whose), *whose])


def keep_secrets(replaced: psycopg.Connection[Any], restored: psycopg.Connection[Any]) -> None:
    """Copy the secrets that the backup lacks.

    In old versions they were in a file of the home, which a restore didn't touch.
    """
    if replaced.execute("SELECT to_regclass('discreet.channel_secrets')").fetchone() == (None,):
        return
    for *whose, sealed in replaced.execute(ALL).fetchall():
        restored.execute(KEEP, [sealed, *whose])
