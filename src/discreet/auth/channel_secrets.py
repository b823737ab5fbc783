"""Channel secrets, stored encrypted in the database, where every server finds them.

``key`` is the sealing key of the credentials file; ``tx`` is the owner's.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from discreet.domain.errors import ScopeError, SecretMissing
from discreet.domain.ids import OwnerId
from discreet.domain.platform import ChannelSecret
from discreet.postgres.sealing import NotSealedSo, seal, unseal
from discreet.scope import OwnerScope, Transaction

LOAD = """
SELECT s.sealed, EXISTS (
         SELECT FROM discreet.channels c
          WHERE c.platform = %(platform)s AND c.account = %(account)s AND c.closed_at IS NULL
       ) AS is_open
  FROM (VALUES (1)) one
  LEFT JOIN discreet.channel_secrets s ON s.platform = %(platform)s AND s.account = %(account)s
"""
SAVE = """
INSERT INTO discreet.channel_secrets (platform, account, sealed)
VALUES (%(platform)s, %(account)s, %(sealed)s)
ON CONFLICT (owner_id, platform, account)
DO UPDATE SET sealed = excluded.sealed, changed_at = clock_timestamp()
"""
DROP = """
DELETE FROM discreet.channel_secrets WHERE platform = %(platform)s AND account = %(account)s
"""


async def load_secret(
    tx: Transaction, key: bytes, platform: str, account: str
) -> ChannelSecret | None:
    """Return the secret of this owner's account, or None if it is no longer connected.

    Raises:
        SecretMissing: it is connected, but its secret is missing or encrypted with another key.
    """
    row = await tx.fetch_one(LOAD, {"platform": platform, "account": account})
    if row is None or not row["is_open"]:
        return None
    if row["sealed"] is None:
        raise SecretMissing(
            f"The token of {platform} {account} is missing.",
            hint=f"Enter it again: sb channels add {platform}",
        )
    try:
        text = unseal(key, bytes(row["sealed"]), str(_owner_of(tx)), platform, account)
    except NotSealedSo:
        raise SecretMissing(
            f"The token of {platform} {account} was stored by a server with other credentials.",
            hint="Copy that server's credentials here: run sb db invite FILE there and sb db join"
            f" FILE here. Or enter the token again: sb channels add {platform}",
        ) from None
    return ChannelSecret(**json.loads(text))


async def save_secret(
    tx: Transaction, key: bytes, platform: str, account: str, secret: ChannelSecret
) -> None:
    """Store the secret of this owner's account, replacing an existing one."""
    text = json.dumps(asdict(secret))
    sealed = seal(key, text, str(_owner_of(tx)), platform, account)
    await tx.execute(SAVE, {"platform": platform, "account": account, "sealed": sealed})


async def drop_secret(tx: Transaction, platform: str, account: str) -> None:
    """Delete the secret of this owner's account."""
    await tx.execute(DROP, {"platform": platform, "account": account})


def _owner_of(tx: Transaction) -> OwnerId:
    if not isinstance(tx.scope, OwnerScope):
        raise ScopeError("Only an owner has channel secrets.")
    return tx.scope.owner_id
