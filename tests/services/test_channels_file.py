"""Channel secrets in an older version's file are moved to the database."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from discreet.auth.channel_secrets import load_secret, save_secret
from discreet.auth.channels_file import take_over_channels_file
from discreet.domain.errors import Unavailable
from discreet.domain.platform import ChannelSecret
from discreet.scope import OwnerScope
from discreet.services.channels import remove_channel
from tests.support.world import World

KEY = b"k" * 32
KEPT = ChannelSecret("7:sesame", "http://127.0.0.1:1", "hook", "signed")


def write(home: Path, mode: int = 0o600, **secrets: ChannelSecret) -> Path:
    file = home / "channels.json"
    named = {name.replace("_", ":"): asdict(secret) for name, secret in secrets.items()}
    file.write_text(json.dumps(named))
    file.chmod(mode)
    return file


async def take_over(world: World, home: Path) -> None:
    await take_over_channels_file(world.db, world.owner_id, KEY, home)


async def secret_of(world: World, account: str) -> ChannelSecret | None:
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        return await load_secret(tx, KEY, "telegram", account)


async def test_every_secret_is_taken_over_whole_and_the_file_is_gone(
    world: World, tmp_path: Path
) -> None:
    for account in ("7", "8"):
        await world.add_channel("telegram", account)
    file = write(tmp_path, telegram_7=KEPT, telegram_8=ChannelSecret("8:x"))
    await take_over(world, tmp_path)
    assert await secret_of(world, "7") == KEPT
    assert (await secret_of(world, "8") or KEPT).token == "8:x"
    assert not file.exists()
    await take_over(world, tmp_path)
    assert not file.exists()


async def test_a_secret_that_the_database_has_is_newer(world: World, tmp_path: Path) -> None:
    await world.add_channel("telegram", "7")
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, KEY, "telegram", "7", ChannelSecret("7:newer"))
    file = write(tmp_path, telegram_7=KEPT)
    await take_over(world, tmp_path)
    assert (await secret_of(world, "7") or KEPT).token == "7:newer"
    assert not file.exists()


async def test_one_that_nobody_can_read_is_replaced(world: World, tmp_path: Path) -> None:
    await world.add_channel("telegram", "7")
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, b"o" * 32, "telegram", "7", ChannelSecret("7:newer"))
    write(tmp_path, telegram_7=KEPT)
    await take_over(world, tmp_path)
    assert await secret_of(world, "7") == KEPT


async def test_what_no_channel_needs_yet_stays_for_a_database_that_is_restored_later(
    world: World, tmp_path: Path
) -> None:
    await world.add_channel("telegram", "7")
    file = write(tmp_path, telegram_7=KEPT, telegram_9=ChannelSecret("9:later"))
    await take_over(world, tmp_path)
    assert list(json.loads(file.read_text())) == ["telegram:9"]
    assert file.stat().st_mode & 0o777 == 0o600
    await world.add_channel("telegram", "9")
    await take_over(world, tmp_path)
    assert (await secret_of(world, "9") or KEPT).token == "9:later"
    assert not file.exists()


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [("{}", 0o644, "chmod 600"), ("[]", 0o600, "damaged"), ('{"a:1": 5}', 0o600, "damaged")],
)
async def test_a_file_that_is_open_or_damaged_is_told_and_left(
    world: World, tmp_path: Path, text: str, mode: int, told: str
) -> None:
    file = tmp_path / "channels.json"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(Unavailable, match=told):
        await take_over(world, tmp_path)
    assert file.read_text() == text


async def test_a_channel_that_is_removed_leaves_no_secret(world: World) -> None:
    channel_id = await world.add_channel("telegram", "7")
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, KEY, "telegram", "7", KEPT)
    await remove_channel(world.db, world.owner_id, channel_id)
    assert await secret_of(world, "7") is None
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        assert await tx.fetch("SELECT 1 FROM discreet.channel_secrets") == []
