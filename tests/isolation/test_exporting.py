"""An archive of one contact contains no byte of another's, whatever they have in common."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import NotFound
from discreet.postgres.server import Database
from discreet.services.exporting import export_contact
from tests.isolation.conftest import ALICE, BOB, BOBS_SECRET, OWNERS_SECRET, Neighbours
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all
from tests.support.world import other_owner

GROUP = "telegram:-100500"


async def test_an_archive_contains_no_data_of_others(
    neighbours: Neighbours, database: Database, tmp_path: Path
) -> None:
    world = neighbours.world
    for who in (ALICE, BOB, None):
        await world.say(who, calling("remember", content=f"{who} likes tea"))
        await world.say(who, calling("recall", query="tea"))
    for who in (ALICE, BOB):
        await world.say(who, f"{who} says hello", group=GROUP)
    await do_all(database, world.db, Responder(do_as_told))
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert f"{ALICE} likes tea" in everything
    assert f"{ALICE} says hello" in everything
    for foreign in (
        BOBS_SECRET,
        OWNERS_SECRET,
        BOB,
        f'"{BOB.partition(":")[2]}"',
        str(neighbours.bob.contact_id),
        str(neighbours.bob.session_id),
        str(neighbours.owner.session_id),
        "None likes tea",
    ):
        assert foreign not in everything, foreign


async def test_no_owner_exports_anothers_contact(
    neighbours: Neighbours, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    otto = await other_owner(neighbours.world, admin)
    with pytest.raises(NotFound):
        await export_contact(
            otto.db, otto.owner_id, str(neighbours.alice.contact_id), tmp_path / "a.zip"
        )
