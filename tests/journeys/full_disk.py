"""Platforms that write to a server whose disk is full: nothing is lost once there is room again.

Real processes, and a real, small file system. ``scripts/full-disk`` runs it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from discreet.channels.telegram.receive import MAX_WAIT
from discreet.postgres.credentials import load_credentials
from discreet.postgres.folders import Layout, socket_folder
from discreet.postgres.roles import ADMIN_ROLE
from tests.channels.whatsapp_payloads import message
from tests.journeys.conftest import Installation, answer_of, kill
from tests.support import bot_api, cloud_api
from tests.support.small_disk import fill, small_disk
from tests.support.waiting import until

MEGABYTES = 400
MAX_CALLS = 2_000
"""More than the pages that the database already has can hold."""


@pytest.fixture
def full_home(tmp_path: Path) -> Iterator[Installation]:
    with small_disk(tmp_path / "disk", megabytes=MEGABYTES) as disk:
        made = Installation(disk / "home")
        yield made
        made.end()


@pytest.fixture
def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def admin_of(home: Path) -> psycopg.Connection[Any]:
    credentials = load_credentials(home)
    assert credentials is not None
    here = replace(credentials, host=str(socket_folder(Layout(home), make=False)))
    return psycopg.connect(here.conninfo(ADMIN_ROLE), autocommit=True)


def free_bytes(home: Path) -> int:
    disk = os.statvfs(home)
    return disk.f_bavail * disk.f_frsize


def stored(home: Path) -> list[str]:
    with admin_of(home) as admin:
        rows = admin.execute(
            "SELECT platform_message_id FROM discreet.messages WHERE direction = 'in' ORDER BY 1"
        )
        return [row[0] for row in rows]


def said(number: int) -> dict[str, Any]:
    """Return the call for a message that doesn't compress, each of another person."""
    sender = {"from": str(15550000000 + number), "from_user_id": None}
    body = {"body": os.urandom(1_900).hex()}
    return cloud_api.payload(message("text", body, id=f"wamid.{number:05}", **sender))


async def run(installation: Installation, *words: str) -> str:
    return await asyncio.to_thread(answer_of, installation.start(*words))


async def shown(installation: Installation) -> tuple[int, str]:
    process = installation.start("status")
    out, err = await asyncio.to_thread(process.communicate)
    return process.returncode, out + err


async def test_calls_get_503_while_the_disk_is_full_and_are_stored_once_when_they_are_repeated(
    full_home: Installation, free_address: str
) -> None:
    home, url = full_home.home, f"http://{free_address}/whatsapp"
    async with cloud_api.cloud_api() as api:
        full_home.settings |= {
            "DISCREET_WHATSAPP_BASE_URL": api.base_url,
            "DISCREET_WHATSAPP_TOKEN": cloud_api.TOKEN,
            "DISCREET_WHATSAPP_APP_SECRET": cloud_api.APP_SECRET,
            "DISCREET_WEBHOOK_URL": f"http://{free_address}",
            "DISCREET_WEBHOOK_LISTEN": free_address,
        }
        await run(full_home, "agents", "create", "Zoe")
        await run(full_home, "channels", "add", "whatsapp", cloud_api.NUMBER, "--agent", "Zoe")
        await run(full_home, "admission", "set", "Zoe", "whatsapp", "open")
        await asyncio.to_thread(full_home.serve)
        calls = [said(0)]
        await until(partial(accepted, url, calls[0]), "the channel")
        ballast = fill(home.parent)
        while len(calls) < MAX_CALLS:
            calls.append(said(len(calls)))
            status = await cloud_api.call(url, calls[-1])
            if status != 200:
                break
        assert status == 503
        _, words = await shown(full_home)
        assert "The disk of the database is full" in words

        # The next WAL segment finds no room, of which PostgreSQL dies, and so does each restart.
        with suppress(psycopg.OperationalError), admin_of(home) as admin:
            admin.execute("SELECT pg_switch_wal()")
            admin.execute("CREATE TABLE public.more AS SELECT 1")
            raise AssertionError("there was room")
        assert await cloud_api.call(url, calls[-1]) == 503

        async def names_the_disk() -> bool:
            code, words = await shown(full_home)
            return code == 1 and "The disk is full" in words

        await until(names_the_disk, "the cause")
        assert await cloud_api.call(url, calls[-1]) == 503
        ballast.unlink()
        for body in calls:
            await until(partial(accepted, url, body), "a repeated call")
        assert stored(home) == [f"wamid.{number:05}" for number in range(len(calls))]


async def accepted(url: str, body: dict[str, Any]) -> bool:
    with suppress(aiohttp.ClientError):
        return await cloud_api.call(url, body) == 200
    return False


async def test_updates_that_a_full_disk_refused_are_polled_again_and_stored_once(
    full_home: Installation,
) -> None:
    home = full_home.home
    async with bot_api.bot_api() as api:
        full_home.settings |= {
            "DISCREET_TELEGRAM_BASE_URL": api.base_url,
            "DISCREET_TELEGRAM_TOKEN": bot_api.TOKEN,
        }
        await run(full_home, "agents", "create", "Zoe")
        await run(full_home, "channels", "add", "telegram", "--agent", "Zoe")
        await run(full_home, "admission", "set", "Zoe", "telegram", "open")
        server = await asyncio.to_thread(full_home.serve)
        await api.direct(1000, "hello")
        await until(lambda: len(stored(home)) == 1, "the first message")
        ballast = fill(home.parent)
        sent = [await api.direct(1001 + n, os.urandom(1_900).hex()) for n in range(300)]
        polls = len(api.calls)
        await until(lambda: api.calls[polls:].count("getUpdates") > 4, "requests that are repeated")
        assert len(stored(home)) < 301
        assert "The disk of the database is full" in (await shown(full_home))[1]
        ballast.unlink()
        for number in range(51, 302, 50):
            await until(
                lambda number=number: len(stored(home)) >= number,  # type: ignore[misc]
                f"{number} messages",
                outstanding=lambda: f"{len(stored(home))} stored, {free_bytes(home)} bytes free",
                faults_seconds=MAX_WAIT,  # between two attempts, after so many failures
            )
        kill(server)
        assert sorted(map(int, stored(home)))[1:] == sent
