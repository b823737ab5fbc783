"""The web chat on a page of another origin, in a real browser."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
import pytest_asyncio
from playwright.async_api import expect

from discreet.schemas.web_chats import AddedWebChat, WebChatToAdd
from discreet.services.takeover import speak, take_over
from discreet.services.web_chats import add_web_chat
from discreet.serving import working
from tests.api.conftest import in_one_task
from tests.browser.tab import PHONE, Tab, open_tab
from tests.dashboard.conftest import House

pytestmark = pytest.mark.asyncio(loop_scope="session")
EXAMPLE = Path(__file__).parents[2] / "examples" / "web-chat" / "index.html"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A site of its own, which serves what is in ``tmp_path``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(house: House) -> AsyncIterator[Tab]:
    async with open_tab(house.chrome, "http://127.0.0.1:", house.chromium.axe) as opened:
        yield opened
        await opened.check("at the end")


async def test_a_visitor_writes_is_answered_and_keeps_it_after_signing_in(
    house: House, site: str, tmp_path: Path, visitor: Tab
) -> None:
    app, page = house.harness.app, visitor.page
    given = WebChatToAdd(name="shop", origins=[site])
    added: AddedWebChat = await add_web_chat(app.web_chats, given)
    text = EXAMPLE.read_text(encoding="utf-8")
    text = text.replace("https://YOUR-SERVER", house.harness.url)
    (tmp_path / "index.html").write_text(text.replace("YOUR-CHAT", str(added.chat.id)))
    chat = page.frame_locator("iframe")
    answers, mine = chat.locator(".line:not(.mine)"), chat.locator(".line.mine")

    async with in_one_task(working(app)):
        await page.goto(site)
        await page.get_by_role("button", name="Chat").click()
        for said, answer in (
            ("Remember that my name is Olga.", "I'll remember"),
            ("<img src=x onerror=alert(1)> [x](https://evil.example/)", ""),
        ):
            before = await answers.count()
            await chat.get_by_label("Your message").fill(said)
            await chat.get_by_role("button", name="Send").click()
            await expect(mine.last).to_have_text(said)
            await expect(answers).to_have_count(before + 1)
            await expect(answers.last).to_contain_text(answer)
        await visitor.check("after hostile words")
        await page.reload()
        await page.get_by_role("button", name="Chat").click()
        await expect(mine).to_have_count(2)

        claims = {"sub": "olga", "aud": str(added.chat.id), "exp": int(time.time()) + 600}
        identity = jwt.encode(claims, added.secret or "", "HS256")
        await page.evaluate("(jwt) => discreetChat.identify(jwt)", identity)
        await expect(answers.first).to_contain_text("I'll remember")
        frame = next(one for one in page.frames if one.parent_frame)
        await frame.wait_for_function("() => localStorage.length === 0")
        await expect(mine).to_have_count(2)
        contact = await take_over(app.db, app.owner_id, "web:shop/olga")
        await speak(app.db, app.owner_id, contact.id, "Good evening, Olga.")
        await expect(answers.last).to_have_text("Good evening, Olga.")


async def test_the_page_of_the_chat_has_no_barriers_and_no_other_site_shows_it(
    house: House, site: str, tmp_path: Path, visitor: Tab
) -> None:
    app, page = house.harness.app, visitor.page
    given = WebChatToAdd(name="elsewhere", origins=["https://shop.example"])
    added = await add_web_chat(app.web_chats, given)
    url = f"{house.harness.url}/api/chat/{added.chat.id}/"
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        await page.goto(url)
        assert await visitor.barriers() == []
        assert await visitor.fits() == []
    (tmp_path / "index.html").write_text(f'<iframe src="{url}"></iframe>')
    await page.goto(site)
    frame = next(one for one in page.frames if one.parent_frame)
    assert await frame.locator("#form").count() == 0
    visitor.faults.clear()  # the console tells of the refusal
