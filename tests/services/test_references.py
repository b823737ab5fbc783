from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import AgentId
from discreet.schemas.agents import AgentChange
from discreet.services.agents import create_agent, list_agents
from discreet.services.reference_files import ReferenceText
from discreet.services.references import (
    Published,
    ReferenceChange,
    change_references,
    create_with_texts,
    list_references,
    publish,
    read_references,
    set_agent,
)
from tests.support.world import World


async def test_published_texts_are_read_by_every_contact_and_can_be_found(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "prices.md").write_text("# Prices\n\nA haircut is 30 euros.\n\n# More\n\nAsk us.")
    published = await publish(
        world.db, world.owner_id, world.agent_id, read_references(tmp_path).texts
    )
    assert published == Published(texts=1, passages=2)
    contact = await world.say("telegram:1001", "hello")
    async with world.db.begin(world.contact(contact.contact_id)) as tx:
        found = await tx.fetch(
            "SELECT content FROM discreet.passages WHERE 'haircut' = ANY (terms)"
            " AND embedding IS NOT NULL AND embedder IS NOT NULL"
        )
    assert [row["content"] for row in found] == ["Prices\nA haircut is 30 euros."]


async def test_publishing_again_replaces_all_that_was_there(world: World) -> None:
    for title in ("old.md", "new.md"):
        await publish(
            world.db, world.owner_id, world.agent_id, [ReferenceText(title, ("one", "two"))]
        )
    assert await list_references(world.db, world.owner_id, world.agent_id) == {"new.md": 2}
    published = await publish(world.db, world.owner_id, world.agent_id, [])
    assert published == Published(texts=0, passages=0, removed=["new.md"])
    assert await list_references(world.db, world.owner_id, world.agent_id) == {}


async def test_a_failed_publication_changes_nothing(world: World) -> None:
    await publish(world.db, world.owner_id, world.agent_id, [ReferenceText("old.md", ("one",))])
    twice = [ReferenceText("new.md", ("two",)), ReferenceText("new.md", ("three",))]
    with pytest.raises(Exception, match="already exists"):
        await publish(world.db, world.owner_id, world.agent_id, twice)
    assert await list_references(world.db, world.owner_id, world.agent_id) == {"old.md": 1}


async def test_the_texts_of_one_agent_are_not_those_of_another(world: World) -> None:
    other = await create_agent(world.db, world.owner_id, "Bob")
    await publish(world.db, world.owner_id, other.id, [ReferenceText("bob.md", ("heron",))])
    await publish(world.db, world.owner_id, world.agent_id, [ReferenceText("ada.md", ("tea",))])
    contact = await world.say("telegram:1001", "hello")
    async with world.db.begin(world.contact(contact.contact_id)) as tx:
        seen = await tx.fetch("SELECT title FROM discreet.passages")
    assert [row["title"] for row in seen] == ["ada.md"]


async def test_an_agent_that_does_not_exist_gets_no_texts(world: World) -> None:
    nobody = AgentId(world.owner_id)
    with pytest.raises(NotFound):
        await publish(world.db, world.owner_id, nobody, [ReferenceText("a.md", ("x",))])


async def test_single_texts_published_at_once_all_stay(world: World) -> None:
    owner, agent = world.owner_id, world.agent_id
    await publish(world.db, owner, agent, [ReferenceText("hours", ("We open at nine.",))])
    await asyncio.gather(
        *(
            change_references(
                world.db,
                owner,
                agent,
                ReferenceChange([ReferenceText(title, (f"The {title} is blue.",))]),
            )
            for title in ("door", "roof", "fence")
        ),
        change_references(world.db, owner, agent, ReferenceChange(remove=["hours"])),
    )
    assert [*await list_references(world.db, owner, agent)] == ["door", "fence", "roof"]


async def test_settings_and_texts_are_stored_together_or_not_at_all(world: World) -> None:
    twice = ReferenceChange([ReferenceText("menu", ("Soup.",)), ReferenceText("menu", ("Fish.",))])
    with pytest.raises(Conflict):
        await set_agent(world.db, world.owner_id, "Ada", AgentChange(role="cook"), twice)
    with pytest.raises(Conflict):
        await create_with_texts(world.db, world.owner_id, "Eve", AgentChange(), twice)
    assert [(agent.name, agent.role) for agent in await list_agents(world.db, world.owner_id)] == [
        ("Ada", "")
    ]
    texts = ReferenceChange([ReferenceText("menu", ("Soup.",))])
    changed, published = await set_agent(
        world.db, world.owner_id, "Ada", AgentChange(role="cook"), texts
    )
    assert (changed.role, published and published.texts) == ("cook", 1)
