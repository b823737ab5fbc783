"""Programs beside the agents: servers of tools, webhooks, and chats on web pages."""

from __future__ import annotations

import html
import re

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

from discreet.services import event_webhooks, tool_servers, web_chats
from tests.dashboard.conftest import Browser
from tests.support.tool_servers.served import http_server

HOSTILE = "<script>alert(1)</script>\u202eand on"


def _describe(server: MCPServer, description: str) -> None:
    def find(number: str = "") -> str:
        return number

    reads = ToolAnnotations(read_only_hint=True)
    server.add_tool(find, description=description, annotations=reads)


async def test_a_server_is_added_tested_approved_allowed_and_removed(browser: Browser) -> None:
    app, server = browser.harness.app, MCPServer("shop")
    _describe(server, HOSTILE)
    async with http_server(server) as served:
        made = await browser.send(
            "/tools", agent="Ada", name="shop", url=served.url, headers="X-Key: s3cret-value"
        )
        where = made.headers["location"]
        page = await browser.page(where)
        assert html.escape(HOSTILE.partition("\u202e")[0]) in page
        assert ("X-Key" in page, "s3cret-value" in page) == (True, False)
        [shown] = (await tool_servers.list_tool_servers(app.tools, app.owner_id)).items
        assert [tool.allowed for tool in shown.tools] == ["nobody"]
        await browser.send(where, what="rights", tool="find", allowed="labels", labels="vip, staff",
                           confirm="contact", in_groups="yes")  # fmt: skip
        [tool] = (await tool_servers.list_tool_servers(app.tools, app.owner_id)).items[0].tools
        assert (tool.allowed, tool.labels) == ("labels", ["staff", "vip"])
        assert (tool.in_groups, tool.confirm) == (True, "contact")
        await browser.send(where, 422, what="rights", tool="find", allowed="everyone")

        server.remove_tool("find")
        _describe(server, "Now it does something else.")
        await browser.send(where, what="test")
        page = await browser.page(where)
        assert "It offers different tools now" in page
        assert "offers other tools than you approved" in await browser.page("/?home")
        [digest] = re.findall(r'name="digest" value="([^"]+)"', page)
        await browser.send(where, 409, what="approve", digest="0" * 16)
        await browser.send(where, what="approve", digest=digest)
        page = await browser.page(where)
        assert "It offers different tools now" not in page
        assert "Now it does something else." in page
    await browser.send(where, 503, what="test")
    assert "fails" in await browser.page("/tools")
    await browser.send(where, what="remove")
    await browser.page(where, 404)
    assert "No agent has a server." in await browser.page("/tools")


async def test_a_server_that_cannot_be_used_is_not_added(browser: Browser) -> None:
    for status, given in (
        (422, {"name": "Not a name", "url": "https://shop.example/mcp"}),
        (422, {"name": "shop", "url": "javascript:alert(1)"}),
        (422, {"name": "shop", "url": "https://shop.example/mcp", "headers": "no colon"}),
        (404, {"name": "shop", "url": "https://shop.example/mcp", "agent": "Nobody"}),
    ):
        await browser.send("/tools", status, **{"agent": "Ada", **given})
    assert "No agent has a server." in await browser.page("/tools")


async def test_a_webhooks_secret_is_shown_once(browser: Browser) -> None:
    app = browser.harness.app
    url = "https://127.0.0.1:9/<script>"
    await browser.send("/webhooks", 422, url=url)
    added = await browser.send(
        "/webhooks", 200, url=url, allow_private="yes", events="message.sent"
    )
    [secret] = re.findall(r"<code>(whsec_[^<]+)</code>", added.text)
    page = await browser.page("/webhooks")
    assert (secret in page, "<script>" in page.partition("<main")[2]) == (False, False)
    [webhook] = (await event_webhooks.list_webhooks(app.db, app.owner_id)).items
    assert webhook.events == ["message.sent"]
    tested = await browser.send(f"/webhooks/{webhook.id}", what="test")
    assert "The call failed" in await browser.page(tested.headers["location"])
    await browser.send("/webhooks", 422, url="https://example.com/x", events="no.such.event")
    await browser.send(f"/webhooks/{webhook.id}", what="remove")
    assert "No program is told anything." in await browser.page("/webhooks")


async def test_a_web_chat_is_put_on_a_site_and_removed(browser: Browser) -> None:
    app = browser.harness.app
    added = await browser.send(
        "/web-chats",
        200,
        name="shop",
        agent="Ada",
        origins="https://shop.example, https://b.example",
    )
    [chat] = await web_chats.list_web_chats(app.db, app.owner_id)
    assert chat.origins == ["https://shop.example", "https://b.example"]
    secrets = re.findall(r"<code>([\w=-]{40,})</code>", added.text)
    page = await browser.page("/web-chats")
    assert (len(secrets), secrets[0] in page) == (1, False)
    assert html.escape(f"/api/chat/{chat.id}/widget.js") in page
    await browser.send("/web-chats", 409, name="shop", agent="Ada", origins="https://shop.example")
    await browser.send("/web-chats", 422, name="other", agent="Ada", origins="shop.example")
    await browser.send(f"/web-chats/{chat.id}")
    assert "No web page has a chat." in await browser.page("/web-chats")
