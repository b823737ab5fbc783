"""Decoys live among an owner's contacts: whoever reads past a contact meets one, and nothing that
people look at has them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from discreet.auth.sign_ins import create_sign_in_code, sign_in
from discreet.dashboard.application import VIEWS, dashboard_app
from discreet.dashboard.security import COOKIE
from discreet.domain.canaries import Canaries, watch, watched
from discreet.domain.ids import AgentId
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentToDelete
from discreet.services.agents import create_agent
from discreet.services.decoys import Decoy, list_decoys, sync_decoys
from discreet.services.deleting_agents import delete_agent
from discreet.services.exporting import export_contact
from tests.support.rest import Rest, open_rest
from tests.support.turns import do_all

ALICE, BOB = "telegram:1001", "telegram:1002"
CANARIES = Canaries(b"d" * 32)
Admin = psycopg.Connection[Any]
STREAMS = {"follow_events"}
PARTS = ("/live", "/lines", "/column", "/export", "/files/{id}")
_TIMES = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:\d\d)?|\b\d\d?:\d\d(:\d\d)?\b|\d+ (second|minute)s?"
    r"|\d+(\.\d+)? ?(ms|s|MB|GB|kB|%)\b|\d+\.\d{3,}|[\w-]{40,}|discreet_http_.*\n"
)
"""Times, ranks, sizes of the disk, one-time codes and counts of requests."""
THEMSELVES = {
    "owner: list_access", "owner: list_tokens", "contact: list_access",
    "owner: get_metrics", "page /", "page /contacts/{id}/erase", f"export {ALICE}", f"export {BOB}",
}  # fmt: skip
"""What tells of this test's own looking (the access log, requests), and of the machine. Home has
the counts of ``get_status``.
"""


@pytest.fixture(autouse=True)
def _watching() -> Any:
    before = watched()
    watch(None)  # what is looked at here must not have them, not be stopped
    yield
    watch(before)


@pytest.fixture
async def rest(database: Database, tmp_path: Path) -> AsyncIterator[Rest]:
    async with open_rest(database, tmp_path) as opened:
        yield opened


async def _everything(
    rest: Rest, tokens: dict[str, str], cookie: str, ids: dict[str, str], folder: Path
) -> dict[str, str]:
    """Return all that the owner and a contact can look at, by what it is."""
    found = {}
    for kind in ("owner", "contact"):
        token = tokens[kind]
        for name, (method, path, example) in (await rest.operations()).items():
            if name in STREAMS or (method != "get" and name not in ("recall", "search_messages")):
                continue
            answer = await rest.call((method, path, example), token, ids)
            if answer.status_code == 200:
                found[f"{kind}: {name}"] = answer.text
        for query in (CANARIES.secrets[0], "the password of the boat", "Kim"):
            answer = await rest.call(("post", "/api/memories/recall", {"query": query}), token, ids)
            assert answer.status_code == 200, answer.text
            found[f"{kind}: recall {query}"] = answer.text
    pages = {path for method, path, _ in VIEWS if method == "GET" and not path.endswith(PARTS)}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(dashboard_app(rest.app)),
        base_url="http://localhost", cookies={COOKIE: cookie},
    ) as client:  # fmt: skip
        for path in sorted(pages):
            noun = path.split("/")[1]
            one = ids.get({"contacts": "contact_id", "memories": "memory_id",
                           "agents": "agent_id", "turns": "turn_id"}.get(noun, ""), "")  # fmt: skip
            for query in ("", "?q=Kim") if noun in ("contacts", "inbox", "memories") else ("",):
                answer = await client.get(path.replace("{id}", one) + query)
                if answer.status_code == 200:
                    found[f"page {path}{query}"] = answer.text
    for address in (ALICE, BOB):
        file = folder / f"{address}.zip"
        file.unlink(missing_ok=True)
        await export_contact(rest.app.db, rest.app.owner_id, address, file)
        with zipfile.ZipFile(file) as archive:
            texts = [archive.read(name).decode(errors="replace") for name in archive.namelist()]
        found[f"export {address}"] = "\n".join(texts)
    return {name: _TIMES.sub("-", text) for name, text in found.items()}


async def test_no_list_count_search_page_or_export_has_a_decoy(
    rest: Rest, database: Database, admin: Admin, tmp_path: Path
) -> None:
    db, world = rest.app.db, rest.world
    said = await world.say(ALICE, "hello")
    await world.say(BOB, "the boat is in the garden")
    await do_all(database, db)
    kept = await rest.http.post(
        "/api/memories", params={"contact_id": str(said.contact_id)},
        json={"content": "the password of the boat is tea"},
        headers={"Authorization": f"Bearer {await rest.token()}"},
    )  # fmt: skip
    ids = {
        "contact_id": str(said.contact_id), "session_id": str(said.session_id),
        "message_id": str(said.message_id), "agent_id": str(world.agent_id),
        "memory_id": kept.json()["id"],
        "turn_id": str(admin.execute("SELECT id FROM discreet.turns LIMIT 1").fetchall()[0][0]),
    }  # fmt: skip
    tokens = {"owner": await rest.token(), "contact": await rest.token(contact=ALICE)}
    code = await create_sign_in_code(db, rest.app.owner_id)
    cookie = await sign_in(db, code, "a browser") or ""
    before = await _everything(rest, tokens, cookie, ids, tmp_path)
    assert await sync_decoys(db, CANARIES) == len(CANARIES.secrets)
    after = await _everything(rest, tokens, cookie, ids, tmp_path)
    decoys = await list_decoys(db, rest.app.owner_id)
    assert len({one.contact_id for one in decoys}) == len(CANARIES.secrets)
    for name, text in after.items():
        assert CANARIES.find(text) is None, name
        assert not [one for one in decoys if str(one.contact_id) in text], name
    assert len(after) > 50
    differ = {name for name in before if before[name] != after.get(name)}
    if differ - THEMSELVES:  # by the clock, or by the decoys?
        admin.execute("DELETE FROM discreet.memories WHERE decoy")
        again = await _everything(rest, tokens, cookie, ids, tmp_path)
        differ = {name for name in differ if again[name] == before[name]}
    assert differ <= THEMSELVES, {name: (before[name], after[name]) for name in differ}


async def test_a_contact_that_reads_past_itself_meets_a_decoy_and_is_told_nothing(
    rest: Rest, admin: Admin
) -> None:
    await rest.world.say(ALICE, "hello")
    token = await rest.token(contact=ALICE)
    operations = await rest.operations()
    watch(CANARIES)
    await sync_decoys(rest.app.db, CANARIES)
    listed = await rest.call(operations["list_memories"], token, {})
    assert (listed.status_code, listed.json()["items"]) == (200, [])
    # The contact is no longer compared, the owner and the agent still are.
    admin.execute(
        "ALTER POLICY contact ON discreet.memories USING ((owner_id, agent_id)"
        " = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))"
    )
    stopped = await rest.call(operations["list_memories"], token, {})
    assert stopped.status_code == 500
    assert CANARIES.find(stopped.text) is None


def _facts(decoys: list[Decoy]) -> set[tuple[str, str]]:
    return {(one.agent, one.fact) for one in decoys}


async def test_each_agent_knows_the_decoys_once_and_new_secrets_replace_old_ones(
    rest: Rest, admin: Admin
) -> None:
    db, owner_id = rest.app.db, rest.app.owner_id
    assert await sync_decoys(db, CANARIES) == len(CANARIES.secrets)
    assert await sync_decoys(db, CANARIES) == 0
    eve = AgentId((await create_agent(db, owner_id, "Eve")).id)
    assert await sync_decoys(db, CANARIES) == len(CANARIES.secrets)
    known = await list_decoys(db, owner_id)
    assert {agent for agent, _ in _facts(known)} == {"Ada", "Eve"}
    assert len({one.contact_id for one in known}) == len(CANARIES.secrets)
    # Nothing of them is kept or counted where an agent is deleted.
    asked = AgentToDelete(contacts="erase", to_agent_id=None, preview=False)
    receipt = await delete_agent(db, owner_id, eve, asked, rest.app.settings.home)
    assert {name for name, many in receipt.counts.items() if many} == {"agents", "channels"}
    assert {agent for agent, _ in _facts(await list_decoys(db, owner_id))} == {"Ada"}
    other = Canaries(b"e" * 32)
    assert await sync_decoys(db, other) == len(other.secrets)
    assert all(other.find(fact) for _, fact in _facts(await list_decoys(db, owner_id)))
    [(old,)] = admin.execute("SELECT count(*) FROM discreet.memory_history").fetchall()
    assert old == 0
