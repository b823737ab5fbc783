"""Every page in a real browser, with texts of people who mean harm."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp.server.mcpserver import MCPServer
from playwright.async_api import expect
from starlette.requests import Request

import discreet.dashboard
from discreet.dashboard.rendering import Renderer
from discreet.domain.inbound import Attachment
from discreet.schemas.agents import AgentChange
from discreet.schemas.events import WebhookToAdd
from discreet.schemas.memories import Remember
from discreet.schemas.tools import ToolServerToAdd
from discreet.schemas.web_chats import WebChatToAdd
from discreet.services import agents, contacts, event_webhooks, memories, tool_servers, web_chats
from discreet.services.references import ReferenceChange, change_references, read_texts
from tests.browser.tab import PHONE, WIDE, Tab
from tests.dashboard.conftest import House
from tests.dashboard.pages import every_page
from tests.dashboard.people import PRICES, People, saying, settle
from tests.support.tool_servers.served import http_server
from tests.support.turns import one_turn

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEMPLATES = Path(discreet.dashboard.__file__).parent / "templates"
LONG = "a" * 10_000
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>",
    "\"><iframe src='https://evil.example'></iframe><style>*{display:none}</style>",
    "{{ 7*7 }}{% include 'base.html' %}${7*7}#{7*7}<%= 7*7 %>",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202eright to left\u2066 and on\u200f",
    "[link](javascript:alert(4)) ![img](https://evil.example/x.png) <b>bold</b>",
    LONG,
    "\N{FAMILY}\u0301" * 500 + "Z\u0351\u036b\u0343" * 200,
    "\n" * 300 + "below",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hostile(house: House) -> People:
    """People of whom some put everything they can think of into whatever they can name."""
    people = await settle(house.harness.world)
    world, channel = people.world, people.channels["telegram"]
    for number, text in enumerate(HOSTILE):
        name = text.strip()[:200]
        file = Attachment("document", f"file-{number}", name, "text/html", 10)
        # One who says everything, and one of each name.
        for sender in ("telegram:666", f"telegram:66{number}"):
            await world.say(sender, text, name=name, channel_id=channel,
                                   attachments=(file,))  # fmt: skip
        await world.say(sender, text, name=name, channel_id=channel, group="telegram:-888",
                        title=name)  # fmt: skip
    await world.say("telegram:666", HOSTILE[1], channel_id=channel, message_id="hostile")
    mallory = await world.say("telegram:666", "and?", channel_id=channel, reply_to="hostile")
    assert mallory.contact_id is not None
    people.contacts["Mallory"] = mallory.contact_id
    await one_turn(world, mallory.session_id, saying("\n".join(HOSTILE)))
    for text in HOSTILE:
        fact = Remember(content=text[:4_000], topics=[text.strip()[:20]])
        await memories.remember(world.context(world.contact(mallory.contact_id)), fact)
    note = "\n".join(HOSTILE)[:1_000]
    await contacts.note_contact(world.db, world.owner_id, str(mallory.contact_id), note)
    markup = AgentChange(role=HOSTILE[0], instructions=HOSTILE[1] + LONG)
    await agents.change_agent(world.db, world.owner_id, "Ada", markup)
    zoe = await agents.create_agent(world.db, world.owner_id, "Zoe", AgentChange(role=HOSTILE[0]))
    await change_references(world.db, world.owner_id, zoe.id, ReferenceChange(read_texts([PRICES])))
    await _programs(house)
    return people


async def _programs(house: House) -> None:
    """Add programs beside the agent, of which one says everything it can."""
    app, world = house.harness.app, house.harness.world
    shop = MCPServer("shop")

    def find(number: str = "") -> str:
        return number

    async with http_server(shop) as served:
        shop.add_tool(find, description=HOSTILE[0] + LONG[:3_000])
        given = ToolServerToAdd(name="shop", url=served.url)
        await tool_servers.add_tool_server(app.tools, app.owner_id, world.agent_id, given)
        shop.remove_tool("find")
        shop.add_tool(find, description="\n".join(HOSTILE)[:1_500])
        await tool_servers.test_tool_server(app.tools, app.owner_id, world.agent_id, "shop")
    url = f"https://127.0.0.1:9/{LONG[:500]}"
    webhook = WebhookToAdd(url=url, allow_private=True)
    await event_webhooks.add_webhook(app.webhooks, app.owner_id, webhook)
    chat = WebChatToAdd(name="a" * 40, origins=["https://shop.example"])
    await web_chats.add_web_chat(app.web_chats, chat)


async def test_no_page_runs_what_people_write_breaks_its_layout_or_has_barriers(
    tab: Tab, house: House, hostile: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered, page = set(), Renderer.page

    def recorded(self: Renderer, request: Request, template: str, *rest: Any, **more: Any) -> Any:
        rendered.add(template)
        return page(self, request, template, *rest, **more)

    monkeypatch.setattr(Renderer, "page", recorded)
    wrong: list[object] = []
    once = set(await every_page(house.harness, each=1))
    paths = [(path, 200) for path in await every_page(house.harness)]
    paths += [("/nothing", 404), ("/sign-in?code=x", 401)]

    async def visit(tab: Tab) -> None:
        await tab.page.add_init_script(tab.axe)
        while paths:
            path, status = paths.pop()
            await tab.open(path, status)
            await _look(tab, path, wrong, whole=status != 200 or path in once)

    async with house.signed_in() as another:
        await asyncio.gather(visit(tab), visit(another))
    for path, press, shown in await _forms(hostile):
        await tab.open(path)
        await tab.page.get_by_role("button", name=press, exact=True).first.click()
        await expect(tab.page.get_by_role("heading", level=1)).to_contain_text(shown)
        await _look(tab, f"{path}: {press}", wrong)
    assert wrong == []
    templates = {one.name for one in TEMPLATES.glob("*.html") if "{% extends" in one.read_text()}
    assert templates <= rendered, "open these pages too"


async def _look(tab: Tab, path: str, wrong: list[object], *, whole: bool = True) -> None:
    """Note what is wrong with a page; ``whole``: also whether axe finds anything."""
    await tab.check(path)
    # It stays as wide as it was last: each change lays the page out anew.
    is_wide = tab.page.viewport_size == WIDE
    if whole and is_wide:
        wrong += [(path, *one) for one in await _barriers(tab)]
    if is_wide:
        await tab.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wrong += [(path, one) for one in await tab.fits()]
    if whole and not is_wide:
        await tab.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        wrong += [(path, *one) for one in await _barriers(tab)]


async def _barriers(tab: Tab) -> list[tuple[str, str]]:
    found = []
    for scheme, rules in (("light", ()), ("dark", ("color-contrast",))):
        await tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += [(scheme, one) for one in await tab.barriers(*rules)]
    return found


async def _forms(people: People) -> list[tuple[str, str, str]]:
    """Return the pages that answer a form: where it is, its button, and the title of the page."""
    world = people.world
    zoe = await agents.get_agent(world.db, world.owner_id, "Zoe")
    async with world.db.begin(world.owner) as tx:
        turn = await tx.value(
            "SELECT id FROM discreet.turns ORDER BY length(prompt::text) DESC NULLS LAST LIMIT 1"
        )
        memory = await tx.value("SELECT id FROM discreet.memories LIMIT 1")
    mallory = people.contacts["Mallory"]
    return [
        (f"/turns/{turn}", "Run it again", "asked again"),
        ("/tokens", "Create", "Tokens"),
        (f"/agents/{zoe.id}/delete?contacts=keep", "Delete permanently", "Deleted"),
        (f"/memories/{memory}", "Forget", "A forgotten memory"),
        (f"/contacts/{mallory}/erase", "Erase permanently", "Erased"),
    ]
