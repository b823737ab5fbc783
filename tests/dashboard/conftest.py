from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import playwright.async_api as playwright
import pytest
import pytest_asyncio

from discreet.asgi import http_app
from discreet.auth.sign_ins import create_sign_in_code, sign_in
from discreet.dashboard.application import dashboard_app
from discreet.dashboard.security import COOKIE
from discreet.http_server import serving_http
from discreet.postgres.server import Database
from discreet.settings import Settings
from tests.api.conftest import (
    Harness,
    harness,
    idle,
    idle_and_served,
    in_one_task,
    make_harness,
    settings,
)
from tests.browser.chromium import ARGUMENTS, Chromium, find_chromium
from tests.browser.tab import Tab, open_tab

__all__ = ["Browser", "House", "harness", "idle", "idle_and_served", "settings"]


@dataclass
class Browser:
    """A client that keeps cookies and fills in forms like a browser."""

    harness: Harness
    http: httpx.AsyncClient

    async def sign_in(self) -> str:
        """Open a link with a new code and return the link."""
        code = await create_sign_in_code(self.harness.app.db, self.harness.app.owner_id)
        link = f"{self.harness.url}/sign-in?code={code}"
        opened = await self.http.get(link)
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        return link

    async def page(self, path: str, status: int = 200) -> str:
        got = await self.http.get(path)
        assert got.status_code == status, got.text
        return got.text

    async def send(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """Send a form that a page of this session showed."""
        [csrf, *_] = re.findall(r'name="csrf" value="(\w+)"', await self.page("/sign-ins"))
        got = await self.http.post(path, data={"csrf": csrf, **fields})
        assert got.status_code == status, got.text
        return got


async def a_browser(harness: Harness) -> Browser:
    client = httpx.AsyncClient(base_url=harness.url, timeout=180)
    return Browser(harness, await harness.stack.enter_async_context(client))


@pytest.fixture
async def browser(idle_and_served: Harness) -> Browser:
    """Return a signed-in browser, on an installation without a worker."""
    browser = await a_browser(idle_and_served)
    await browser.sign_in()
    return browser


@pytest.fixture
async def inside(idle: Harness) -> AsyncIterator[Browser]:
    """Return the same without a server: requests reach the dashboard in this process."""
    transport = httpx.ASGITransport(app=dashboard_app(idle.app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        browser = Browser(replace(idle, url="http://localhost"), client)
        await browser.sign_in()
        yield browser


@dataclass
class House:
    """An installation for all tests of a file, in which nobody answers, and a browser to open it
    in."""

    harness: Harness
    chrome: playwright.Browser
    chromium: Chromium

    async def link(self) -> str:
        """Return a link that signs one browser in."""
        code = await create_sign_in_code(self.harness.app.db, self.harness.app.owner_id)
        return f"{self.harness.url}/sign-in?code={code}"

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[Tab]:
        """Open a tab with a session of its own. It fails if anything went wrong in it."""
        app = self.harness.app
        code = await create_sign_in_code(app.db, app.owner_id)
        secret = await sign_in(app.db, code, "a tab")
        cookie = (COOKIE, str(secret))
        async with open_tab(self.chrome, self.harness.url, self.chromium.axe, cookie) as opened:
            yield opened
            await opened.check("at the end")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chrome() -> AsyncIterator[tuple[playwright.Browser, Chromium]]:
    """One browser for all tests of a worker."""
    found = find_chromium()
    async with playwright.async_playwright() as driver:
        started = await driver.chromium.launch(
            executable_path=found.executable,
            args=list(ARGUMENTS),
            env=found.environment or None,  # type: ignore[arg-type]
        )
        yield started, found
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(
    shared_database: Database, chrome: tuple[playwright.Browser, Chromium]
) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        made = await make_harness(shared_database, Settings(), stack)
        served = serving_http(http_app(made.app), "127.0.0.1:0", setting="DISCREET_LISTEN")
        url = await stack.enter_async_context(in_one_task(served))
        yield House(replace(made, url=url), *chrome)


@pytest_asyncio.fixture(loop_scope="session")
async def tab(house: House) -> AsyncIterator[Tab]:
    """A page that is signed in. The test fails if anything went wrong in it."""
    async with house.signed_in() as opened:
        yield opened
