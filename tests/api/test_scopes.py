from __future__ import annotations

from tests.api.conftest import ALICE, BOB, Harness
from tests.support.world import make_world


async def test_where_an_agent_shares_its_memory_nobody_has_one_of_their_own(
    harness: Harness,
) -> None:
    shared = await make_world(harness.app.db, agent="Fam", memory_model="shared")
    owner = await harness.owner()
    alice = (await harness.world.say(ALICE, "hi")).contact_id
    await shared.say(ALICE, "hi")
    await shared.say(BOB, "hi")
    where = {"agent_id": str(shared.agent_id), "contact_id": str(alice)}
    kept = await owner.post("/api/memories", params=where, json={"content": "tea at five"})
    assert (kept.json()["contact_id"], kept.json()["shared"]) == (None, True)
    for who in (ALICE, BOB):
        member = await harness.client(await harness.token(contact=who, agent="Fam"))
        found = (await member.get("/api/memories")).json()["items"]
        assert [memory["content"] for memory in found] == ["tea at five"]
    private, _ = await harness.of(ALICE)
    assert (await private.get("/api/memories")).json()["items"] == []
