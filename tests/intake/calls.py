"""Calls of ``gate.accept_messages`` as the intake role makes them."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from discreet.intake.batches import ACCEPT
from discreet.postgres.server import Database
from discreet.scope import IntakeScope
from discreet.scope.tickets import ticket_for
from tests.support.world import World


def message(world: World, number: int, **changes: object) -> dict[str, object]:
    return {
        "channel": str(world.channel_id),
        "chat": "1001",
        "platform_thread": "",
        "platform_message": str(number),
        "written_at": "2026-05-01T12:00:00+00:00",
        "sender_kind": "address",
        "sender_platform": "telegram",
        "sender_id": "1001",
        "sender_display": "Alice",
        "group_name": "",
        "thread": "",
        "force_new": False,
        "body": f"line {number}",
        "addressed": True,
        "album_id": "",
        "files": [],
        "limited": False,
        **changes,
    }


def accepted(world: World, database: Database, *messages: dict[str, object]) -> list[Any]:
    with psycopg.connect(database.conninfo("discreet_intake"), autocommit=True) as intake:
        pid, now = intake.info.backend_pid, time.time()
        ticket = ticket_for(IntakeScope(world.owner_id), database.ticket_key, pid, now)
        return intake.execute(
            ACCEPT, {"ticket": ticket, "messages": Jsonb(list(messages))}
        ).fetchall()
