"""Contacts who connect accounts at a bank, whoever wrote its authorization server."""

from __future__ import annotations

import re
from dataclasses import replace

from discreet.domain.ids import ContactId
from discreet.schemas.tools import ToolChangesToApprove
from discreet.services.connections import offer_account
from discreet.services.contacts import find_contact
from discreet.services.tool_access import load_server
from discreet.services.tool_accounts import connect_account, enter_account_code
from discreet.services.tool_servers import approve_tools, test_tool_server
from discreet.tools.servers import McpServer
from tests.support.openai_server import Call, Say
from tests.support.tool_servers.accounts import PUBLIC, Browser, code_on
from tests.support.tool_servers.served import ToolWorld, results
from tests.support.turns import rows_of

ALICE, BOB, CAROL = "telegram:1001", "telegram:1002", "telegram:1003"
GROUP = "telegram:-100500"
WHOSE = Call((("bank__whose", {}),))
LINK = re.compile(rf"{PUBLIC}/connect/[\w-]+")


async def add_bank(tools: ToolWorld, url: str) -> None:
    """Add a bank whose tool everybody may use. The owner signs in, to see which tools it has."""
    tools.access = replace(tools.access, public_url=PUBLIC)
    added = await tools.add("bank", url=f"{url}/mcp", signs_in=True)
    assert added.tools == []
    ids = tools.world.owner_id, tools.world.agent_id
    link = await connect_account(tools.access, *ids, "bank")
    page = await Browser(tools.access, "olga").sign_in(link)
    await enter_account_code(tools.access, *ids, code_on(page))
    offered = await test_tool_server(tools.access, *ids, "bank")
    assert offered.digest is not None
    given = ToolChangesToApprove(digest=offered.digest)
    await approve_tools(tools.access, *ids, "bank", given)
    await tools.allow("bank", allowed="everybody", in_groups=True)


async def said(tools: ToolWorld, sender: str | None, text: str, group: str | None = None) -> str:
    """Return the answer to a message; the model calls the bank's tool, if it is asked."""
    asked = await tools.turn(sender, text, WHOSE, Say("See above."), group=group)
    found = results(asked) if asked else []
    [row] = await rows_of(
        tools.world,
        "SELECT text FROM discreet.messages WHERE direction = 'out'"
        " ORDER BY created_at DESC, position DESC LIMIT 1",
    )
    return f"{row['text']} {' '.join(found)}"


async def link_for(tools: ToolWorld, sender: str | None) -> str:
    offer = await said(tools, sender, "Whose account is it?")
    [link] = LINK.findall(offer)
    return str(link)


async def connect(tools: ToolWorld, sender: str, person: str) -> None:
    page = await Browser(tools.access, person).sign_in(await link_for(tools, sender))
    assert "is connected" in await said(tools, sender, code_on(page))


async def offer(tools: ToolWorld, sender: str) -> str:
    """Return a link as the tool offers it, without a turn."""
    scope = tools.world.contact(await id_of(tools, sender))
    return await offer_account(tools.access, scope, await the_bank(tools))


async def id_of(tools: ToolWorld, who: str) -> ContactId:
    return (await find_contact(tools.world.db, tools.world.owner_id, who)).contact.id


async def the_bank(tools: ToolWorld) -> McpServer:
    [row] = await rows_of(tools.world, "SELECT id FROM discreet.tool_servers")
    return await load_server(tools.access, tools.world.owner_id, row["id"])


def code_in(url: str) -> str:
    found = re.search(r"[?&]code=([^&]+)", url)
    assert found is not None
    return found[1]
