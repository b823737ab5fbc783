"""What senders see of themselves and nobody else's: what was used, who read along, erasure."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict
from discreet.schemas.own_data import ConfirmErasure
from discreet.scope.scopes import SessionScope
from discreet.services import erasing, linking, own_data
from discreet.services.exporting import export_contact
from discreet.services.own_data import erase_due, record_access
from discreet.services.references import ReferenceText, publish
from discreet.turn.run import run_turn
from tests.docs.pages import DOCS
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all, rows_of, turns_of
from tests.support.world import World

ANN, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"


async def ask(world: World, sender: str, text: str, **more: Any) -> str:
    said = await world.say(sender, text, **more)
    await run_turn(turns_of(world.db, Responder(do_as_told)), said.session_id)
    rows = await rows_of(
        world,
        "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
        " ORDER BY position DESC LIMIT 1",
        said.session_id,
    )
    return str(rows[0]["text"])


async def scope_of(world: World, sender: str) -> SessionScope:
    return world.contact((await world.say(sender, "hello")).contact_id)


async def test_why_shows_what_the_last_answer_here_was_made_of_and_nothing_of_anybody_else(
    world: World,
) -> None:
    assert await ask(world, ANN, "/why") == "I have not answered anything here yet."
    await publish(
        world.db, world.owner_id, world.agent_id, [ReferenceText("tea.md", ("We have tea.",))]
    )
    await ask(world, BOB, calling("remember", content="Bob likes tea with milk"))
    await ask(world, ANN, calling("remember", content="Ann likes tea"))
    await ask(world, ANN, "what tea?")
    shown = await ask(world, ANN, "/why")
    assert "- Ann likes tea" in shown
    assert "We have tea." in shown
    assert "the model scripted" in shown
    assert "milk" not in shown
    await ask(world, BOB, "what milk?")
    assert "milk" not in await ask(world, ANN, "/why")
    assert "milk" not in await ask(world, ANN, "/why", group=GROUP)


async def test_who_lists_what_a_person_was_shown_of_this_contact_alone(world: World) -> None:
    ann, bob = (await scope_of(world, ANN)), (await scope_of(world, BOB))
    assert (await ask(world, ANN, "/who")).startswith("Nobody but me")
    for _ in range(3):  # repeated looks are one entry
        await record_access(world.db, world.owner_id, [ann.contact_id], "read", "dashboard")
    await record_access(world.db, world.owner_id, [ann.contact_id], "exported", "terminal")
    await record_access(world.db, world.owner_id, [bob.contact_id], "searched", "terminal")
    shown = await ask(world, ANN, "/who")
    assert re.findall(r"UTC|read it|exported it|search", shown) == ["UTC", "exported it", "read it"]
    assert (await own_data.list_access(world.context(bob))).items[0].did == "searched"


async def test_what_the_owners_agent_reads_of_a_contact_is_noted(world: World) -> None:
    await ask(world, ANN, calling("remember", content="Ann likes herons"))
    said = await world.say(None, calling("recall", query="herons"))
    await run_turn(turns_of(world.db, Responder(do_as_told)), said.session_id)
    assert "asked me" in await ask(world, ANN, "/who")
    assert (await ask(world, BOB, "/who")).startswith("Nobody but me")


async def test_nobody_changes_the_log_or_writes_it_but_its_function(world: World) -> None:
    ann = await scope_of(world, ANN)
    await record_access(world.db, world.owner_id, [ann.contact_id], "read", "terminal")
    for scope in (ann, world.owner):
        for sql in (
            "UPDATE discreet.access_log SET did = 'asked'",
            "DELETE FROM discreet.access_log",
            "INSERT INTO discreet.access_log (owner_id, contact_id, number, did, place, digest)"
            " SELECT owner_id, id, 9, 'read', 'terminal', '' FROM discreet.contacts",
        ):
            with pytest.raises(Exception, match=r"permission denied|may not"):
                async with world.db.begin(scope) as tx:
                    await tx.execute(sql)
    with pytest.raises(Exception, match=r"permission denied|may not"):
        async with world.db.begin(ann) as tx:
            await tx.execute("SELECT gate.record_access('{}', 'read', 'terminal', '0')")
    with pytest.raises(Exception, match=r"permission denied|may not"):
        async with world.db.begin(ann) as tx:
            await tx.execute("SELECT * FROM discreet.access_log")


async def test_the_chain_in_an_export_holds_and_an_altered_or_missing_entry_shows(
    world: World, tmp_path: Path
) -> None:
    ann = await scope_of(world, ANN)
    for did in ("read", "searched", "changed"):
        await record_access(world.db, world.owner_id, [ann.contact_id], did, "terminal")  # type: ignore[arg-type]
    file = tmp_path / "ann.zip"
    await export_contact(world.db, world.owner_id, ANN, file)
    lines = zipfile.ZipFile(file).read("data/access_log.jsonl").decode().splitlines()
    page = (DOCS / "export.md").read_text(encoding="utf-8")
    [source] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made: dict[str, Any] = {}
    exec(source, made)
    assert len(lines) == 3
    assert made["is_unaltered"](lines)
    assert not made["is_unaltered"]([lines[0], lines[2]])
    for field, value in (
        ("did", "read"),
        ("noted_at", "2026-01-01T00:00:00+00:00"),
        ("place", "chat"),
    ):
        other = {**json.loads(lines[1]), field: value}
        assert not made["is_unaltered"]([lines[0], json.dumps(other), lines[2]])


async def test_a_linked_contact_sees_what_was_noted_of_both(world: World) -> None:
    ann, also = (await scope_of(world, ANN)), (await scope_of(world, BOB))
    await record_access(world.db, world.owner_id, [ann.contact_id], "read", "terminal")
    await record_access(world.db, world.owner_id, [also.contact_id], "exported", "terminal")
    await linking.link_contacts(world.db, world.owner_id, ANN, BOB)
    listed = await own_data.list_access(world.context(await scope_of(world, ANN)))
    assert {one.did for one in listed.items} == {"read", "exported"}


async def test_a_contact_erases_itself_in_two_steps_and_nobody_else(
    world: World, database: Any, tmp_path: Path
) -> None:
    await ask(world, BOB, calling("remember", content="Bob stays"))
    await ask(world, ANN, calling("remember", content="Ann goes"))
    ann = await scope_of(world, ANN)
    await record_access(world.db, world.owner_id, [ann.contact_id], "read", "terminal")
    code = (await ask(world, ANN, "/erase-me")).rpartition(" ")[2]
    assert "wrong or has expired" in await ask(world, ANN, "/erase-me 000000")
    assert "wrong or has expired" in await ask(world, BOB, f"/erase-me {code}")
    assert await erase_due(world.db, tmp_path) == 0
    told = await ask(world, ANN, f"/erase_me {code}")
    receipt = UUID(told.partition("Your receipt: ")[2][:36])
    assert await erase_due(world.db, tmp_path) == 0  # it is told first
    await do_all(database, world.db)
    assert await erase_due(world.db, tmp_path) == 1
    assert await erase_due(world.db, tmp_path) == 0
    [erasure] = await erasing.list_erasures(world.db, world.owner_id)
    assert erasure.id == receipt
    assert erasure.counts["memories"] == 1
    assert erasure.counts["access_log"] == 1
    rows = await rows_of(world, "SELECT content FROM discreet.memories")
    assert [row["content"] for row in rows] == ["Bob stays"]
    left = "SELECT FROM discreet.access_log UNION ALL SELECT FROM discreet.contacts WHERE id = %s"
    assert await rows_of(world, left, ann.contact_id) == []


async def test_a_contact_that_has_confirmed_is_erased_and_merged_with_nobody_before(
    world: World, database: Any, tmp_path: Path
) -> None:
    """A merged contact is an empty shell: the erasure would never run, or take another's rows."""
    await ask(world, BOB, calling("remember", content="Bob stays"))
    code = (await ask(world, ANN, "/erase-me")).rpartition(" ")[2]
    ann = await scope_of(world, ANN)
    await ask(world, ANN, f"/erase_me {code}")
    for one, other in ((ANN, BOB), (BOB, ANN)):
        with pytest.raises(Conflict, match="asked to be erased"):
            await linking.link_contacts(world.db, world.owner_id, one, other)
    await do_all(database, world.db)
    assert await erase_due(world.db, tmp_path) == 1
    rows = await rows_of(world, "SELECT content FROM discreet.memories")
    assert [row["content"] for row in rows] == ["Bob stays"]
    assert ann.contact_id not in {
        row["id"] for row in await rows_of(world, "SELECT id FROM discreet.contacts")
    }


async def test_a_code_of_a_contact_that_was_merged_since_confirms_nothing(
    world: World, tmp_path: Path
) -> None:
    ann = await scope_of(world, ANN)
    asked = await own_data.ask_for_erasure(world.context(ann))
    await scope_of(world, BOB)
    await linking.link_contacts(world.db, world.owner_id, BOB, ANN)
    with pytest.raises(BadInput):
        await own_data.confirm_erasure(world.context(ann), ConfirmErasure(code=asked.code))
    assert await erase_due(world.db, tmp_path) == 0


async def test_a_code_is_for_minutes_and_few_tries_and_not_for_groups(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    context = world.context(await scope_of(world, ANN))
    asked = await own_data.ask_for_erasure(context)
    for _ in range(5):
        with pytest.raises(BadInput):
            await own_data.confirm_erasure(context, ConfirmErasure(code="nope"))
    with pytest.raises(BadInput):
        await own_data.confirm_erasure(context, ConfirmErasure(code=asked.code))
    asked = await own_data.ask_for_erasure(context)
    admin.execute("UPDATE discreet.self_erasures SET asked_at = asked_at - interval '11 minutes'")
    with pytest.raises(BadInput):
        await own_data.confirm_erasure(context, ConfirmErasure(code=asked.code))
    asked = await own_data.ask_for_erasure(context)
    first = await own_data.confirm_erasure(context, ConfirmErasure(code=asked.code))
    assert await own_data.confirm_erasure(context, ConfirmErasure(code=asked.code)) == first
    assert "direct chat" in await ask(world, ANN, "/erase-me", group=GROUP)
    with pytest.raises(BadInput):
        await own_data.ask_for_erasure(world.context(world.owner))
