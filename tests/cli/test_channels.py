from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Sb
from tests.support import cloud_api as cloud
from tests.support import discord_api as discord
from tests.support.bot_api import TOKEN, bot_api, refused


async def run(sb: Sb, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(sb, "channels", *words, stdin=stdin)


async def test_a_bot_is_added_tested_listed_and_removed(warm_sb: Sb, tmp_path: Path) -> None:
    sb = warm_sb
    async with bot_api() as api:
        base = ("--base-url", api.base_url)
        added = await run(sb, "add", "telegram", *base, stdin=f"{TOKEN}\n".encode())
        assert (added.returncode, added.stderr) == (0, "")
        assert "https://t.me/ada_bot" in added.stdout
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n")
        again = await run(sb, "add", "telegram", *base, "--token-file", str(file))
        assert again.returncode == 0
        (listed,) = await asyncio.to_thread(sb.json, "channels", "list")
        assert (listed["platform"], listed["name"]) == ("telegram", "ada_bot")
        for name in ("@ada_bot", "ada_bot", "telegram"):
            tested = await run(sb, "test", name)
            assert "@ada_bot works and leads to" in tested.stdout
        (policy,) = await asyncio.to_thread(sb.json, "admission", "list")
        assert (policy["name"], policy["admission"]) == ("ada_bot", "pairing")
        api.faults["getMe"] = [refused(401, "Unauthorized")]
        revoked = await run(sb, "test", "@ada_bot")
        assert (revoked.returncode, revoked.stdout) == (2, "")
        assert "rejected the token" in revoked.stderr
        removed = await run(sb, "remove", "@ada_bot")
        assert removed.returncode == 0
        gone = await run(sb, "test", "@ada_bot")
        assert (gone.returncode, "sb channels list" in gone.stderr) == (2, True)
    assert not (sb.home / "channels.json").exists()
    for done in (added, again, tested, revoked, removed, gone):
        assert TOKEN not in done.stdout + done.stderr


@pytest.mark.parametrize("token", ["", "\n", "nonsense\n"])
async def test_a_token_that_is_none_is_told_in_one_line(warm_sb: Sb, token: str) -> None:
    async with bot_api() as api:
        api.faults["getMe"] = [refused(404, "Not Found")]
        words = ("add", "telegram", "--base-url", api.base_url)
        done = await run(warm_sb, *words, stdin=token.encode())
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


async def test_a_number_of_whatsapp_is_added_and_its_secrets_are_shown_to_nobody(
    warm_sb: Sb, tmp_path: Path
) -> None:
    sb, token = warm_sb, cloud.TOKEN
    file = tmp_path / "app-secret"
    file.write_text(f"{cloud.APP_SECRET}\n")
    async with cloud.cloud_api() as api:
        words = ("add", "whatsapp", cloud.NUMBER, "--base-url", api.base_url)
        words = (*words, "--app-secret-file", str(file))
        added = await run(sb, *words, stdin=f"{token}\n".encode())
        assert (added.returncode, added.stderr) == (0, "")
        assert "+1 555-078-3881 now leads to Ada." in added.stdout
        assert "https://YOUR-ADDRESS/whatsapp" in added.stdout
        tested = await run(sb, "test", "whatsapp")
        assert "+1 555-078-3881 works" in tested.stdout
        wrong = await run(sb, *words, stdin=b"nonsense\n")
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
    removed = await run(sb, "remove", cloud.NUMBER)
    assert removed.returncode == 0
    for done in (added, tested, wrong, removed):
        assert token not in done.stdout + done.stderr
        assert cloud.APP_SECRET not in done.stdout + done.stderr
    assert not (sb.home / "channels.json").exists()


async def test_a_bot_of_discord_is_added_once_it_may_read_messages(warm_sb: Sb) -> None:
    sb, token = warm_sb, discord.ADA.token
    async with discord.discord_api() as api:
        words = ("add", "discord", "--base-url", api.base_url)
        api.intents_allowed = False
        deaf = await run(sb, *words, stdin=f"{token}\n".encode())
        assert (deaf.returncode, len(deaf.stderr.splitlines())) == (2, 1)
        assert "Message Content Intent" in deaf.stderr
        api.intents_allowed = True
        added = await run(sb, *words, stdin=f"{token}\n".encode())
        assert (added.returncode, added.stderr) == (0, "")
        assert "@ada now leads to Ada." in added.stdout
        tested = await run(sb, "test", "discord")
        assert "@ada works" in tested.stdout
        wrong = await run(sb, *words, stdin=b"nonsense\n")
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
        revoked = await run(sb, *words, stdin=f"{token[:-1]}z\n".encode())
        assert "rejected the token" in revoked.stderr
    removed = await run(sb, "remove", discord.ADA.id)
    assert removed.returncode == 0
    for done in (deaf, added, tested, wrong, revoked, removed):
        assert token[:-1] not in done.stdout + done.stderr
