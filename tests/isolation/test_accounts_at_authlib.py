"""Accounts at an authorization server of authlib, which is another server than the one of tools."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange, AgentToDelete
from discreet.services import kept_tokens
from discreet.services.agents import create_agent
from discreet.services.connections import account_of
from discreet.services.deleting_agents import delete_agent
from discreet.services.revoking import revoke_expired
from tests.isolation.signing_in import (
    ALICE,
    BOB,
    LINK,
    add_bank,
    code_in,
    connect,
    id_of,
    link_for,
    offer,
    said,
    the_bank,
)
from tests.support.limits import limits
from tests.support.tool_servers.accounts import Browser, code_on, state_of
from tests.support.tool_servers.authlib_bank import AuthlibAccounts, authlib_bank
from tests.support.tool_servers.served import ToolWorld, tool_world
from tests.support.world import make_world, open_scoped


@pytest.fixture
async def tools(database: Database, tmp_path: Path) -> AsyncIterator[ToolWorld]:
    async with (
        open_scoped(database) as db,
        tool_world(await make_world(db), database, tmp_path) as made,
    ):
        yield made


@pytest.fixture
async def bank(tools: ToolWorld) -> AsyncIterator[AuthlibAccounts]:
    async with authlib_bank() as opened:
        with limits(kept_tokens, REVOKE_SECONDS=60.0):
            await add_bank(tools, opened.url)
            yield opened


async def test_two_at_once_swapped_answers_a_stolen_link_and_a_no(
    tools: ToolWorld, bank: AuthlibAccounts
) -> None:
    browsers = [Browser(tools.access, "alice"), Browser(tools.access, "bob")]
    links = [await link_for(tools, ALICE), await link_for(tools, BOB)]
    opened = [await one.open(link) for one, link in zip(browsers, links, strict=True)]
    back = await asyncio.gather(
        *(one.consents(at.headers["location"]) for one, at in zip(browsers, opened, strict=True))
    )
    assert (await browsers[0].pages.get(back[1])).status_code == 404  # his answer, in her browser
    swapped = back[0].replace(code_in(back[0]), code_in(back[1]))
    assert state_of(swapped) == state_of(back[0])
    refused = await browsers[0].pages.get(swapped)  # his code with her state
    assert (refused.status_code, bank.people()) == (400, {"olga"})
    elsewhere = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back[1])
    assert (await browsers[1].pages.get(elsewhere)).status_code == 400
    assert bank.people() == {"olga"}

    denied = await Browser(tools.access, None).sign_in(await offer(tools, ALICE))
    assert denied.status_code == 400
    # Whoever signs in by a stolen link sees the code, and can't send it in her chat.
    stolen = await Browser(tools.access, "carol").sign_in(await offer(tools, ALICE))
    assert "not waiting" in await said(tools, BOB, f"/connections {code_on(stolen)}")
    assert LINK.search(await said(tools, ALICE, "Whose?")) is not None

    links = [await offer(tools, ALICE), await offer(tools, BOB)]
    pages = await asyncio.gather(
        *(
            Browser(tools.access, person).sign_in(link)
            for person, link in zip(("alice", "bob"), links, strict=True)
        )
    )
    for sender, page in zip((ALICE, BOB), pages, strict=True):
        assert "is connected" in await said(tools, sender, code_on(page))
    for sender, person in ((ALICE, "alice"), (BOB, "bob"), (None, "olga")):
        assert f"the account of {person}" in await said(tools, sender, "Whose?")
    assert "carol" not in bank.used_by


async def test_an_expired_token_is_renewed_once_and_access_taken_back_is_offered_again(
    tools: ToolWorld, bank: AuthlibAccounts
) -> None:
    await connect(tools, ALICE, "alice")
    await connect(tools, BOB, "bob")
    bank.expire()
    assert "the account of alice" in await said(tools, ALICE, "Whose?")
    assert bank.refreshed == 1
    server = await the_bank(tools)
    scope = tools.world.contact(await id_of(tools, ALICE))
    account = await account_of(tools.access, scope, server)
    assert account is not None
    token = await account.token()
    assert token is not None
    tokens = await asyncio.gather(*(account.renewed(token) for _ in range(4)))
    assert len({*tokens, token}) == 2
    assert bank.refreshed == 2
    bank.take_back("alice")
    used = len(bank.used_by)
    assert LINK.search(await said(tools, ALICE, "Whose?")) is not None
    assert len(bank.used_by) == used
    assert "the account of bob" in await said(tools, BOB, "Whose?")


async def test_whatever_ends_an_account_or_a_sign_in_revokes_it(
    tools: ToolWorld, bank: AuthlibAccounts
) -> None:
    await connect(tools, ALICE, "alice")
    another = await Browser(tools.access, "annie").sign_in(await offer(tools, ALICE))
    # Unfinished: five wrong codes; a newer link in its place. Hers goes on.
    await tools.world.say(BOB, "Hello")
    await Browser(tools.access, "bella").sign_in(await offer(tools, BOB))
    for _ in range(5):
        await said(tools, BOB, "ABCD-EFGH")
    await Browser(tools.access, "bert").sign_in(await offer(tools, BOB))
    left = await Browser(tools.access, "bob").sign_in(await offer(tools, BOB))
    assert bank.people() == {"olga", "alice", "annie", "bella", "bert", "bob"}
    await revoke_expired(tools.access)
    assert bank.people() == {"olga", "alice", "annie", "bob"}
    assert "is connected" in await said(tools, BOB, code_on(left))
    # Another account takes the place of the first.
    assert "is connected" in await said(tools, ALICE, code_on(another))
    assert bank.people() == {"olga", "annie", "bob"}
    # The agent is deleted, with the owner's account there.
    db, owner_id, agent_id = tools.world.db, tools.world.owner_id, tools.world.agent_id
    await create_agent(db, owner_id, "Other", AgentChange())
    for preview, people in ((True, {"olga", "annie", "bob"}), (False, set())):
        asked = AgentToDelete(contacts="keep", preview=preview)
        await delete_agent(db, owner_id, agent_id, asked, tools.home, tools.access)
        assert bank.people() == people
