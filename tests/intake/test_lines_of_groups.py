"""A line that no person signed is the group's own: stored, overheard, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from discreet.domain.inbound import GroupSender, Inbound
from discreet.intake.accept import Accepted, Quarantined, TurnedAway, accept_or_quarantine
from discreet.intake.serialization import from_json, to_json
from discreet.postgres.server import Database
from discreet.schemas.sessions import ListMessages
from discreet.services.sessions import list_messages
from tests.support.platform import Platform, with_telegram
from tests.support.world import make_world, open_scoped

BOB, GROUP = "telegram:1002", "telegram:-100500"
ADMIN = GroupSender("an anonymous administrator")


@pytest.fixture
async def platform(database: Database) -> AsyncIterator[Platform]:
    async with open_scoped(database) as db:
        yield await with_telegram(await make_world(db), "open")


def line(platform: Platform, text: str = "[pinned a message]") -> Inbound:
    inbound = platform.inbound(BOB, text, group=GROUP, addressed=False)
    return replace(inbound, sender=ADMIN)


async def take(platform: Platform, inbound: Inbound) -> Accepted | TurnedAway | Quarantined:
    return await accept_or_quarantine(platform.world.db, platform.world.owner_id, inbound)


async def test_an_unsigned_line_is_stored_with_the_group_starts_no_turn_and_is_not_the_owners(
    platform: Platform, admin: psycopg.Connection[object]
) -> None:
    world = platform.world
    said = await take(platform, line(platform))
    assert isinstance(said, Accepted)
    by_bob = await platform.accepted(BOB, "who was that?", group=GROUP, addressed=False, name="Bob")
    assert (by_bob.session_id, by_bob.contact_id) == (said.session_id, said.contact_id)
    rows = admin.execute(
        "SELECT sender_name, sender_address, sender_contact_id = contact_id, state"
        " FROM discreet.messages ORDER BY position"
    ).fetchall()
    assert rows == [
        (ADMIN.shown_as, "", True, "context"),
        ("Bob", BOB, False, "context"),
    ]
    assert admin.execute("SELECT count(*) FROM queue.procrastinate_jobs").fetchone() == (0,)
    owners = world.context(world.owner)
    transcript = await list_messages(owners, said.session_id, ListMessages())
    first = transcript.items[0].said_by
    assert first is not None
    assert (first.name, first.address) == (ADMIN.shown_as, GROUP)


async def test_an_unsigned_line_is_refused_if_it_is_addressed_or_outside_of_a_group(
    platform: Platform,
) -> None:
    for wrong in (
        replace(line(platform, "@ada_bot hello"), addressed=True),
        replace(line(platform), group=None),
    ):
        assert isinstance(await take(platform, wrong), Quarantined)


async def test_an_unsigned_line_of_a_group_that_is_not_admitted_is_refused(
    platform: Platform, admin: psycopg.Connection[object]
) -> None:
    admin.execute(
        "UPDATE discreet.channels SET admission = 'allowlist' WHERE platform = 'telegram'"
    )
    refused = await take(platform, line(platform))
    assert isinstance(refused, TurnedAway)
    assert refused.reason == "stranger"


def test_an_unsigned_line_comes_back_from_the_quarantine_as_the_groups_own(
    platform: Platform,
) -> None:
    for name in (ADMIN.shown_as, ""):
        inbound = replace(line(platform), sender=GroupSender(name))
        assert from_json(to_json(inbound)) == inbound
