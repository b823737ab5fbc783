"""A bench per platform: its channel against a server that fails on demand, with payloads."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from discreet.channel_registry import ChannelRegistry
from discreet.channels.discord.platform import DiscordPlatform
from discreet.channels.telegram.platform import TelegramPlatform
from discreet.channels.whatsapp.platform import WhatsAppPlatform
from discreet.domain.addresses import CHANNEL_ENTRY_POINTS, known_platforms
from discreet.domain.platform import ChannelSecret, Identity, OpenChannel, Platform
from discreet.settings import Settings
from tests.channels import discord_payloads as discord
from tests.channels import payloads as telegram
from tests.channels import whatsapp_payloads as whatsapp
from tests.support import bot_api, cloud_api, discord_api

Trouble = Literal["slow down", "down", "cut", "gone", "refused"]
"""Kinds of failures: rate limit, server error, no response, recipient gone, permanent refusal."""

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "folder-channel"
SAID = "hello from here"
"""The person's text in each recorded message."""


@dataclass
class Bench:
    """``said``: a direct message by the person in ``chat``; ``again``: others by the same person.

    ``sent``: what the platform accepted for the chat, oldest first. ``previewed``: the accepted
    texts, new or edited, whose links it would fetch for a preview. ``troubles``: each makes the
    next request fail in its way, for the kinds that the platform has; ``mend`` ends it.
    """

    platform: Platform
    channel: OpenChannel
    secret: ChannelSecret
    me: Identity
    chat: str
    said: Mapping[str, Any]
    nobody: Mapping[str, Any]
    broken: Mapping[str, Any]
    overheard: Sequence[Mapping[str, Any]]
    sent: Callable[[], list[str]]
    previewed: Callable[[], list[str]]
    troubles: Mapping[Trouble, Callable[[], object]]
    mend: Callable[[], object] = lambda: None


@asynccontextmanager
async def telegram_bench(home: Path) -> AsyncIterator[Bench]:
    faults: dict[Trouble, bot_api.Fault] = {
        "slow down": bot_api.too_many(7),
        "down": bot_api.Fault("status", 500),
        "cut": bot_api.Fault("cut"),
        "gone": bot_api.refused(403, "Forbidden: bot was blocked by the user"),
        "refused": bot_api.refused(400, "Bad Request: chat not found"),
    }
    async with bot_api.bot_api() as api:
        platform = TelegramPlatform(Settings(home=home, telegram_base_url=api.base_url))
        secret = ChannelSecret(bot_api.TOKEN)
        me = await platform.identify(secret, "")
        channel = platform.open({me.account: secret}.get)
        said = telegram.message(telegram.PRIVATE, telegram.ALICE, text=SAID)
        nobody = telegram.message(telegram.CHANNEL, None, text=SAID)
        nobody["channel_post"] = nobody.pop("message")
        yield Bench(
            platform,
            channel,
            secret,
            me,
            "1001",
            said,
            nobody,
            {"update_id": 1, "message": {"message_id": 7, "text": "?", "chat": {"id": 1001}}},
            [
                telegram.edited(said, text="hello again"),
                telegram.message(telegram.GROUP, telegram.ALICE, text=SAID),
            ],
            lambda: api.texts(1001),
            lambda: api.previewed,
            {
                trouble: partial(api.faults["sendMessage"].append, fault)
                for trouble, fault in faults.items()
            },
        )
        await channel.close()


@asynccontextmanager
async def whatsapp_bench(home: Path) -> AsyncIterator[Bench]:
    failures: dict[Trouble, cloud_api.Failure] = {
        "slow down": cloud_api.Failure(429, 130429, retry_after="7"),
        "down": cloud_api.Failure(500),
        "cut": cloud_api.Failure(cut=True),
        "gone": cloud_api.Failure(400, 131026, "Message undeliverable"),
        "refused": cloud_api.Failure(400, 100, "Invalid parameter"),
    }
    text = {"body": SAID}
    async with cloud_api.cloud_api() as api:
        platform = WhatsAppPlatform(Settings(home=home, whatsapp_base_url=api.base_url))
        secret = ChannelSecret(cloud_api.TOKEN, app_secret=cloud_api.APP_SECRET)
        me = await platform.identify(secret, cloud_api.NUMBER)
        channel = platform.open({me.account: secret}.get)
        unknown = whatsapp.message("text", text, **{"from": None, "from_user_id": None})
        edit = {"message": {"type": "text", "text": text}}
        yield Bench(
            platform,
            channel,
            secret,
            me,
            whatsapp.BSUID,
            cloud_api.payload(whatsapp.message("text", text), contacts=[whatsapp.BOTH]),
            cloud_api.payload(unknown),
            cloud_api.payload(whatsapp.message("text", "?")),
            [
                cloud_api.payload(whatsapp.message("edit", edit)),
                cloud_api.payload(whatsapp.message("text", text, group_id="Y2Fw")),
            ],
            lambda: api.texts(whatsapp.BSUID),
            lambda: api.previewed,
            {
                trouble: partial(api.failures["send"].append, failure)
                for trouble, failure in failures.items()
            },
        )
        await channel.close()


@asynccontextmanager
async def discord_bench(home: Path) -> AsyncIterator[Bench]:
    failures: dict[Trouble, discord_api.Failure] = {
        "slow down": discord_api.Failure(429, retry_after=7),
        "down": discord_api.Failure(500),
        "cut": discord_api.Failure(cut=True),
        "gone": discord_api.Failure(403, 50007, "Cannot send messages to this user"),
        "refused": discord_api.Failure(400, 50006, "Cannot send an empty message"),
    }
    async with discord_api.discord_api() as api:
        api.add_place(discord.DIRECT)
        platform = DiscordPlatform(Settings(home=home, discord_base_url=api.base_url))
        secret = ChannelSecret(discord_api.ADA.token)
        me = await platform.identify(secret, "")
        channel = platform.open({me.account: secret}.get)
        said = discord.message(discord.DIRECT, discord.ALICE, SAID)
        yield Bench(
            platform,
            channel,
            secret,
            me,
            discord.DIRECT["id"],
            said,
            discord.message(discord.DIRECT, None, SAID),
            discord.message(discord.DIRECT, discord.ALICE, "?", timestamp="yesterday"),
            [
                discord.edited(said, "hello again"),
                discord.message(discord.CHANNEL, discord.ALICE, SAID),
            ],
            lambda: api.texts(discord.DIRECT["id"]),
            lambda: api.previewed,
            {
                trouble: partial(api.failures["create"].append, failure)
                for trouble, failure in failures.items()
            },
        )
        await channel.close()


@asynccontextmanager
async def folder_bench(home: Path) -> AsyncIterator[Bench]:
    """Yield a bench for the example package, found through its entry point like any other."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"][CHANNEL_ENTRY_POINTS].items()
    installed = home / "installed" / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text(f"Name: {project['name']}\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text(f"[{CHANNEL_ENTRY_POINTS}]\n{name} = {value}\n")
    paths = [str(EXAMPLE), str(installed.parent)]
    sys.path += paths
    known_platforms.cache_clear()
    try:
        yield await _folder(home / "desk", ChannelRegistry(Settings(home=home))[name])
    finally:
        sys.path[:] = [path for path in sys.path if path not in paths]
        known_platforms.cache_clear()


async def _folder(desk: Path, platform: Platform) -> Bench:
    out = desk / "out" / "alice"
    (desk / "in").mkdir(parents=True)
    out.mkdir(parents=True)
    (desk / "token").write_text("a-secret-word\n")
    secret = ChannelSecret("a-secret-word")
    me = await platform.identify(secret, str(desk))
    said = {"id": "1", "from": "alice", "name": "Alice", "chat": "alice", "text": SAID, "at": 1}

    def blocked() -> None:
        out.rename(desk / "away")
        out.write_text("not a folder")

    def mend() -> None:
        (desk / "closed").unlink(missing_ok=True)
        if out.is_file():
            out.unlink()
        if (desk / "away").exists():
            (desk / "away").rename(out)

    def sent() -> list[str]:
        return [file.read_text() for file in sorted(out.glob("*.txt"), key=_part)]

    return Bench(
        platform,
        platform.open({me.account: secret}.get),
        secret,
        me,
        "alice",
        said,
        {**said, "from": ""},
        {"id": "2", "text": "?"},
        [{**said, "edited": True}, {**said, "group": "desk"}],
        sent,
        list,  # files in a folder; nobody follows links in them
        {
            "slow down": (desk / "closed").touch,
            "down": blocked,
            "gone": lambda: out.rename(desk / "away"),
        },
        mend,
    )


def _part(file: Path) -> int:
    return int(file.stem.rsplit("-", 1)[-1])


BENCHES: Mapping[str, Callable[[Path], AbstractAsyncContextManager[Bench]]] = {
    "discord": discord_bench,
    "telegram": telegram_bench,
    "whatsapp": whatsapp_bench,
    "folder": folder_bench,
}
