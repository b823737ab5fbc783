"""Take the pictures of docs/dashboard.md: made-up people, a real server, a real browser.

``scripts/screenshots`` runs it. It writes docs/images/dashboard-*.png.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import playwright.async_api as playwright

from discreet.app import App
from discreet.asgi import http_app
from discreet.auth.channel_secrets import drop_secret, save_secret
from discreet.auth.sign_ins import create_sign_in_code
from discreet.domain.platform import ChannelSecret
from discreet.http_server import serving_http
from discreet.postgres.server import open_database
from discreet.serving import working
from discreet.settings import Settings
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.small_png import smaller
from tests.dashboard.people import deliver_all, settle
from tests.dashboard.pictures import STORED, digest
from tests.support.world import make_world, open_scoped

FOLDER = Path(__file__).parents[2] / "docs" / "images"
MAX_BYTES = 60_000
SIZE = {"width": 1240, "height": 620}
PHONE = {"width": 360, "height": 640}


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "home"
        settings = Settings(home=home)
        database = await stack.enter_async_context(open_database(settings, print))
        db = await stack.enter_async_context(open_scoped(database, 8))
        world = await make_world(db)
        await settle(world)
        await deliver_all(world)
        app = App(settings, database, db, world.owner_id)
        stack.push_async_callback(app.wakes.close)
        served = serving_http(http_app(app), "127.0.0.1:0", setting="DISCREET_LISTEN")
        url = await stack.enter_async_context(served)
        driver = await stack.enter_async_context(playwright.async_playwright())
        chromium = find_chromium()
        browser = await driver.chromium.launch(
            executable_path=chromium.executable,
            args=list(ARGUMENTS),
            env=chromium.environment or None,  # type: ignore[arg-type]
        )
        page = await browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        await page.goto(f"{url}/sign-in?code={await create_sign_in_code(db, world.owner_id)}")
        async with _tokens(app):
            await page.reload()
            await _take(page, "home")
        await page.goto(f"{url}/inbox")
        await page.click("text=Anna Lindqvist")
        await page.wait_for_selector(".lines .out")
        await _take(page, "inbox")
        await page.click("text=why >> nth=-1")
        await page.click("summary:has-text('recall')")
        await _take(page, "why")
        async with working(app):
            await page.goto(f"{url}/simulator")
            await page.click("text=Run a short demonstration")
            await page.wait_for_selector(".knows a")
            await _take(page, "simulator")
        await page.emulate_media(color_scheme="dark")
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await page.goto(f"{url}/inbox")
        await _take(page, "phone")
        await browser.close()
    STORED.write_text(f"{digest()}\n")


@asynccontextmanager
async def _tokens(app: App) -> AsyncIterator[None]:
    """Give every channel a token, which nobody uses: only later does anybody work."""
    access = app.channels
    async with access.db.begin(app.scope) as tx:
        accounts = await tx.fetch_tuples(
            "SELECT platform, account FROM discreet.channels WHERE platform <> 'terminal'"
        )
        for platform, account in accounts:
            await save_secret(tx, access.key, platform, account, ChannelSecret("a token"))
    yield
    async with access.db.begin(app.scope) as tx:
        for platform, account in accounts:
            await drop_secret(tx, platform, account)


async def _take(page: playwright.Page, name: str) -> None:
    file = FOLDER / f"dashboard-{name}.png"
    file.write_bytes(smaller(await page.screenshot()))
    size = file.stat().st_size
    print(f"{file.name}: {size:,} bytes{', too large' if size > MAX_BYTES else ''}")


if __name__ == "__main__":
    asyncio.run(main())
