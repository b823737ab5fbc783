"""Messages of one call are decided and stored as if each had been a call of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.postgres.server import Database
from tests.intake.calls import accepted, message
from tests.support.world import World, other_owner

ROUNDS = 6

STORED = """
SELECT m.text, m.direction, m.state, m.position, m.command, m.sender_address, m.sender_name,
       m.chat_id, m.platform_message_id, m.reply_to, r.text, m.details, m.album, m.edited_by,
       m.not_before IS NULL, c.name, c.type, p.name, s.thread_key, s.last_position,
       s.ended_at IS NULL, s.shared, v.platform, v.admission,
       array(SELECT f.name FROM discreet.attachments f WHERE f.message_id = m.id ORDER BY 1),
       array(SELECT e.kind FROM discreet.events e WHERE e.message_id = m.id ORDER BY e.created_at),
       j.scheduled_at IS NULL, j.priority
  FROM discreet.messages m
  JOIN discreet.sessions s ON s.id = m.session_id
  JOIN discreet.routes w ON w.id = m.route_id AND w.session_id = s.id AND w.party = m.party
  JOIN discreet.channels v ON v.id = w.channel_id
  LEFT JOIN discreet.messages r ON r.id = m.replies_to
  LEFT JOIN discreet.contacts c ON c.id = m.contact_id
  LEFT JOIN discreet.contacts p ON p.id = m.sender_contact_id
  LEFT JOIN queue.procrastinate_jobs j ON j.lock = 'turn:' || s.id
 WHERE m.owner_id = %s AND m.command IS DISTINCT FROM 'notice'
 ORDER BY v.admission, m.chat_id, m.platform_message_id, m.position, m.text
"""
OTHERWISE = [
    "SELECT name, type, stopped_at IS NULL FROM discreet.contacts WHERE owner_id = %s"
    " ORDER BY 1, 2",
    "SELECT h.kind, h.refused, c.name FROM discreet.limit_hits h JOIN discreet.contacts c"
    " ON c.id = h.contact_id WHERE h.owner_id = %s ORDER BY 3, 1",
    "SELECT c.name, p.state, count(k) FROM discreet.pairings p JOIN discreet.contacts c"
    " ON c.id = p.contact_id LEFT JOIN discreet.held_messages k ON k.pairing_id = p.id"
    " WHERE p.owner_id = %s GROUP BY 1, 2 ORDER BY 1",
    "SELECT c.name, l.label FROM discreet.contact_labels l JOIN discreet.contacts c"
    " ON c.id = l.contact_id WHERE l.owner_id = %s ORDER BY 1, 2",
    "SELECT c.name, m.reply_to FROM discreet.messages m JOIN discreet.contacts c"
    " ON c.id = m.contact_id WHERE m.owner_id = %s AND m.command = 'notice' ORDER BY 1, 2",
]


@dataclass
class Twin:
    """One of two owners that get the same messages, and the ids of what it stored so far."""

    world: World
    channels: list[str] = field(default_factory=list)
    seen: dict[Any, int] = field(default_factory=dict)

    async def prepare(self, admin: psycopg.Connection[Any]) -> None:
        """Add channels, somebody blocked, somebody with a low limit and an account of the owner."""
        open_one = await self.world.add_channel("telegram", "open")
        asking = await self.world.add_channel("telegram", "asking", "pairing")
        self.channels = [str(self.world.channel_id), str(open_one), str(asking)]
        admin.execute(
            "UPDATE discreet.channels SET contact_labels = '{new}', debounce = '1 minute'"
            " WHERE id = %s",
            (open_one,),
        )
        for sender in ("limited", "blocked"):
            await self.world.say(
                f"telegram:{sender}", "hello", name=sender, channel_id=open_one, message_id=sender
            )
        by_name = "(SELECT id FROM discreet.contacts WHERE owner_id = %s AND name = %s)"
        owner = self.world.owner_id
        admin.execute(
            f"UPDATE discreet.contacts SET blocked_at = now() WHERE id = {by_name}",
            (owner, "blocked"),
        )
        admin.execute(
            "INSERT INTO discreet.limits (owner_id, contact_id, messages_a_minute)"
            f" VALUES (%s, {by_name}, 2)",
            (owner, owner, "limited"),
        )
        admin.execute(
            "INSERT INTO discreet.addresses (owner_id, platform, platform_id, of_owner)"
            " VALUES (%s, 'telegram', 'owner', true)",
            (owner,),
        )

    def plain(self, rows: list[Any]) -> list[Any]:
        """Outcomes with ids replaced by the number under which this owner saw them first."""
        return [
            (
                row[0],
                *(
                    None if one is None else self.seen.setdefault(one, len(self.seen))
                    for one in row[1:4]
                ),
                *row[4:],
            )
            for row in rows
        ]

    def messages(self, drawn: list[dict[str, Any]]) -> list[dict[str, object]]:
        """Return drawn messages on this owner's channels; None is a channel that doesn't exist."""
        channels = dict(enumerate(self.channels))
        return [
            message(self.world, 0, **one | {"channel": channels.get(one["channel"], str(uuid4()))})
            for one in drawn
        ]


def draw(chance: random.Random, number: int, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a message: mostly an ordinary one, of few people in few chats, so that they meet."""
    if earlier and chance.random() < 0.25:
        same = chance.choice(earlier[-15:])
        again: list[dict[str, Any]] = [
            {},
            {"platform_message": str(number), "edit_of": same["platform_message"], "body": "new"},
            {"platform_message": str(number), "in_reply_to": same["platform_message"]},
        ]
        return same | chance.choice(again)
    sender = chance.choice(
        ["ann", "bob", "cem", "limited", "limited", "limited", "blocked", "owner", f"{number}"]
    )
    changes: dict[str, Any] = {
        "channel": chance.choice([0, 1, 1, 1, 2]),
        "chat": sender,
        "platform_message": str(number),
        "sender_id": sender,
        "sender_display": sender,
        "body": f"line {number}",
    }
    if chance.random() < 0.15:
        changes |= {"chat": "group", "group_platform": "telegram", "group_id": "group"}
        changes |= {"group_name": "group", "addressed": chance.random() < 0.6}
    if chance.random() < 0.25:
        odd: list[dict[str, Any]] = [
            {"album_id": "an album", "files": [{"kind": "photo", "name": f"{number}.jpg"}]},
            {"album_id": "an album"},
            {"files": [{"kind": "photo", "name": f"{number}.jpg"}]},
            {"body": chance.choice(["/new", "/stop", "/help", "stop", "start", "approve"])},
            {"force_new": True},
            {"thread": "another"},
            {"details": {"text": "x", "quote": {"text": "y"}}},
        ]
        changes |= chance.choice(odd)
    return changes


BAD: list[dict[str, Any]] = [{"body": ""}, {"channel": None}, {"sender_kind": None}]


@pytest.mark.parametrize("shared", [False, True], ids=["of each contact", "shared by all"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_call_stores_its_messages_as_calls_of_one_message_would(
    world: World, database: Database, admin: psycopg.Connection[Any], seed: int, shared: bool
) -> None:
    twins = [Twin(world), Twin(await other_owner(world, admin))]
    for twin in twins:
        await twin.prepare(admin)
    if shared:
        admin.execute(
            "UPDATE discreet.channels SET admission = 'allowlist'"
            " WHERE admission = 'open' AND platform <> 'terminal'"
        )
        admin.execute("UPDATE discreet.agents SET memory_model = 'shared'")
        admin.execute(
            "INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)"
            " SELECT v.id, c.id, c.owner_id, v.agent_id FROM discreet.contacts c"
            " JOIN discreet.channels v ON v.owner_id = c.owner_id WHERE v.admission = 'allowlist'"
        )
    together, alone = twins
    chance = random.Random(seed)
    earlier: list[dict[str, Any]] = []
    outcomes = set()
    for turn in range(ROUNDS):
        drawn: list[dict[str, Any]] = []
        for _ in range(chance.randrange(2, 24)):
            drawn.append(draw(chance, len(earlier), earlier))
            earlier.append(drawn[-1])
        if turn % 3 == 2:
            drawn[chance.randrange(len(drawn))] |= chance.choice(BAD)
        found = together.plain(accepted(together.world, database, *together.messages(drawn)))
        expected = [
            alone.plain(accepted(alone.world, database, one))[0] for one in alone.messages(drawn)
        ]
        assert found == expected, drawn
        outcomes |= {row[0] for row in found}
        for query in (STORED, *OTHERWISE):
            one, other = (admin.execute(query, (twin.world.owner_id,)).fetchall() for twin in twins)
            assert one == other, (query, drawn)
    assert {"accepted", "duplicate", "blocked", "limited", "aside", "failed"} <= outcomes
