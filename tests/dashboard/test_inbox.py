"""The inbox: what is unread, what a line replies to, and what was said by anybody."""

from __future__ import annotations

import re
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest

from discreet.services import inbox, message_search, takeover
from tests.api.conftest import Harness
from tests.dashboard.conftest import Browser
from tests.support.turns import one_turn
from tests.support.world import World


async def _unread(world: World) -> list[str]:
    found = await inbox.list_inbox(world.db, world.owner_id, show="unread", limit=50)
    assert all(item.unread for item in found.items)
    return [item.activity.contact.name for item in found.items]


async def test_what_was_said_since_the_owner_looked_is_unread(browser: Browser) -> None:
    world = browser.harness.world
    ann = (await world.say("telegram:1001", "hello", name="Ann")).contact_id
    await world.say("telegram:1002", "hello", name="Ben")
    assert await _unread(world) == ["Ben", "Ann"]
    await browser.page(f"/contacts/{ann}")
    assert await _unread(world) == ["Ben"]
    await world.say("telegram:1001", "still there?", name="Ann")
    assert await _unread(world) == ["Ann", "Ben"]
    await browser.page(f"/contacts/{ann}/lines")
    await takeover.take_over(world.db, world.owner_id, str(ann))
    await takeover.speak(world.db, world.owner_id, ann, "Yes, I am.")  # type: ignore[arg-type]
    assert await _unread(world) == ["Ben"], "an owner's own words are read"
    assert "Mark everything as read" in await browser.page("/inbox")
    await browser.send("/inbox/read")
    assert await _unread(world) == []
    await world.say("telegram:1002", "hello again", name="Ben")
    page = await browser.page("/inbox?show=unread")
    assert ("Ben" in page, ">Ann<" in page) == (True, False)


async def test_pages_of_the_inbox_hold_everybody_once_in_order_of_activity(
    idle: Harness, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = idle.world
    for n in (7, 8):  # entered by the owner: they have said nothing
        admin.execute(
            "WITH made AS (INSERT INTO discreet.contacts (owner_id, type, name, created_at)"
            "  VALUES (%(owner)s, 'personal', %(name)s, clock_timestamp()) RETURNING id)"
            " INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)"
            " SELECT %(owner)s, 'telegram', %(name)s, id FROM made",
            {"owner": world.owner_id, "name": f"person {n}"},
        )
    for n in range(5):
        await world.say(f"telegram:100{n}", "hello", name=f"person {n}")
    for n in (1, 3):  # a second session of theirs
        await world.say(f"telegram:100{n}", "hello", thread_key="trip", name=f"person {n}")
    ways: tuple[dict[str, Any], ...] = (
        {}, {"text": "person"}, {"platform": "telegram"}, {"agent": "Ada"}, {"show": "unread"}
    )  # fmt: skip
    for few, latest, filters in product((inbox.FEW, 1), (inbox.LATEST, 1), ways):
        monkeypatch.setattr(inbox, "FEW", few)
        monkeypatch.setattr(inbox, "LATEST", latest)
        seen: list[str] = []
        cursor = None
        while True:
            page = await inbox.list_inbox(
                world.db, world.owner_id, limit=2, cursor=cursor, **filters
            )
            seen += [item.activity.contact.name for item in page.items]
            cursor = page.next
            if cursor is None:
                break
        silent = () if {"agent", "show"} & set(filters) else (8, 7)
        assert seen == [f"person {n}" for n in (3, 1, 4, 2, 0, *silent)], filters


async def test_replies_quotes_and_edits_are_shown_as_such(browser: Browser) -> None:
    world = browser.harness.world
    first = await world.say("telegram:1001", "Is the room free?", name="Ann", message_id="1")
    await one_turn(world, first.session_id)
    await world.say("telegram:1001", "At two <b>sharp</b>?", name="Ann", message_id="2",
                    reply_to="1")  # fmt: skip
    await world.say("telegram:1001", "Is the house free?", name="Ann", message_id="1/1",
                    edit_of="1", addressed=False)  # fmt: skip
    page = await browser.page(f"/contacts/{first.contact_id}/lines")
    bubbles = re.findall(r'<div class="bubble">(.*?)</div>\n<p class="meta">(.*?)</p>', page, re.S)
    reply, edit = bubbles[-2:]
    assert "In reply to:" in reply[0]
    assert "Is the room free?" in reply[0]
    assert "&lt;b&gt;sharp&lt;/b&gt;" in reply[0]
    assert "It said before:" in edit[0]
    assert re.search(r'dir="auto">Is the house free\?</p>', edit[0])
    assert "<span>edited</span>" in edit[1]
    assert "[edited]" not in page


async def test_an_edit_before_the_answer_is_marked(browser: Browser) -> None:
    world = browser.harness.world
    first = await world.say("telegram:1001", "Is the room free?", name="Ann", message_id="1")
    await world.say("telegram:1001", "Is the house free?", name="Ann", message_id="1/1",
                    edit_of="1", addressed=False)  # fmt: skip
    page = await browser.page(f"/contacts/{first.contact_id}/lines")
    assert (page.count("Is the house free?"), page.count("edited")) == (1, 1)


async def test_what_anybody_said_is_found_page_by_page(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = browser.harness.world
    for n in range(6):
        await world.say(f"telegram:100{n}", f"line {n}: 50% off_er" if n % 2 else "hello")
    monkeypatch.setattr(message_search, "LOOKED", 2)
    texts, cursor, looks = [], None, 0
    while looks < 10:
        page = await message_search.find_said(world.db, world.owner_id, "50% OFF_", cursor)
        texts += [item.text[:6] for item in page.items]
        cursor, looks = page.next, looks + 1
        if cursor is None:
            break
    assert texts == ["line 5", "line 3", "line 1"]
    assert looks == 4, "three looks find them, and the fourth finds that there is no more"
    monkeypatch.setattr(message_search, "LOOKED", 100)
    monkeypatch.setattr(message_search, "MAX_FOUND", 2)
    first = await message_search.find_said(world.db, world.owner_id, "line")
    rest = await message_search.find_said(world.db, world.owner_id, "line", first.next)
    assert ([len(first.items), len(rest.items)], rest.next) == ([2, 1], None)
    page_shown = await browser.page("/messages?q=%3Cscript%3E&after=")
    assert "Nothing was found." in page_shown
    assert UUID(str(first.items[0].contact_id))
