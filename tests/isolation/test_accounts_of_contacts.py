"""Accounts at tool servers: each serves the contact that connected it, and nobody else.

One file, although it is long: every test begins with the same bank and its accounts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from discreet.domain.errors import BadInput, Unavailable
from discreet.postgres.roles import LOGIN_ROLES
from discreet.postgres.server import Database
from discreet.services import kept_tokens, tool_servers
from discreet.services.connections import account_of, offer_account
from discreet.services.contacts import block_contact, find_contact
from discreet.services.erasing import erase_contact
from discreet.services.kept_tokens import unseal_kept
from discreet.services.revoking import revoke_expired
from discreet.services.tool_access import load_server
from discreet.services.tool_accounts import connect_account, enter_account_code
from tests.isolation.signing_in import (
    ALICE,
    BOB,
    CAROL,
    GROUP,
    LINK,
    add_bank,
    code_in,
    connect,
    id_of,
    link_for,
    said,
    the_bank,
)
from tests.isolation.test_tool_confirmation import exported
from tests.support.limits import limits
from tests.support.tool_servers.accounts import PUBLIC, Accounts, Browser, bank, code_on, state_of
from tests.support.tool_servers.served import ToolWorld, tool_world
from tests.support.turns import rows_of
from tests.support.waiting import until
from tests.support.world import make_world, open_scoped, other_owner


@pytest.fixture
async def tools(database: Database, tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with (
        open_scoped(database) as db,
        tool_world(await make_world(db), database, tmp_path) as made,
    ):
        yield made


@pytest.fixture
async def accounts(tools: ToolWorld) -> AsyncIterator[Accounts]:
    """A bank whose tool everybody may use. The owner signed in, to see which tools it has."""
    async with bank() as opened:
        await add_bank(tools, opened.url)
        yield opened


async def test_two_contacts_at_once_use_each_its_own_account(
    tools: ToolWorld, accounts: Accounts
) -> None:
    links = [await link_for(tools, ALICE), await link_for(tools, BOB)]
    assert accounts.used_by == []
    browsers = [Browser(tools.access, "alice"), Browser(tools.access, "bob")]
    shown = [await one.pages.get(link) for one, link in zip(browsers, links, strict=True)]
    assert ALICE in shown[0].text
    assert BOB not in shown[0].text
    assert "127.0.0.1" in shown[0].text
    pages = await asyncio.gather(
        *(one.sign_in(link) for one, link in zip(browsers, links, strict=True))
    )
    codes = [code_on(page) for page in pages]
    # Another person's code connects nothing in your own chat.
    assert "isn't the code" in await said(tools, ALICE, codes[1])
    assert "connect/" in await said(tools, BOB, "Whose account is it?")
    assert accounts.used_by == []
    # That offer replaced what Bob had begun.
    assert "is connected" in await said(tools, ALICE, codes[0].lower().replace("-", " "))
    await connect(tools, BOB, "bob")
    assert "the account of alice" in await said(tools, ALICE, "Whose?")
    assert "the account of bob" in await said(tools, BOB, "Whose?")
    assert "the account of olga" in await said(tools, None, "Whose?")
    in_group = await said(tools, ALICE, "Whose?", GROUP)
    assert "only use the group's own" in in_group
    assert LINK.search(in_group) is None
    for sender, person in ((ALICE, "alice"), (BOB, "bob")):
        listed = await said(tools, sender, "/connections")
        assert "connected since" in listed, person
    everything, data = await exported(tools, ALICE)
    assert [(one["server"], one["state"]) for one in data["connections"]] == [("bank", "connected")]
    for secret in ("sealed", "_hash", *accounts.access, *accounts.refresh, *accounts.codes):
        assert secret not in everything, secret
    assert accounts.access
    stored = await rows_of(tools.world, "SELECT sealed FROM discreet.connections")
    for token in (*accounts.access, *accounts.refresh):
        assert not [row for row in stored if token.encode() in bytes(row["sealed"])]


async def test_a_link_forwarded_to_somebody_who_signs_in_connects_nothing(
    tools: ToolWorld, accounts: Accounts
) -> None:
    link = await link_for(tools, ALICE)
    page = await Browser(tools.access, "carol").sign_in(link)
    # Carol sees the code, not Alice; Alice can only guess.
    for _ in range(5):
        assert "isn't the code" in await said(tools, ALICE, "ABCD-EFGH")
    assert "is connected" not in await said(tools, ALICE, code_on(page))  # thrown away by then
    assert LINK.search(await said(tools, ALICE, "Whose?")) is not None
    assert "carol" not in accounts.used_by


async def test_looking_at_a_link_changes_nothing_and_its_button_works_once(
    tools: ToolWorld, accounts: Accounts
) -> None:
    link = await link_for(tools, ALICE)
    scanner, browser = Browser(tools.access, None), Browser(tools.access, "alice")
    for _ in range(3):
        assert (await scanner.pages.get(link)).status_code == 200
    assert (await scanner.pages.head(link)).status_code == 200
    elsewhere = {"Origin": "https://evil.example"}
    assert (await scanner.pages.post(link, headers=elsewhere)).status_code == 403
    opened = await browser.pages.post(link, headers={"Origin": PUBLIC})
    assert opened.status_code == 303
    for thief in (scanner, browser):
        assert (await thief.pages.post(link)).status_code == 404
        assert (await thief.pages.get(link)).status_code == 404
    back = await browser.consents(opened.headers["location"])
    # Another browser can't take the answer; the right one can, once.
    assert (await scanner.pages.get(back)).status_code == 404
    assert code_on(await browser.pages.get(back))
    assert (await browser.pages.get(back)).status_code == 404


async def test_the_answer_to_another_sign_in_is_refused(
    tools: ToolWorld, accounts: Accounts
) -> None:
    mallory, alice = Browser(tools.access, "mallory"), Browser(tools.access, "alice")
    his = await mallory.open(await link_for(tools, BOB))
    hers = await alice.open(await link_for(tools, ALICE))
    his_answer = await mallory.consents(his.headers["location"])
    her_answer = await alice.consents(hers.headers["location"])
    # His answer in her browser: she would use his account. His code with her state: PKCE sees it.
    assert (await alice.pages.get(his_answer)).status_code == 404
    swapped = her_answer.replace(code_in(her_answer), code_in(his_answer))
    assert state_of(swapped) == state_of(her_answer)
    refused = await alice.pages.get(swapped)
    assert refused.status_code == 400
    assert "Nothing was connected" in refused.text
    assert (await alice.pages.get(her_answer)).status_code == 404
    assert len(await rows_of(tools.world, "SELECT 1 FROM discreet.connections")) == 2


async def test_denied_and_expired_sign_ins_leave_nothing(
    tools: ToolWorld, accounts: Accounts, admin: psycopg.Connection[Any]
) -> None:
    denied = await Browser(tools.access, None).sign_in(await link_for(tools, ALICE))
    assert denied.status_code == 400
    late = (
        "UPDATE discreet.connections SET expires_at = clock_timestamp() WHERE state <> 'connected'"
    )
    browser = Browser(tools.access, "alice")
    link = await link_for(tools, ALICE)
    admin.execute(late)
    assert (await browser.pages.get(link)).status_code == 404
    assert (await browser.open(link)).status_code == 404
    opened = await browser.open(await link_for(tools, ALICE))
    back = await browser.consents(opened.headers["location"])
    admin.execute(late)
    assert (await browser.pages.get(back)).status_code == 404
    page = await browser.sign_in(await link_for(tools, ALICE))
    admin.execute(late)
    assert "is connected" not in await said(tools, ALICE, code_on(page))
    admin.execute(late)
    admin.execute("SELECT gate.delete_expired_connections()")
    assert "alice" in {one.subject for one in accounts.refresh.values()}
    await revoke_expired(tools.access)
    assert {one.subject for one in accounts.refresh.values()} == {"olga"}
    left = await rows_of(tools.world, "SELECT state, contact_id FROM discreet.connections")
    assert [(row["state"], row["contact_id"]) for row in left] == [("connected", None)]


async def test_tokens_are_renewed_once_and_an_account_taken_back_is_offered_again(
    tools: ToolWorld, accounts: Accounts
) -> None:
    await connect(tools, ALICE, "alice")
    assert "the account of alice" in await said(tools, ALICE, "Whose?")
    for old in [k for k, v in accounts.access.items() if v.subject == "alice"]:
        del accounts.access[old]  # the bank no longer accepts it, before its time
    before = accounts.refreshed
    assert "the account of alice" in await said(tools, ALICE, "Whose?")
    assert accounts.refreshed == before + 1
    # Several requests at once find it expired: one renews it, and the others use what it got.
    contact = await id_of(tools, ALICE)
    server = await the_bank(tools)
    account = await account_of(tools.access, tools.world.contact(contact), server)
    assert account is not None
    token = await account.token()
    assert token is not None
    tokens = await asyncio.gather(*(account.renewed(token) for _ in range(4)))
    assert len(set(tokens)) == 1
    assert tokens[0] not in (None, token)
    assert accounts.refreshed == before + 2
    accounts.take_back("alice")
    again = await said(tools, ALICE, "Whose?")
    assert LINK.search(again) is not None
    assert "the account of" not in again
    assert await account.token() is None


# As it is in sb serve, in a process that can be killed.
RENEWING = """
import asyncio, json, sys
from pathlib import Path
from uuid import UUID
from discreet.scope import ContactScope, ScopedDatabase
from discreet.services.connections import account_of
from discreet.services.tool_access import ToolAccess, load_server
from discreet.tools.sandbox import protected_by

given = json.load(sys.stdin)
owner, agent, contact, server = map(UUID, given["ids"])
db = ScopedDatabase(given["conninfo"].__getitem__, bytes.fromhex(given["ticket_key"]))
home = Path(given["home"])
protected = protected_by(home, given["conninfo"]["discreet_contact"])
access = ToolAccess(db, owner, bytes.fromhex(given["sealing_key"]), protected, home)

async def main():
    known = await load_server(access, owner, server)
    account = await account_of(access, ContactScope(owner, agent, contact), known)
    print(await account.renewed(await account.token()), flush=True)

asyncio.run(main())
"""


async def test_a_process_killed_with_new_tokens_in_hand_makes_that_contact_connect_again(
    tools: ToolWorld, accounts: Accounts, admin: psycopg.Connection[Any], database: Database
) -> None:
    await connect(tools, ALICE, "alice")
    await connect(tools, BOB, "bob")
    contact = await id_of(tools, ALICE)
    ids = tools.world.owner_id, tools.world.agent_id, contact, (await the_bank(tools)).id
    given = {
        "conninfo": {role: database.conninfo(role) for role in LOGIN_ROLES},
        "ticket_key": database.ticket_key.hex(),
        "sealing_key": database.sealing_key.hex(),
        "home": str(tools.home),
        "ids": [str(one) for one in ids],
    }
    others = (
        f"SELECT c.* FROM discreet.connections c WHERE c.contact_id IS DISTINCT FROM '{contact}'"
    )
    before = admin.execute(others).fetchall()
    accounts.renews.clear()
    renewed = accounts.refreshed + 1
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        RENEWING,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        await until(lambda: accounts.refreshed == renewed, "the bank gives new tokens")
        with admin.transaction():
            admin.execute(
                f"SELECT FROM discreet.connections WHERE contact_id = '{contact}' FOR UPDATE"
            )
            accounts.renews.set()
            await until(lambda: waiting_to_store(admin), "it has them, and can't store them yet")
            [dead] = waiting_to_store(admin)
            process.kill()
            assert await process.wait() == -signal.SIGKILL
    finally:
        accounts.renews.set()
        if process.returncode is None:
            process.kill()
            await process.wait()
    still_there = "SELECT FROM pg_stat_activity WHERE pid = %s"
    await until(
        lambda: not admin.execute(still_there, (dead,)).fetchall(), "its transaction is over"
    )
    assert admin.execute(others).fetchall() == before

    # The bank has forgotten the old tokens. Others wait no longer for the process that renews them.
    kept = max(accounts.access, key=lambda one: accounts.access[one].subject == "alice")
    accounts.access = {k: v for k, v in accounts.access.items() if v.subject != "alice"}
    admin.execute("UPDATE discreet.connections SET renewing_until = clock_timestamp()")
    used = list(accounts.used_by)
    answer = await said(tools, ALICE, "Whose?")
    assert LINK.search(answer) is not None
    assert kept not in answer
    assert (accounts.used_by, accounts.refreshed) == (used, renewed)
    assert "the account of bob" in await said(tools, BOB, "Whose?")
    await connect(tools, ALICE, "alice")
    assert "the account of alice" in await said(tools, ALICE, "Whose?")


def waiting_to_store(admin: psycopg.Connection[Any]) -> list[int]:
    """Return the processes of the database that wait for a lock to store tokens."""
    admin.execute("SELECT pg_stat_clear_snapshot()")  # it is kept for the whole transaction
    found = admin.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%store_tokens%'"
    )
    return [pid for (pid,) in found]


async def test_what_is_deleted_here_is_taken_back_at_the_server_which_can_be_away(
    tools: ToolWorld, accounts: Accounts
) -> None:
    def people() -> set[str | None]:
        return {one.subject for one in accounts.refresh.values()}

    with limits(kept_tokens, REVOKE_SECONDS=60.0):
        for sender, person in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")):
            await connect(tools, sender, person)
        assert people() == {"olga", "alice", "bob", "carol"}
        assert "connected since" in await said(tools, ALICE, "/connections")
        assert people() == {"olga", "alice", "bob", "carol"}
        assert "no longer have" in await said(tools, ALICE, "/connections disconnect bank")
        assert people() == {"olga", "bob", "carol"}
        owner_id = tools.world.owner_id
        await erase_contact(tools.world.db, owner_id, BOB, tools.home, tools.access)
        assert people() == {"olga", "carol"}
        # A bank that doesn't answer holds nothing up for long.
        accounts.hangs.clear()
        with limits(kept_tokens, REVOKE_SECONDS=0.2):
            assert "no longer have" in await said(tools, CAROL, "/connections disconnect bank")
        accounts.hangs.set()
        left = await rows_of(tools.world, "SELECT contact_id FROM discreet.connections")
        assert [row["contact_id"] for row in left] == [None]
        await tool_servers.remove_tool_server(tools.access, owner_id, tools.world.agent_id, "bank")
        assert "olga" not in people()


async def test_what_is_disconnected_or_blocked_is_not_used_again(
    tools: ToolWorld, accounts: Accounts
) -> None:
    await connect(tools, ALICE, "alice")
    await connect(tools, BOB, "bob")
    assert "the account of alice" in await said(tools, ALICE, "Whose?")
    hers = await id_of(tools, ALICE)
    his = await id_of(tools, BOB)
    [row] = await rows_of(
        tools.world, f"SELECT id, sealed FROM discreet.connections WHERE contact_id = '{hers}'"
    )
    [found] = await rows_of(tools.world, "SELECT id FROM discreet.tool_servers")
    server_id = found["id"]
    async with tools.world.db.begin(tools.world.contact(his)) as tx:
        for statement in (
            "SELECT gate.end_connection(%(id)s)",
            "SELECT gate.store_tokens(%(id)s, %(sealed)s)",
            "SELECT gate.claim_token_renewal(%(id)s, %(sealed)s)",
        ):
            assert await tx.value(statement, row) is False
    server = await load_server(tools.access, tools.world.owner_id, server_id)
    with pytest.raises(Unavailable):  # nor can what is stored for one be read as another's
        unseal_kept(tools.access, server, uuid4(), row["sealed"])
    assert unseal_kept(tools.access, server, row["id"], row["sealed"]).access_token
    assert "No account is connected" in await said(tools, ALICE, "/connections disconnect shop")
    assert "no longer have" in await said(tools, ALICE, "/connections disconnect bank")
    assert LINK.search(await said(tools, ALICE, "Whose?")) is not None
    assert "the account of bob" in await said(tools, BOB, "Whose?")
    link = await link_for(tools, ALICE)
    await block_contact(tools.world.db, tools.world.owner_id, ALICE)
    assert (await Browser(tools.access, "alice").open(link)).status_code == 404


async def test_without_a_public_address_the_tool_says_so(
    tools: ToolWorld, accounts: Accounts
) -> None:
    tools.access = replace(tools.access, public_url=None)
    answer = await said(tools, ALICE, "Whose?")
    assert "DISCREET_PUBLIC_URL" in answer
    assert "/connect/" not in answer


async def test_a_group_uses_the_account_that_the_owner_connected_for_it(
    tools: ToolWorld, accounts: Accounts
) -> None:
    await connect(tools, ALICE, "alice")
    await said(tools, ALICE, "Hello", GROUP)
    ids = tools.world.owner_id, tools.world.agent_id
    with pytest.raises(BadInput, match="isn't a group"):
        await connect_account(tools.access, *ids, "bank", ALICE)
    link = await connect_account(tools.access, *ids, "bank", GROUP)
    page = await Browser(tools.access, "club").sign_in(link)
    with pytest.raises(BadInput, match="No sign-in"):
        await enter_account_code(tools.access, *ids, code_on(page))  # it is the group's
    assert "is connected" in await enter_account_code(tools.access, *ids, code_on(page), GROUP)
    assert "the account of club" in await said(tools, ALICE, "Whose?", GROUP)
    assert "the account of club" in await said(tools, BOB, "Whose?", GROUP)
    assert "the account of alice" in await said(tools, ALICE, "Whose?")


async def test_links_and_their_undo_move_accounts_and_erasing_deletes_them(
    tools: ToolWorld, accounts: Accounts
) -> None:
    await connect(tools, BOB, "bob")
    await said(tools, ALICE, "Hello")
    scope = tools.world.contact(await id_of(tools, BOB))
    offered = await offer_account(tools.access, scope, await the_bank(tools))
    unfinished = await Browser(tools.access, "bobby").sign_in(offered)
    db, owner_id = tools.world.db, tools.world.owner_id
    alice = (await find_contact(db, owner_id, ALICE)).contact.id
    bob = (await find_contact(db, owner_id, BOB)).contact.id
    async with db.begin(tools.world.owner) as tx:
        link = await tx.value("SELECT gate.link_contacts(%s, %s)", (alice, bob))
    assert "the account of bob" in await said(tools, ALICE, "Whose?")
    # What wasn't finished ends, and its permission too.
    assert "is connected" not in await said(tools, ALICE, f"/connections {code_on(unfinished)}")
    await revoke_expired(tools.access)
    assert "bobby" not in {one.subject for one in accounts.refresh.values()}
    async with db.begin(tools.world.owner) as tx:
        await tx.execute("SELECT gate.undo_link(%s)", (link,))
    assert LINK.search(await said(tools, ALICE, "Whose?")) is not None
    assert "the account of bob" in await said(tools, BOB, "Whose?")
    async with db.begin(tools.world.owner) as tx:
        await tx.execute("SELECT gate.erase_contact(%s)", (bob,))
    left = await rows_of(tools.world, "SELECT contact_id FROM discreet.connections")
    assert {row["contact_id"] for row in left} == {None, alice}


async def test_another_owner_sees_and_reaches_no_account(
    tools: ToolWorld, accounts: Accounts, admin: psycopg.Connection[Any]
) -> None:
    await connect(tools, ALICE, "alice")
    other = await other_owner(tools.world, admin)
    assert await rows_of(other, "SELECT id FROM discreet.connections") == []
    [row] = await rows_of(tools.world, "SELECT id FROM discreet.tool_servers")
    async with other.db.begin(other.owner) as tx:
        offered = await tx.value("SELECT gate.offer_connection(%s, NULL, %s)", (row["id"], b"x"))
    assert offered == "nobody"
