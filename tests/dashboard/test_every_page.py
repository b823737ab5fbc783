"""Every page in a real browser, with texts of people who mean harm."""

from __future__ import annotations

import pytest
import pytest_asyncio

from discreet.domain.inbound import Attachment
from discreet.schemas.agents import AgentChange
from discreet.schemas.memories import Remember
from discreet.services import contacts, memories
from discreet.services.agents import change_agent
from tests.browser.tab import PHONE, Tab
from tests.dashboard.conftest import House
from tests.dashboard.pages import every_page
from tests.dashboard.people import People, saying, settle
from tests.support.turns import one_turn

pytestmark = pytest.mark.asyncio(loop_scope="session")

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
    mallory = await world.say("telegram:666", "and?", channel_id=channel)
    assert mallory.contact_id is not None
    await one_turn(world, mallory.session_id, saying("\n".join(HOSTILE)))
    for text in HOSTILE:
        fact = Remember(content=text[:4_000], topics=[text.strip()[:20]])
        await memories.remember(world.context(world.contact(mallory.contact_id)), fact)
    note = "\n".join(HOSTILE)[:1_000]
    await contacts.note_contact(world.db, world.owner_id, str(mallory.contact_id), note)
    markup = AgentChange(role=HOSTILE[0], instructions=HOSTILE[1] + LONG)
    await change_agent(world.db, world.owner_id, "Ada", markup)
    return people


async def test_nothing_that_people_write_runs_or_breaks_the_layout_of_any_page(
    tab: Tab, house: House, hostile: People
) -> None:
    await tab.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    wide = []
    for path in await every_page(house.harness):
        await tab.open(path)
        await tab.check(path)
        wide += [(path, one) for one in await tab.fits()]
    assert wide == []


async def test_axe_finds_no_barrier_on_any_page_in_light_or_dark(
    tab: Tab, house: House, hostile: People
) -> None:
    barriers = []
    for path in await every_page(house.harness, each=1):
        await tab.open(path)
        for scheme, rules in (("light", ()), ("dark", ("color-contrast",))):
            await tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            barriers += [(path, scheme, one) for one in await tab.barriers(*rules)]
    assert barriers == []
