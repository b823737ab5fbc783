"""Only the owner can read a model's reasoning about somebody."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from discreet.domain.errors import ScopeError
from discreet.services.exporting import export_contact
from discreet.services.turns import get_turn, list_turns
from discreet.settings import Settings
from discreet.turn.responders import Models
from discreet.turn.run import run_turn
from tests.isolation.conftest import ALICE, Neighbours
from tests.support.openai_server import Call, Chunks, Say, openai_server
from tests.support.turns import rows_of, turns_of

THOUGHT = "this customer always pays, so quote the higher price"
FIELD = "their neighbour paid less"


async def test_reasoning_is_in_the_turns_record_and_nowhere_that_a_contact_looks(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    world = neighbours.world
    said = await world.say(ALICE, "What is the price?")
    with openai_server(
        Chunks(("<thi", f"nk>{THOUGHT}</thi", "nk>Ten euros."), reasoning=FIELD),
        Call((("recall", {"query": "higher price"}),)),
        Say("I know nothing of it."),
    ) as script:
        models = Models(Settings(home=tmp_path, model="m", model_base_url=script.base_url))
        turns = replace(turns_of(world.db, models.answer), budget_for=models.budget_for)
        await run_turn(turns, said.session_id)
        [turn, *_] = await list_turns(world.db, world.owner_id, session_id=said.session_id)
        asked = await world.say(ALICE, "Which customer always pays the higher price?")
        await run_turn(turns, asked.session_id)
        sent = str(script.requests[1:])
    record = await get_turn(world.db, world.owner_id, turn.id)
    assert record.answer == "Ten euros."
    assert record.reasoning is not None
    assert THOUGHT in record.reasoning
    assert FIELD in record.reasoning

    assert THOUGHT not in sent, "nor does the model find it in the next turn"
    assert FIELD not in sent
    for table in ("messages", "memories", "memory_history", "drafts"):
        text = "content" if table.startswith("memor") else "text"
        rows = await rows_of(world, f"SELECT {text} AS text FROM discreet.{table}")
        assert all(THOUGHT not in row["text"] and FIELD not in row["text"] for row in rows)
    written = await export_contact(world.db, world.owner_id, ALICE, tmp_path / "a.zip")
    with zipfile.ZipFile(written.file) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert "Ten euros." in everything
    assert THOUGHT not in everything
    assert FIELD not in everything
    for column in ("steps", "prompt", "usage"):
        with pytest.raises(ScopeError):
            async with world.db.begin(world.contact(said.contact_id)) as tx:
                await tx.fetch(f"SELECT {column} FROM discreet.turns")
