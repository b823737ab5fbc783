"""Channel secrets are used only for their owner, and the database alone reveals them to nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.auth.channel_secrets import load_secret, save_secret
from discreet.domain.errors import ScopeError, SecretMissing
from discreet.domain.platform import ChannelSecret
from discreet.gateway import Gateway
from discreet.postgres.server import Database
from discreet.queue.job_scope import DueRoute
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, WorkScope
from discreet.settings import Settings
from tests.support.world import World, other_owner

Admin = psycopg.Connection[Any]
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SECRET = ChannelSecret("7:sesame", webhook_secret="hook", app_secret="signed")


async def keep(world: World, account: str, secret: ChannelSecret, key: bytes = KEY) -> None:
    await world.add_channel("telegram", account)
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await save_secret(tx, key, "telegram", account, secret)


async def read(world: World, account: str, key: bytes = KEY) -> ChannelSecret | None:
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        return await load_secret(tx, key, "telegram", account)


@pytest.mark.parametrize(
    "role",
    ["discreet_contact", "discreet_shared", "discreet_intake", "discreet_worker", "discreet_gate"],
)
def test_only_the_owners_role_may_read_sealed_secrets(admin: Admin, role: str) -> None:
    may = admin.execute(
        "SELECT has_column_privilege(%s, 'discreet.channel_secrets', 'sealed', p)"
        "  FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) p",
        (role,),
    ).fetchall()
    assert may == [(False,)] * 3


async def test_an_owner_reads_the_own_secret_and_sees_no_row_of_another(
    world: World, admin: Admin
) -> None:
    otto = await other_owner(world, admin)
    await keep(world, "7", SECRET)
    await keep(otto, "7", ChannelSecret("7:ottos"))
    assert await read(world, "7") == SECRET
    assert (await read(otto, "7") or SECRET).token == "7:ottos"
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        seen = await tx.fetch("SELECT owner_id FROM discreet.channel_secrets")
    assert [row["owner_id"] for row in seen] == [world.owner_id]
    async with world.db.begin(WorkScope()) as tx:
        with pytest.raises(ScopeError):
            await tx.fetch("SELECT 1 FROM discreet.channel_secrets")


@pytest.mark.parametrize("moved", ["to another owner", "to another account", "to another platform"])
async def test_a_secret_sealed_for_one_account_can_not_be_used_for_another(
    world: World, admin: Admin, moved: str
) -> None:
    """Test that write access to the database isn't enough to use another owner's token."""
    otto = await other_owner(world, admin)
    await keep(world, "7", SECRET)
    reader, account, platform = world, "7", "telegram"
    match moved:
        case "to another owner":
            reader = otto
        case "to another account":
            account = "8"
        case _:
            platform = "discord"
    if (reader, account, platform) != (world, "7", "discord"):
        await reader.add_channel(platform, account)
    else:
        await world.add_channel("discord", "7")
    admin.execute(
        "UPDATE discreet.channel_secrets SET owner_id = %s, account = %s, platform = %s",
        (reader.owner_id, account, platform),
    )
    async with reader.db.begin(OwnerScope(reader.owner_id)) as tx:
        with pytest.raises(SecretMissing, match="other credentials"):
            await load_secret(tx, KEY, platform, account)


@pytest.mark.parametrize("damage", ["", "\\x", "\\x01", "\\x02" + "00" * 60, "\\x01" + "00" * 60])
async def test_a_damaged_or_foreign_secret_counts_as_missing(
    world: World, admin: Admin, damage: str
) -> None:
    await keep(world, "7", SECRET, OTHER_KEY if damage == "" else KEY)
    if damage:
        admin.execute("UPDATE discreet.channel_secrets SET sealed = %s::bytea", (damage,))
    with pytest.raises(SecretMissing, match="other credentials"):
        await read(world, "7")


async def test_the_same_secret_never_looks_the_same_twice(world: World, admin: Admin) -> None:
    looks = set()
    for _ in range(3):
        await keep(world, "7", SECRET) if not looks else None
        async with world.db.begin(OwnerScope(world.owner_id)) as tx:
            await save_secret(tx, KEY, "telegram", "7", SECRET)
        looks.add(bytes(admin.execute("SELECT sealed FROM discreet.channel_secrets").fetchone()[0]))  # type: ignore[index]
    assert len(looks) == 3
    assert not any(b"sesame" in look or b"signed" in look for look in looks)


async def test_answers_of_one_owner_are_never_sent_with_the_connection_of_another(
    world: World, admin: Admin, database: Database, tmp_path: Path
) -> None:
    """Test two owners with accounts of the same name, one of them on a server of its own."""
    otto = await other_owner(world, admin)
    await keep(world, "7", ChannelSecret("7:olgas", base_url="http://127.0.0.1:1"))
    await keep(otto, "7", ChannelSecret("7:ottos", base_url="http://127.0.0.1:2"))
    conninfo = database.conninfo("discreet_worker")
    gateway = Gateway(Settings(home=tmp_path), world.db, conninfo, KEY, Wakes(conninfo))
    try:
        for one, url in ((world, "http://127.0.0.1:1"), (otto, "http://127.0.0.1:2")) * 2:
            route = DueRoute(OwnerScope(one.owner_id), "telegram", "7")
            channel = await gateway.channel_of(route)
            bot = await channel._bots.get("7")  # type: ignore[attr-defined]
            assert bot is not None
            assert bot.base_url.startswith(url)
    finally:
        await gateway.close()


async def test_the_key_is_made_from_nothing_that_the_database_knows(
    database: Database, admin: Admin
) -> None:
    """Test that the sealing key isn't derived from the ticket key, which the database stores."""
    row = admin.execute("SELECT inner_pad, outer_pad FROM gate.secrets").fetchone()
    assert row is not None
    key = database.sealing_key
    assert len(key) == 32
    assert bytes(byte ^ 0x36 for byte in row[0][:32]) == database.ticket_key != key
