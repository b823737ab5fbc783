"""The owner's terminal operations work over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from discreet.postgres.server import Database
from tests.support.rest import Rest, open_rest

ALICE = "telegram:1001"


class Owner:
    """The owner's client, which expects every call to succeed."""

    def __init__(self, rest: Rest, token: str) -> None:
        self.rest, self._headers = rest, {"Authorization": f"Bearer {token}"}

    async def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.rest.http.request(
            method, f"/api/admin{path}", json=body, params=query, headers=self._headers
        )
        assert answer.is_success, answer.text
        return answer.json()


@pytest.fixture
async def owner(database: Database, tmp_path: Path) -> AsyncIterator[Owner]:
    async with open_rest(database, tmp_path) as rest:
        yield Owner(rest, await rest.token())


async def test_an_agent_is_paused_resumed_and_given_reference_texts(owner: Owner) -> None:
    agent = f"/agents/{owner.rest.world.agent_id}"
    assert (await owner("POST", f"{agent}/rename", {"new_name": "Bea"}))["name"] == "Bea"
    assert (await owner("POST", f"{agent}/pause"))["paused_at"] is not None
    assert (await owner("POST", f"{agent}/resume"))["paused_at"] is None
    change = {"holds_answers": True, "waits_for_person": False, "person_minutes": 5}
    changed = await owner("PATCH", agent, change | {"unknown_reply": "I'll ask the host."})
    assert changed | change == changed
    assert changed["unknown_reply"] == "I'll ask the host."
    texts = [{"title": "Prices", "text": "# Prices\n\nA room costs 80."}]
    published = await owner("PUT", f"{agent}/references", {"texts": texts})
    assert published == {"texts": 1, "passages": 1, "removed": []}
    listed = (await owner("GET", f"{agent}/references"))["items"]
    assert listed == [{"title": "Prices", "passages": 1}]
    more = {"texts": [{"title": "Hours", "text": "From nine to five."}], "remove": ["Parking"]}
    assert (await owner("PATCH", f"{agent}/references", more))["removed"] == []
    listed = (await owner("GET", f"{agent}/references"))["items"]
    assert [one["title"] for one in listed] == ["Hours", "Prices"]
    assert (await owner("PATCH", f"{agent}/references", {"remove": ["Prices"]}))["removed"] == [
        "Prices"
    ]
    await owner("PUT", f"{agent}/references", {"texts": []})
    assert (await owner("GET", f"{agent}/references"))["items"] == []


async def test_limits_are_set_for_everyone_or_for_one_contact(owner: Owner) -> None:
    alice = str((await owner.rest.world.say(ALICE, "hi")).contact_id)
    before = await owner("GET", "/limits")
    await owner("PATCH", "/limits", {"waiting": 3, "money_a_day": 0.5}, contact_id=alice)
    of_alice = await owner("GET", "/limits", contact_id=alice)
    assert (of_alice["waiting"], of_alice["money_a_day"]) == (3, 0.5)
    assert await owner("GET", "/limits") == before
    assert await owner("DELETE", "/limits", contact_id=alice) == before


async def test_the_owner_takes_a_contact_over_speaks_and_hands_it_back(owner: Owner) -> None:
    alice = (await owner.rest.world.say(ALICE, "is anybody there?")).contact_id
    contact = f"/contacts/{alice}"
    assert (await owner("POST", f"{contact}/takeover"))["taken_over_at"] is not None
    await owner("POST", f"{contact}/say", {"text": "I am."})
    lines = (await owner("GET", f"{contact}/lines"))["items"]
    assert [(line["text"], line["in_person"]) for line in lines] == [
        ("is anybody there?", False),
        ("I am.", True),
    ]
    later = (await owner("GET", f"{contact}/lines", after=lines[0]["at"]))["items"]
    assert [line["text"] for line in later] == ["I am."]
    assert (await owner("DELETE", f"{contact}/takeover"))["taken_over_at"] is None


async def test_lists_of_what_there_is_are_empty_and_a_code_links_an_account(owner: Owner) -> None:
    for path in (
        "/channels", "/branches", "/admission", "/pairings", "/quarantine", "/turns",
        "/owner/addresses", "/backups",
    ):  # fmt: skip
        assert (await owner("GET", path))["items"] == [], path
    assert len((await owner("POST", "/owner/addresses", {"platform": "telegram"}))["code"]) == 8
    assert await owner("POST", "/quarantine/retry", {}) == {"tried": 0, "released": 0}


async def test_contacts_are_labelled_told_and_their_reminders_cancelled(owner: Owner) -> None:
    world = owner.rest.world
    said = await world.say(ALICE, "hello")
    contact = f"/contacts/{said.contact_id}"
    patched = await owner("PATCH", contact, {"labels": ["Customer"]})
    assert (patched["labels"], patched["stopped_at"]) == (["customer"], None)
    listed = await owner("GET", "/contacts", label="customer")
    assert [one["id"] for one in listed["items"]] == [str(said.contact_id)]
    assert (await owner("GET", "/contacts", label="staff"))["items"] == []
    asked = {"label": "customer", "text": "We are closed on Monday.", "preview": True}
    assert (await owner("POST", "/contacts/tell", asked))["sent"] == 1
    told = await owner("POST", f"{contact}/tell", {"text": "Your order is ready."})
    assert told["outcome"] == "sent"
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        turn = await tx.value(
            "INSERT INTO discreet.turns (session_id, route_id, attempt)"
            " SELECT session_id, route_id, 1 FROM discreet.messages WHERE id = %s RETURNING id",
            (said.message_id,),
        )
        made = await tx.value(
            "SELECT gate.add_reminder(%s, %s, 'call', '', now()::timestamp, 'UTC',"
            " now() + interval '1 day')",
            (said.session_id, turn),
        )
    [reminder] = (await owner("GET", "/reminders"))["items"]
    assert (reminder["id"], reminder["text"]) == (str(made), "call")
    assert (await owner("DELETE", f"/reminders/{made}"))["id"] == str(made)
    assert (await owner("GET", "/reminders", contact_id=str(said.contact_id)))["items"] == []
