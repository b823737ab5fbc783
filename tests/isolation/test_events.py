"""Events: each token is told of its own, and nothing of anybody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import NotFound
from discreet.domain.ids import ContactId
from discreet.intake.terminal_message import TerminalMessage
from discreet.postgres.server import Database
from discreet.schemas.events import WebhookToAdd
from discreet.scope import ContactScope, OwnerScope
from discreet.services import event_webhooks, held_answers
from discreet.services.admission import decide_pairing
from discreet.services.agents import AgentChange, change_agent, create_agent
from discreet.services.contacts import block_contact
from discreet.services.erasing import erase_contact
from discreet.services.events import events_after
from discreet.services.linking import link_contacts, undo_link
from discreet.services.messages import send_message
from discreet.services.takeover import hand_back, speak, take_over
from discreet.turn.run import run_turn
from tests.support.answers import send_all
from tests.support.events import settle
from tests.support.platform import with_telegram
from tests.support.responders import Responder
from tests.support.rest import Rest, open_rest
from tests.support.turns import Recording, turns_of

ALICE, BOB = "telegram:1001", "telegram:1002"
CAROL, DAVE = "telegram:1003", "telegram:1004"
OLDEST = str(uuid4())
"""An id that no event has: the stream begins with the oldest event."""


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def told(rest: Rest, token: str, after: str = OLDEST, **more: UUID) -> list[dict[str, Any]]:
    """Return the events that a token is told now."""
    await settle(rest.app.db, rest.app.owner_id)
    answer = await rest.http.get(
        "/api/events",
        params={"seconds": 0, **{name: str(one) for name, one in more.items()}},
        headers={"Authorization": f"Bearer {token}", "Last-Event-ID": after},
    )
    assert answer.status_code == 200, answer.text
    return [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]


async def answered(rest: Rest, who: str | None, text: str, agent: str | None = None) -> UUID | None:
    said = (
        await rest.world.say(who, text) if agent is None else await _say_to(rest, who, text, agent)
    )
    await run_turn(turns_of(rest.app.db, Responder()), said.session_id)
    return said.contact_id


async def _say_to(rest: Rest, who: str | None, text: str, agent: str) -> Any:
    sender = None if who is None else Address.parse(who)
    message = TerminalMessage(text=text, sender=sender, agent=agent)
    return await send_message(rest.app.db, rest.app.owner_id, message)


async def test_each_token_is_told_of_its_own(rest: Rest) -> None:
    await create_agent(rest.app.db, rest.app.owner_id, "Bea")
    alice = await answered(rest, ALICE, "my code is plum4711")
    await answered(rest, BOB, "hello")
    await answered(rest, ALICE, "hello Bea", "Bea")
    await answered(rest, None, "the safe is behind the picture")
    hers = await told(rest, await rest.token(contact=ALICE))
    assert {one["contact_id"] for one in hers} == {str(alice)}
    assert {one["agent_id"] for one in hers} == {str(rest.world.agent_id)}
    assert [one["kind"] for one in hers] == ["message.received", "message.sent", "message.answered"]
    assert hers[0]["message"]["text"] == "my code is plum4711"
    bobs = json.dumps(await told(rest, await rest.token(contact=BOB)))
    assert "plum4711" not in bobs
    assert str(alice) not in bobs
    of_ada = json.dumps(await told(rest, await rest.token(agent="Ada")))
    assert "plum4711" in of_ada
    assert "hello Bea" not in of_ada
    assert "safe" not in of_ada
    everything = json.dumps(await told(rest, await rest.token()))
    assert all(word in everything for word in ("plum4711", "hello Bea", "safe"))


async def test_events_of_one_agent_only_are_told_to_a_token_that_reaches_it(rest: Rest) -> None:
    bea = await create_agent(rest.app.db, rest.app.owner_id, "Bea")
    await answered(rest, ALICE, "hello Ada")
    await answered(rest, ALICE, "hello Bea", "Bea")
    owner, of_ada = await rest.token(), await rest.token(agent="Ada")
    hers = await rest.token(contact=ALICE)
    heard = await told(rest, owner, agent_id=bea.id)
    assert {one["agent_id"] for one in heard} == {str(bea.id)}
    assert heard[0]["message"]["text"] == "hello Bea"
    assert await told(rest, of_ada, agent_id=rest.world.agent_id) == await told(rest, of_ada)
    refused = set()
    for token, agent_id in ((of_ada, bea.id), (hers, bea.id), (of_ada, uuid4()), (owner, uuid4())):
        answer = await rest.http.get(
            "/api/events",
            params={"seconds": 0, "agent_id": str(agent_id)},
            headers={"Authorization": f"Bearer {token}"},
        )
        refused.add((answer.status_code, answer.text))
    # Another's agent is refused like one that doesn't exist.
    assert [status for status, _ in refused] == [404]


async def test_a_contact_is_not_told_what_only_the_owner_may_know(rest: Rest) -> None:
    db, owner_id = rest.app.db, rest.app.owner_id
    await change_agent(db, owner_id, "Ada", AgentChange(holds_answers=True))
    alice = await answered(rest, ALICE, "is a room free?")
    token = await rest.token(contact=ALICE)
    [held] = await held_answers.list_held_answers(db, owner_id)
    await held_answers.reject_answer(db, owner_id, str(held.id))
    await take_over(db, owner_id, ALICE)
    assert [one["kind"] for one in await told(rest, token)] == [
        "message.received",
        "message.answered",
        "contact.taken_over",
    ]
    await block_contact(db, owner_id, ALICE)
    owners = [one["kind"] for one in await told(rest, await rest.token())]
    assert owners == [
        "message.received",
        "draft.waiting",
        "message.answered",
        "draft.rejected",
        "contact.taken_over",
        "contact.blocked",
    ]
    # The database itself says so, whatever the API asks.
    await settle(db, owner_id)
    async with db.begin(ContactScope(owner_id, rest.world.agent_id, alice)) as tx:  # type: ignore[arg-type]
        kinds = [event.kind for _, event in await events_after(tx, None)]
    assert "contact.blocked" not in kinds
    assert "draft.waiting" not in kinds


async def test_a_stream_goes_on_after_the_event_that_was_seen_and_not_after_anothers(
    rest: Rest,
) -> None:
    for text in ("one", "two"):
        await rest.world.say(ALICE, text)
        await rest.world.say(BOB, text)
    alice, bob = await rest.token(contact=ALICE), await rest.token(contact=BOB)
    first, second = await told(rest, alice)
    assert [one["id"] for one in await told(rest, alice, first["id"])] == [second["id"]]
    assert await told(rest, alice, second["id"]) == []
    # An id of Bob's is as unknown to her as one that doesn't exist.
    [bobs, *_] = await told(rest, bob)
    assert await told(rest, alice, bobs["id"]) == await told(rest, alice) == [first, second]


async def test_an_agents_stream_does_not_go_on_after_an_event_of_another_agent(rest: Rest) -> None:
    await create_agent(rest.app.db, rest.app.owner_id, "Bea")
    await answered(rest, ALICE, "hello Ada")
    await answered(rest, ALICE, "hello Bea", "Bea")
    of_ada, of_bea = await rest.token(agent="Ada"), await rest.token(agent="Bea")
    everything = await told(rest, of_ada)
    for event in await told(rest, of_bea):
        # As an id that no event has: it tells nothing of when the other's event was.
        assert await told(rest, of_ada, event["id"]) == everything
    assert "hello Bea" not in json.dumps(everything)


async def test_a_link_that_is_undone_leaves_nobody_the_others_events(rest: Rest) -> None:
    db, owner_id = rest.app.db, rest.app.owner_id
    await answered(rest, ALICE, "hello")
    await answered(rest, BOB, "my code is plum4711")
    hers, his = await rest.token(contact=ALICE), await rest.token(contact=BOB)
    before = [await told(rest, hers), await told(rest, his)]
    link = await link_contacts(db, owner_id, ALICE, BOB)
    refused = await rest.http.get(
        "/api/events", params={"seconds": 0}, headers={"Authorization": f"Bearer {his}"}
    )
    assert refused.status_code in (401, 403, 404)
    await undo_link(db, owner_id, str(link.id))
    his = await rest.token(contact=BOB)
    assert [await told(rest, hers), await told(rest, his)] == before
    assert "plum4711" not in json.dumps(before[0])


async def test_an_erased_contact_leaves_no_event(
    rest: Rest, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    alice = await answered(rest, ALICE, "my code is plum4711")
    await answered(rest, BOB, "hello")
    await erase_contact(rest.app.db, rest.app.owner_id, ALICE, tmp_path)
    owners = json.dumps(await told(rest, await rest.token()))
    assert str(alice) not in owners
    assert "plum4711" not in owners
    assert "hello" in owners
    assert admin.execute(
        "SELECT count(*) FROM discreet.events WHERE contact_id = %s", (alice,)
    ).fetchone() == (0,)


async def test_another_owner_has_no_webhook_and_no_event_of_this_one(rest: Rest) -> None:
    await rest.world.say(ALICE, "hi")
    access = rest.app.webhooks
    given = WebhookToAdd(url="http://127.0.0.1:9/hook", allow_private=True)
    added = await event_webhooks.add_webhook(access, rest.app.owner_id, given)
    stranger: Any = uuid4()
    assert (await event_webhooks.list_webhooks(rest.app.db, stranger)).items == []
    which = str(added.webhook.id)
    with pytest.raises(NotFound):
        await event_webhooks.remove_webhook(rest.app.db, stranger, which)
    with pytest.raises(NotFound):
        await event_webhooks.test_webhook(access, stranger, which)
    async with rest.app.db.begin(OwnerScope(stranger)) as tx:
        assert await events_after(tx, None) == []


async def test_the_owner_is_told_who_waits_and_what_became_of_it_and_the_contact_of_its_own(
    rest: Rest,
) -> None:
    world, owner_id = rest.world, rest.app.owner_id
    alice = await answered(rest, ALICE, "hello")
    assert alice is not None
    await send_all(world, Recording())
    await answered(rest, ALICE, "/human the heating is broken")
    await take_over(world.db, owner_id, ALICE)
    await speak(world.db, owner_id, ContactId(alice), "I'm on my way.")
    await hand_back(world.db, owner_id, ALICE)
    door = await with_telegram(world, "pairing")
    for who, let_in in ((CAROL, True), (DAVE, False)):
        await door.say(who, "let me in")
        await decide_pairing(world.db, owner_id, who, let_in=let_in)
    owners = [event["kind"] for event in await told(rest, await rest.token())]
    hers = [event["kind"] for event in await told(rest, await rest.token(contact=ALICE))]
    mine = ["message.delivered", "person.requested", "person.answered"]
    waiting = ["pairing.requested", "pairing.approved", "pairing.requested", "pairing.denied"]
    assert [kind for kind in owners if kind in {*mine, *waiting}][-4:] == waiting
    for kinds in (owners, hers):
        assert [kind for kind in kinds if kind in mine[1:]] == mine[1:]
        assert "message.delivered" in kinds
    assert not set(hers) & set(waiting)
