"""An owner connects an account of their own at a server of tools, in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from playwright.async_api import expect
from starlette.types import ASGIApp, Receive, Scope, Send

from discreet.api.connect_pages import connect_app
from discreet.auth.sign_ins import create_sign_in_code
from discreet.dashboard.application import dashboard_app
from discreet.http_server import serving_http
from tests.browser.tab import open_tab
from tests.dashboard.conftest import House
from tests.support.tool_servers.accounts import bank

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def _public(house: House) -> AsyncIterator[str]:
    """Serve the house at an address that it knows as its public one."""
    apps: dict[str, ASGIApp] = {}

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        name = "connect" if scope["path"].startswith("/connect/") else "dashboard"
        await apps[name](scope, receive, send)

    served = serving_http(dispatch, "127.0.0.1:0", setting="DISCREET_LISTEN", lifespan="off")
    async with served as url:
        old = house.harness.app
        app = replace(old, settings=old.settings.model_copy(update={"public_url": url}))
        apps |= {"connect": connect_app(app.tools), "dashboard": dashboard_app(app)}
        yield url
        await app.wakes.close()


async def test_the_owner_signs_in_at_a_server_of_tools_and_its_account_is_connected(
    house: House,
) -> None:
    app = house.harness.app
    async with (
        bank() as accounts,
        _public(house) as url,
        open_tab(house.chrome, "http://127.0.0.1:", house.chromium.axe) as tab,
    ):
        accounts.asks, page = True, tab.page
        await page.goto(f"{url}/sign-in?code={await create_sign_in_code(app.db, app.owner_id)}")
        await page.goto(f"{url}/tools")
        await page.get_by_label("Name").fill("bank")
        await page.get_by_label("Address", exact=True).fill(f"{accounts.url}/mcp")
        await page.get_by_text("Headers and more").click()
        await page.get_by_label("connects their own account").check()
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("bank is added")
        await page.get_by_role("button", name="Get a link").click()
        async with page.context.expect_page() as opened:
            await page.get_by_role("link", name="Sign in there").click()
        there = await opened.value
        await there.get_by_role("button", name="Sign in at").click()
        await there.get_by_role("button", name="Allow as Olga").click()
        code = await there.locator(".code").inner_text()
        await page.get_by_label("Code", exact=True).fill(code)
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("is connected")
        assert {token.subject for token in accounts.access.values()} == {"olga"}
        await page.get_by_role("button", name="Approve these changes").click()
        await expect(page.get_by_role("heading", name="whose")).to_be_visible()
        await page.get_by_label("Code", exact=True).fill(code)
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_text("No sign-in is waiting for a code.")).to_be_visible()
        await tab.check("at the end")
