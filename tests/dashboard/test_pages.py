"""The owner's views and actions on the pages."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser

from discreet.dashboard.rendering import static
from discreet.domain.addresses import Address
from discreet.intake.terminal_message import TerminalMessage
from discreet.schemas.events import WebhookToAdd
from discreet.services import contacts
from discreet.services.agents import create_agent
from discreet.services.event_webhooks import add_webhook
from discreet.services.messages import send_message
from discreet.services.takeover import lines_after
from tests.api.conftest import Harness
from tests.dashboard.conftest import Browser, a_browser
from tests.dashboard.people import saying
from tests.support.platform import with_telegram
from tests.support.turns import one_turn
from tests.support.waiting import PATIENCE_SECONDS

ALICE, BOB = "telegram:1001", "telegram:1002"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% include 'base.html' %}",
    "\x1b[31mred\x07",
    "\u202eright to left",
    "[link](javascript:alert(1)) ![img](https://evil.example/x.png)",
    "very long " * 1_000,
)


class _Elements(HTMLParser):
    """The tags and links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))


async def test_what_people_write_is_data_on_every_page(inside: Browser) -> None:
    world, known = inside.harness.world, ""
    for number, text in enumerate(HOSTILE):
        said = await world.say(f"telegram:100{number}", text, name=text[:100])
        known = str(said.contact_id)
        await contacts.note_contact(world.db, world.owner_id, known, text[:1_000])
        await _look(inside, known, f"telegram:100{number}")
    await _look(inside, known, "telegram:1006", "/?home", "/inbox", "/memories?q=link")


async def _look(inside: Browser, known: str, sender: str, *more: str) -> None:
    paths = more or (f"/contacts/{known}", f"/contacts/{known}/lines", f"/simulator?as={sender}",
                     f"/inbox?q={sender}", f"/contacts/{known}/erase")  # fmt: skip
    for path in paths:
        page = await inside.page(path)
        for tag, attributes in _Elements(page).tags:
            assert tag not in {"img", "iframe", "object", "style", "base"}, path
            assert not [name for name in attributes if name.startswith("on")], path
            assert tag != "script" or attributes.get("src") == static("dashboard.js"), path
            for name in ("href", "src", "action"):
                assert (attributes.get(name) or "/").startswith(("/", "#")), path
        assert "49" not in re.findall(r">\s*(\d+)\s*<", page)
        assert "\x1b" not in page


async def test_a_stranger_is_let_in_from_the_home_page(browser: Browser) -> None:
    harness = browser.harness
    platform = await with_telegram(harness.world)
    assert await platform.reason(BOB, "may I come in?", name="Bob") == "aside"
    page = await browser.page("/")
    assert "may I come in?" in page
    await browser.send("/pairings", address=BOB, decision="approve")
    page = await browser.page("/")
    assert "may talk to Ada" in page  # the result, shown once
    assert "may I come in?" not in page
    assert "may talk to Ada" not in await browser.page("/")


async def test_the_owner_answers_in_person_and_hands_back(browser: Browser) -> None:
    harness = browser.harness
    said = await harness.world.say(ALICE, "is anybody there?")
    page = f"/contacts/{said.contact_id}"
    assert "is anybody there?" in await browser.page(page)
    await browser.send(f"{page}/say", 422, text="too early")
    await browser.send(f"{page}/takeover")
    await browser.send(f"{page}/say", text="Yes, I am.")
    assert "Yes, I am." in await browser.page(page)
    lines = await lines_after(
        harness.app.db,
        harness.app.owner_id,
        said.contact_id,
        after=None,
        limit=10,  # type: ignore[arg-type]
    )
    assert [(line.text, line.in_person) for line in lines][-1] == ("Yes, I am.", True)
    await browser.send(f"{page}/hand-back")
    assert "Answer in person" in await browser.page(page)


async def test_a_contact_is_named_noted_blocked_and_found_again(browser: Browser) -> None:
    said = await browser.harness.world.say(ALICE, "hello")
    page = f"/contacts/{said.contact_id}"
    await browser.send(page, what="rename", name="Alice Smith")
    await browser.send(page, what="note", note="likes tea")
    await browser.send(page, what="block")
    shown = await browser.page(page)
    assert all(text in shown for text in ("Alice Smith", "likes tea", "Unblock", "blocked"))
    for wanted, there in (("alice", True), ("1001", True), ("100%", False), ("bob", False)):
        assert ("Alice Smith" in await browser.page(f"/inbox?q={wanted}")) is there, wanted


async def test_erasing_asks_first_and_shows_a_receipt(browser: Browser) -> None:
    said = await browser.harness.world.say(ALICE, "forget me")
    page = f"/contacts/{said.contact_id}"
    assert "It can't be undone" in await browser.page(f"{page}/erase")
    await browser.send(f"{page}/erase", sure="")
    await browser.page(page)
    receipt = await browser.send(f"{page}/erase", 200, sure="yes")
    assert "Receipt" in receipt.text
    await browser.page(page, 404)


async def test_two_senders_side_by_side_see_nothing_of_each_other(harness: Harness) -> None:
    browser = await a_browser(harness)
    await browser.sign_in()
    done = await browser.send("/simulator/demonstration")
    anna, ben = re.findall(
        r'<section class="card flush" aria-label=.*?</section>',
        await browser.page(done.headers["location"]),
        re.S,
    )
    assert "Rex" in anna
    assert "Rex" not in ben
    [memory] = re.findall(r"/memories/([0-9a-f-]{36})", anna)
    [turn, *_] = re.findall(
        r"/turns/([0-9a-f-]{36})",
        await browser.page(re.findall(r'"(/contacts/[0-9a-f-]{36})/live"', anna)[0]),
    )
    assert "Why Ada said this" in re.sub(r"<[^>]+>", "", await browser.page(f"/turns/{turn}"))
    page = f"/memories/{memory}"
    [version] = re.findall(r'name="version" value="(\d+)"', await browser.page(page))
    await browser.send(page, what="save", content="My dog is called Max.", version=version)
    assert "<ins> Max.</ins>" in await browser.page(page)
    await browser.send(page, 409, what="save", content="Moritz", version=version)
    await browser.send(page, what="restore", version=version)
    assert "called Rex." in await browser.page(page)
    gone = await browser.send(page, what="forget")
    assert "called Rex." in await browser.page(gone.headers["location"])
    assert "Nothing was found." in await browser.page("/memories?q=dog")


async def test_an_agent_is_told_something_else_and_paused(browser: Browser) -> None:
    [agent] = set(re.findall(r"/agents/([0-9a-f-]{36})", await browser.page("/agents")))
    page = f"/agents/{agent}"
    await browser.send(page, what="save", role="clerk", instructions="Be brief.", model="")
    await browser.send(page, what="pause")
    shown = await browser.page(page)
    assert all(text in shown for text in ("clerk", "Be brief.", "Resume"))
    assert "paused" in await browser.page("/agents")


async def test_usage_begins_with_the_contact_that_used_most(browser: Browser) -> None:
    world = browser.harness.world
    for who, turns in ((ALICE, 1), (BOB, 2)):
        for _ in range(turns):
            said = await world.say(who, "hello")
            await one_turn(world, said.session_id, saying("Hello."))
    page = await browser.page("/usage?by=contact")
    assert re.findall(r'<td><bdi class="name">([^<]+)', page) == [BOB, ALICE]


async def test_a_page_that_does_not_exist_says_so(browser: Browser) -> None:
    for path in ("/nothing", "/contacts/x", "/contacts/00000000-0000-4000-8000-000000000000",
                 "/turns/00000000-0000-4000-8000-000000000000", "/memories/x"):  # fmt: skip
        assert "That did not work" in await browser.page(path, 404)


async def test_a_page_that_stays_open_hears_of_news_until_it_is_signed_out(
    browser: Browser,
) -> None:
    said = await browser.harness.world.say(ALICE, "hello")
    live = f"/contacts/{said.contact_id}/live"
    async with browser.http.stream("GET", live, timeout=PATIENCE_SECONDS) as events:
        heard = events.aiter_lines()
        assert await anext(heard) == "event: changed"
        await browser.harness.world.say(ALICE, "are you there?")
        news = [line async for line in _until(heard, "event: changed")]
        assert news[-1] == "event: changed"
        await browser.send("/sign-ins/end-all")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [line async for line in heard if line.startswith("event")] == []


async def _until(lines: object, wanted: str) -> object:
    async for line in lines:  # type: ignore[attr-defined]
        yield line
        if line == wanted:
            return


async def test_the_inbox_shows_those_who_talked_to_one_agent_and_home_a_webhook_that_fails(
    browser: Browser,
) -> None:
    app = browser.harness.app
    await create_agent(app.db, app.owner_id, "Bea")
    await browser.harness.world.say(ALICE, "hi")
    to_bea = TerminalMessage(text="hi", agent="Bea", sender=Address.parse(BOB))
    await send_message(app.db, app.owner_id, to_bea)
    for agent, shown in (("Ada", {ALICE}), ("Bea", {BOB}), ("", {ALICE, BOB}), ("Nobody", set())):
        page = await browser.page(f"/inbox?agent={agent}")
        assert {who for who in (ALICE, BOB) if who in page} == shown, agent
    given = WebhookToAdd(url="http://127.0.0.1:9/<b>hook", allow_private=True)
    await add_webhook(app.webhooks, app.owner_id, given)
    async with app.db.begin(app.scope) as tx:
        await tx.execute(
            "UPDATE discreet.webhooks SET last_error = 'It answered 500.',"
            " failing_since = clock_timestamp() - interval '1 hour'"
        )
    home = await browser.page("/")
    assert "A webhook fails" in home
    assert "http://127.0.0.1:9/&lt;b&gt;hook" in home
