"""Import ``HOME/channels.json``, where channel secrets were stored in older versions."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from discreet.domain.errors import SecretMissing, Unavailable
from discreet.domain.ids import OwnerId
from discreet.postgres.private_files import read_private, write_private
from discreet.scope import OwnerScope, ScopedDatabase

if TYPE_CHECKING:
    from discreet.domain.platform import ChannelSecret

FILE_NAME = "channels.json"


async def take_over_channels_file(
    db: ScopedDatabase, owner_id: OwnerId, key: bytes, home: Path
) -> None:
    """Move the secrets of connected channels into the database, and remove the file.

    A secret that is already in the database is kept. Secrets that no channel needs stay in the
    file, because their database may still be restored.

    Raises:
        Unavailable: others can read the file, or it can't be parsed.
    """
    path = home / FILE_NAME
    kept = _read(path)
    if kept is None:
        return
    from discreet.auth.channel_secrets import load_secret, save_secret

    left: dict[str, ChannelSecret] = {}
    async with db.begin(OwnerScope(owner_id)) as tx:
        for name, secret in kept.items():
            platform, _, account = name.partition(":")
            try:
                known = await load_secret(tx, key, platform, account)
            except SecretMissing:
                await save_secret(tx, key, platform, account, secret)
            else:
                if known is None:
                    left[name] = secret
    if not left:
        path.unlink(missing_ok=True)
    elif len(left) < len(kept):
        document = {name: asdict(secret) for name, secret in left.items()}
        write_private(path, json.dumps(document, indent=2))


def _read(path: Path) -> dict[str, ChannelSecret] | None:
    text = read_private(path, "tokens")
    if text is None:
        return None
    from discreet.domain.platform import ChannelSecret

    try:
        return {name: ChannelSecret(**kept) for name, kept in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        raise Unavailable(
            f"{path} is damaged.", hint="Delete it, and add the channels again."
        ) from None
