from __future__ import annotations

import re
from dataclasses import dataclass

import httpx
import pytest

from discreet.auth.sign_ins import create_sign_in_code
from tests.api.conftest import Harness, harness, idle, idle_and_served, settings

__all__ = ["Browser", "harness", "idle", "idle_and_served", "settings"]


@dataclass
class Browser:
    """A client that keeps cookies and fills in forms, as a browser does."""

    harness: Harness
    http: httpx.AsyncClient

    async def sign_in(self) -> str:
        """Open a link with a new code; the link."""
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
    client = httpx.AsyncClient(base_url=harness.url, timeout=60)
    return Browser(harness, await harness.stack.enter_async_context(client))


@pytest.fixture
async def browser(idle_and_served: Harness) -> Browser:
    """Signed in, to an installation in which nobody answers."""
    browser = await a_browser(idle_and_served)
    await browser.sign_in()
    return browser
