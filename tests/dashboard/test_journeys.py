"""What an owner does, in a real browser."""

from __future__ import annotations

import re

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from discreet.serving import working
from tests.api.conftest import in_one_task
from tests.browser.tab import PHONE, Tab
from tests.dashboard.conftest import House
from tests.dashboard.people import People, settle
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(house: House) -> People:
    return await settle(house.harness.world)


async def test_a_new_owner_is_led_to_the_first_answer(tab: Tab, house: House) -> None:
    page = tab.page
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    async with in_one_task(working(house.harness.app)):
        await tab.open("/")
        await expect(page.get_by_role("heading", level=1)).to_have_text("First steps")
        await page.get_by_label("Instructions").fill("You answer for a small hotel.")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("Ada was changed.")
        await page.get_by_label("Model").fill("nowhere:nothing")
        await page.get_by_role("button", name="Save and test").click()
        await expect(page.get_by_role("alert")).to_contain_text("nowhere:nothing")
        await expect(page.get_by_role("alert")).to_be_in_viewport()
        await expect(page.get_by_label("Model")).to_have_value("nowhere:nothing")
        await expect(page.get_by_text("without a model", exact=True)).to_be_visible()
        await page.get_by_text("Connect a platform", exact=True).click()
        await page.get_by_label("Platform").select_option("discord")
        await page.get_by_label("Token").fill("not a token")
        await page.get_by_role("button", name="Connect", exact=True).click()
        await expect(page.get_by_role("alert")).to_be_in_viewport()
        await expect(page.get_by_label("Platform")).to_have_value("discord")
        await expect(page.get_by_label("Token")).to_have_value("")
        await page.get_by_role("button", name="Use no model").click()
        await expect(page.get_by_role("status")).to_contain_text("built-in responder answers")
        await expect(page.get_by_role("status")).to_be_in_viewport()
        await page.get_by_role("link", name="Open the simulator").click()
        column = page.locator(".columns > section").first
        await say(column, "Remember that my name is Olga.")
        await expect(column.locator(".out").first).to_contain_text("I'll remember")
        await tab.open("/")
        await expect(page.get_by_text("Messages today")).to_be_visible()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(house: House, people: People) -> House:
    """Somebody works, so that people get answers."""
    await house.harness.stack.enter_async_context(in_one_task(working(house.harness.app)))
    return house


async def chosen(tab: Tab, name: str) -> None:
    """Open a contact from the inbox."""
    await tab.open("/inbox")
    await tab.page.get_by_role("link", name=re.compile(name)).click()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text(name)


async def test_a_stranger_is_approved_where_the_owner_sees_the_request(
    tab: Tab, people: People
) -> None:
    await tab.open("/")
    request = tab.page.get_by_role("listitem").filter(has_text="Kim Novak")
    await expect(request).to_contain_text("Hello, may I join?")
    await request.get_by_role("button", name="Approve").click()
    await expect(tab.page.get_by_role("status")).to_contain_text("Kim Novak")
    await expect(request.get_by_role("button", name="Approve")).to_have_count(0)
    await chosen(tab, "Kim Novak")


async def test_a_takeover_is_live_in_both_directions_and_is_handed_back(
    tab: Tab, people: People
) -> None:
    world, page = people.world, tab.page
    await chosen(tab, "Jonas Weber")
    await page.get_by_role("button", name="Answer in person").click()
    await world.say("telegram:5550142", "Ist da jemand?", channel_id=people.channels["telegram"])
    await expect(page.get_by_text("Ist da jemand?", exact=True).last).to_be_visible()
    answer = page.get_by_label("Your answer to")
    await answer.fill("Ja, ich.\nSogar zwei Zeilen.")
    await answer.press("Enter")
    await expect(page.locator(".person").last).to_contain_text("Sogar zwei Zeilen.")
    await page.get_by_role("button", name="Hand back").click()
    await expect(page.get_by_role("button", name="Answer in person")).to_be_visible()


async def test_a_memory_is_changed_compared_and_restored(tab: Tab, people: People) -> None:
    page = tab.page
    await tab.open("/memories")
    await page.get_by_role("link", name=re.compile("allergic to walnuts")).first.click()
    await page.get_by_label("Text").fill("Anna is allergic to peanuts.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("del")).to_have_text("walnuts.")
    await expect(page.locator("ins")).to_have_text("peanuts.")
    await page.get_by_role("button", name=re.compile("Restore version")).click()
    await expect(page.get_by_label("Text")).to_have_value("Anna is allergic to walnuts.")


async def test_two_senders_and_a_group_side_by_side_see_nothing_of_each_other(
    tab: Tab, served: House
) -> None:
    page = tab.page
    await tab.open("/simulator")
    await page.get_by_role("button", name="Run a short demonstration").click()
    anna, ben = page.locator(".columns > section").nth(0), page.locator(".columns > section").nth(1)
    await expect(anna.locator(".knows")).to_contain_text("my dog is called Rex")
    await expect(anna.locator(".lines .out").last).to_contain_text("Rex")
    await expect(ben.locator(".knows")).to_contain_text("Nothing.")
    await say(ben, "Remember that my cat is called Minka.")
    await expect(ben.locator(".knows")).to_contain_text("Minka")
    await expect(anna).not_to_contain_text("Minka")
    await expect(ben).not_to_contain_text("Rex")

    async def show(number: int, sender: str, group: str) -> None:
        await page.get_by_text("Other senders and groups").click()
        await page.get_by_label(f"Sender {number}").fill(sender)
        await page.get_by_label("In the group").nth(number - 1).fill(group)
        await page.get_by_role("button", name="Show these").click()

    team = page.get_by_role("region", name="web:demo-anna in web:demo-team")
    await show(3, "web:demo-anna", "web:demo-team")
    await say(team, "Remember that the party is on Friday.")
    await expect(team.locator(".knows")).to_contain_text("the party is on Friday")
    for alone in (anna, ben):
        await expect(alone).not_to_contain_text("party")
    await expect(team).not_to_contain_text(re.compile("Rex|Minka"))
    # Another speaks in the same group, whose column beside it is live.
    await show(2, "web:demo-ben", "web:demo-team")
    await say(page.get_by_role("region", name="web:demo-ben in web:demo-team"), "I bring cake.")
    await expect(team.locator(".in").last).to_contain_text("I bring cake.")
    await expect(team.locator(".in .clip").last).to_have_text("web:demo-ben")
    await expect(team).not_to_contain_text(re.compile("Rex|Minka"))


async def say(column: Locator, text: str) -> None:
    await column.get_by_placeholder("Say something").fill(text)
    # Until the next page is there, this one is live, and shows the answer too.
    async with column.page.expect_event("domcontentloaded"):
        await column.get_by_role("button", name="Send").click()


async def test_an_answer_opens_what_went_into_it(tab: Tab, people: People) -> None:
    await chosen(tab, "Anna Lindqvist")
    await tab.page.get_by_role("link", name="why").last.click()
    await expect(tab.page.get_by_role("heading", level=1)).to_contain_text("Why Ada said this")
    steps = tab.page.locator(".steps")
    await expect(steps).to_contain_text("What did I say about walnuts?")
    await steps.locator("summary", has_text="recall").click()
    await expect(steps.get_by_text("allergic to walnuts").first).to_be_visible()
    await tab.page.get_by_role("button", name="Run it again").click()
    await expect(tab.page.get_by_role("heading", level=1)).to_contain_text("asked again")
    calls = tab.page.get_by_role("listitem").filter(has_text="recall")
    # Nothing but the built-in responder answers here, which needs no tool for it.
    await expect(calls.first).to_contain_text("not called this time")
    await expect(tab.page.locator("del").first).to_have_text("Table")
    await expect(tab.page.locator("ins").first).to_be_visible()


async def test_an_agent_is_deleted_after_a_preview_with_a_receipt(tab: Tab, people: People) -> None:
    page = tab.page
    await tab.open("/agents")
    await page.get_by_label("Name").fill("Bea")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("link", name="Delete this agent").click()
    await page.get_by_label("Its contacts").select_option("erase")
    await page.get_by_role("button", name="Count what would be deleted").click()
    await expect(page.get_by_role("row", name=re.compile("^channels"))).to_be_visible()
    await page.get_by_role("button", name="Delete permanently").click()
    await expect(page.get_by_text("Receipt")).to_be_visible()
    await page.get_by_role("link", name="All agents").click()
    await expect(page.get_by_role("main").get_by_text("Bea")).to_have_count(0)
    await expect(page.get_by_role("main").get_by_text("Ada")).to_be_visible()


async def test_erasing_shows_what_goes_first_and_a_receipt_after(tab: Tab, people: People) -> None:
    page = tab.page
    await chosen(tab, "Omar Haddad")
    where = page.url
    await page.get_by_role("link", name=re.compile("Erase")).click()
    await expect(page.get_by_role("row", name=re.compile("messages"))).to_be_visible()
    await page.get_by_role("button", name="Erase permanently").click()
    await expect(page.get_by_text("Receipt")).to_be_visible()
    gone = await page.goto(where)
    assert gone is not None
    assert gone.status == 404


async def test_the_keyboard_reaches_search_and_the_list(tab: Tab, people: People) -> None:
    page = tab.page
    await tab.open("/inbox")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = page.locator("[data-keys] a").nth(1)
    await expect(second).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.locator("[data-keys] a").nth(0)).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await page.keyboard.type("tanaka")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-keys] a")).to_have_count(1)
    for path in ("/", "/sign-ins"):
        await tab.open(path)
        await page.keyboard.press("j")
        await expect(page.locator("[data-keys] > *").locator(":focus")).to_have_count(1)
    # Where one writes, the keys are letters.
    await tab.open("/agents")
    await page.get_by_label("Name").fill("")
    await page.get_by_label("Name").press_sequentially("jk/?")
    await expect(page.get_by_label("Name")).to_have_value("jk/?")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_form_is_sent_once_by_a_double_click(tab: Tab, people: People) -> None:
    await tab.open("/agents")
    await tab.page.get_by_label("Name").fill("Twice")
    await tab.page.get_by_role("button", name="Create").dblclick()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Twice")


async def test_a_page_that_was_out_of_sight_shows_what_was_said_meanwhile(
    tab: Tab, people: People
) -> None:
    await chosen(tab, "Mei Tanaka")
    sight = """(hidden) => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await tab.page.evaluate(sight, True)
    await people.world.say("telegram:5550177", "Hello?", channel_id=people.channels["telegram"])
    await tab.page.evaluate(sight, False)
    await expect(tab.page.get_by_label("Messages").get_by_text("Hello?")).to_be_visible()


async def test_the_inbox_is_usable_on_a_phone(tab: Tab, people: People) -> None:
    page = tab.page
    await page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    await chosen(tab, "Priya Raman")
    said = page.get_by_label("Messages").get_by_text("Yes please, for six people.")
    await expect(said).to_be_in_viewport()
    await page.get_by_role("link", name="Inbox").first.click()
    await expect(page.get_by_role("link", name=re.compile("Priya Raman"))).to_be_visible()


async def test_without_scripts_a_contact_is_found_read_and_answered(
    house: House, people: People
) -> None:
    context = await house.chrome.new_context(java_script_enabled=False, viewport=PHONE)  # type: ignore[arg-type]
    page = await context.new_page()
    try:
        await page.goto(await house.link())
        await page.goto(f"{house.harness.url}/inbox")
        await page.get_by_label("Channel").select_option("discord")
        await page.get_by_role("button", name="Filter").click()
        await page.get_by_role("link", name=re.compile("Lucía Ortega")).click()
        await page.get_by_role("button", name="Answer in person").click()
        await page.get_by_label("Your answer to").fill("I will ask the baker.")
        await page.get_by_role("button", name="Send").click()
        await page.get_by_role("link", name="Reload").click()
        await expect(page.locator(".person").last).to_contain_text("I will ask the baker.")
        await page.get_by_role("button", name="Hand back").click()
    finally:
        await context.close()


async def test_signing_out_everywhere_ends_an_open_page_of_another_browser(
    tab: Tab, house: House, people: People
) -> None:
    async with house.signed_in() as other:
        await chosen(other, "Mei Tanaka")
        await tab.open("/sign-ins")
        await tab.page.get_by_role("button", name="Sign out everywhere").click()
        await expect(tab.page.get_by_text("sb dashboard")).to_be_visible()
        await until(lambda: other.page.evaluate("fetch('/').then((got) => got.status == 401)"))
        await other.open("/inbox", 401)
