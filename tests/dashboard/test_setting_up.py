"""What an owner sets up on the pages is what the services then say."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from discreet.audit.schedule import AuditSchedule, load_audit_schedule, save_audit_schedule
from discreet.auth.channel_secrets import save_secret
from discreet.domain.platform import ChannelSecret
from discreet.postgres.backup_encryption import PLAIN
from discreet.postgres.backup_schedule import Schedule, load_schedule, save_schedule
from discreet.scope import OwnerScope
from discreet.services import admission, agents, limits, references
from tests.dashboard.conftest import Browser
from tests.support.platform import with_telegram


async def test_a_token_is_shown_once_and_revoked(browser: Browser) -> None:
    created = await browser.send("/tokens", 200, kind="owner", name="a script", lasts="30d")
    [token] = re.findall(r"<pre><code>([^<]+)</code></pre>", created.text)
    client = await browser.harness.client(token)
    assert (await client.get("/api/admin/status")).status_code == 200
    page = await browser.page("/tokens")
    assert token not in page
    [token_id] = re.findall(r'action="/tokens/([0-9a-f-]{36})"', page)
    await browser.send(f"/tokens/{token_id}")
    assert (await client.get("/api/admin/status")).status_code == 401
    await browser.send("/tokens", 422, kind="contact", name="nobody's")
    await browser.send("/tokens", 422, kind="everything")


async def test_limits_of_everybody_and_of_one(browser: Browser) -> None:
    world = browser.harness.world
    said = await world.say("telegram:1001", "hello")
    whose = str(said.contact_id)
    await browser.send("/limits", tokens_a_day="1000")
    await browser.send("/limits", contact=whose, tokens_a_day="5", money_a_day="0.5")
    assert (await limits.get_limits(world.db, world.owner_id, None)).tokens_a_day == 1000
    assert (await limits.get_limits(world.db, world.owner_id, whose)).tokens_a_day == 5
    assert 'value="5"' in await browser.page(f"/limits?contact={whose}")
    await browser.send("/limits", 422, tokens_a_day="many")
    await browser.send("/limits", contact=whose, what="reset")
    assert (await limits.get_limits(world.db, world.owner_id, whose)).tokens_a_day == 1000


async def test_a_contact_is_labelled_and_found_by_its_label(browser: Browser) -> None:
    world = browser.harness.world
    ann = (await world.say("telegram:1001", "hello", name="Ann")).contact_id
    await world.say("telegram:1002", "hello", name="Bob")
    await browser.send(f"/contacts/{ann}", what="labels", labels="Customer, vip")
    await browser.send(f"/contacts/{ann}", 422, what="labels", labels="a/b")
    assert "?label=customer" in await browser.page(f"/contacts/{ann}")
    found = await browser.page("/inbox?label=customer")
    assert "Ann" in found
    assert "Bob" not in found
    platform = await with_telegram(world)
    await browser.send(f"/channels/{platform.channel_id}", what="labels", labels="customer")
    assert 'value="customer"' in await browser.page("/channels")


async def test_a_contact_is_told_and_its_reminder_cancelled(browser: Browser) -> None:
    world = browser.harness.world
    said = await world.say("telegram:1001", "hello", name="Ann")
    await browser.send(f"/contacts/{said.contact_id}", what="tell", text="Your order is ready.")
    assert "Your order is ready." in await browser.page(f"/contacts/{said.contact_id}")
    assert "No reminders." in await browser.page("/reminders")
    async with world.db.begin(world.contact(said.contact_id)) as tx:
        turn = await tx.value(
            "INSERT INTO discreet.turns (session_id, route_id, attempt)"
            " SELECT session_id, route_id, 1 FROM discreet.messages WHERE id = %s RETURNING id",
            (said.message_id,),
        )
        made = await tx.value(
            "SELECT gate.add_reminder(%s, %s, 'call the dentist', 'FREQ=DAILY', now()::timestamp,"
            " 'UTC', now() + interval '1 day')",
            (said.session_id, turn),
        )
    page = await browser.page("/reminders")
    assert "call the dentist" in page
    assert "every day" in page
    await browser.send("/reminders", reminder=str(made))
    assert "call the dentist" not in await browser.page("/reminders")
    await browser.send("/reminders", 404, reminder=str(made))


async def test_a_budget_is_set_and_removed(browser: Browser) -> None:
    await browser.send("/budgets", tokens_a_day="9000")
    await browser.send("/budgets", budget_agent="Ada", money_a_day="2.5")
    page = await browser.page("/limits")
    assert "of 9,000 tokens" in page
    assert "of $2.5" in page
    await browser.send("/budgets", 422, money_a_day="much")
    await browser.send("/budgets", what="remove")
    assert "of 9,000 tokens" not in await browser.page("/limits")


async def test_admission_and_waiting_time_of_a_channel(browser: Browser) -> None:
    world = browser.harness.world
    platform = await with_telegram(world)
    page = f"/channels/{platform.channel_id}"
    await browser.send(page, what="admission", admission="allowlist")
    await browser.send("/channels/allow", agent="Ada", address="telegram:77")
    await browser.send(page, what="debounce", seconds="1.5")
    await browser.send(page, 422, what="debounce", seconds="soon")
    [policy] = await admission.list_policies(world.db, world.owner_id)
    assert (policy.admission, policy.admitted) == ("allowlist", 1)
    assert 'value="1.5"' in await browser.page("/channels")
    made = await browser.send("/channels/owner", platform="telegram")
    assert re.search(r"Send \w+ to your agent", await browser.page(made.headers["location"]))
    await browser.send("/channels", 422, platform="telegram", token="")


async def test_reference_texts_are_published_edited_and_asked(browser: Browser) -> None:
    world = browser.harness.world
    page = f"/agents/{world.agent_id}/references"
    await browser.send(page, title="prices", text="# Rooms\n\nA room costs 80 euros.")
    await browser.send(page, title="hours", text="Open from ten to six.")
    await browser.send(page, title="prices", text="# Rooms\n\nA room costs 90 euros.")
    found = await references.list_references(world.db, world.owner_id, world.agent_id)
    assert set(found) == {"prices", "hours"}
    asked = await browser.page(f"{page}?q=what+does+a+room+cost")
    assert "90 euros" in asked
    assert "80 euros" not in asked
    assert "90 euros" in await browser.page(f"{page}?title=prices")
    await browser.send(page, what="remove", title="prices")
    assert "90 euros" not in await browser.page(f"{page}?q=room")
    await browser.send(page, 422, title="empty", text=" ")


async def test_an_agent_is_created_and_set(browser: Browser) -> None:
    world = browser.harness.world
    made = await browser.send("/agents", name="Bea", role="clerk")
    page = made.headers["location"]
    await browser.send(page, what="save", instructions="Be brief.", fallback_models="a:b, c:d",
                       context_tokens="9000", memory_model="shared")  # fmt: skip
    bea = await agents.get_agent(world.db, world.owner_id, "Bea")
    assert (tuple(bea.fallback_models), bea.context_tokens) == (("a:b", "c:d"), 9000)
    assert bea.memory_model == "shared"
    await browser.send("/agents", 409, name="Bea")
    await browser.send(page, 422, what="save", context_tokens="large")


async def test_two_contacts_are_merged_after_a_preview_and_apart_again(browser: Browser) -> None:
    world = browser.harness.world
    first = await world.say("telegram:1001", "hello")
    second = await world.say("web:anna", "hello too")
    page = f"/contacts/{first.contact_id}/link"
    preview = await browser.page(f"{page}?other=web:anna")
    assert re.search(r"<dt>Messages</dt><dd>1</dd>", preview)
    await browser.send(page, other=str(second.contact_id))
    lines = f"/contacts/{first.contact_id}/lines"
    assert "hello too" in await browser.page(lines)
    [link] = re.findall(r'name="link" value="([0-9a-f-]{36})"', await browser.page("/links"))
    await browser.send("/links", link=link)
    assert "hello too" not in await browser.page(lines)


async def test_a_search_within_a_conversation_finds_nothing_of_another(browser: Browser) -> None:
    world = browser.harness.world
    said = await world.say("telegram:1001", "my parcel went to Rome")
    await world.say("telegram:1002", "my parcel went to Milan")
    page = await browser.page(f"/contacts/{said.contact_id}?q=parcel")
    found = page.partition('aria-label="Found"')[2].partition("</ol>")[0]
    assert "Rome" in found
    assert "Milan" not in found


async def test_a_memory_is_added_in_the_scope_of_its_contact(browser: Browser) -> None:
    world = browser.harness.world
    said = await world.say("telegram:1001", "hello")
    other = await world.say("telegram:1002", "hello")
    page = f"/contacts/{said.contact_id}"
    await browser.send(page, what="remember", agent="Ada", fact="Likes tea.")
    assert "Likes tea." in await browser.page(page)
    about = (await browser.page(f"/contacts/{other.contact_id}")).partition("<aside")[2]
    assert "Likes tea." not in about


async def test_how_long_things_are_kept_is_set_run_and_removed(browser: Browser) -> None:
    await browser.send("/retention", what="set", messages="90", memories="never")
    await browser.send("/retention", what="set", agent="Ada", files="30")
    page = await browser.page("/retention")
    assert "messages for 90 days" in page
    assert "memories for good" in page
    assert "files for 30 days" in page
    await browser.send("/retention", 422, what="set", messages="long")
    await browser.send("/retention", what="run")
    await browser.send("/retention", what="remove", agent="Ada")
    assert "files for 30 days" not in await browser.page("/retention")


async def test_a_contact_on_hold_is_not_erased(browser: Browser) -> None:
    world = browser.harness.world
    contact = (await world.say("telegram:1001", "hi")).contact_id
    await browser.send(f"/contacts/{contact}", what="keep")
    assert "Release from hold" in await browser.page(f"/contacts/{contact}")
    await browser.send(f"/contacts/{contact}/erase", 409, sure="yes")
    await browser.send(f"/contacts/{contact}", what="release")
    assert "Release from hold" not in await browser.page(f"/contacts/{contact}")


async def test_a_backup_needs_a_passphrase_where_no_schedule_has_a_key(browser: Browser) -> None:
    assert "sb backup --to FOLDER" in await browser.page("/backups")
    await browser.send("/backups", 422)
    await browser.send("/backups", 422, passphrase="short")


async def test_the_schedules_of_backups_and_audits_are_ended(inside: Browser) -> None:
    home = inside.harness.app.settings.home
    save_schedule(home, Schedule(home / "kept", timedelta(hours=24), 7, PLAIN))
    save_audit_schedule(home, AuditSchedule(7 * 86_400))
    for page, there, press, fields in (
        ("/backups", "Every 24.0 hours", "/backups", {"what": "stop"}),
        ("/settings", "audits every 168.0 hours", "/settings/audits", {}),
    ):
        assert there in await inside.page(page)
        for said in ("no more", "are scheduled."):
            await inside.send(press, **fields)
            assert said in await inside.page(page)
        assert there not in await inside.page(page)
    assert (load_schedule(home), load_audit_schedule(home)) == (None, None)


@pytest.mark.parametrize("readable", [True, False])
async def test_a_token_that_this_server_cannot_read_needs_attention(
    browser: Browser, readable: bool
) -> None:
    await with_telegram(browser.harness.world)
    access = browser.harness.app.channels
    key = access.key if readable else b"1" * 32
    async with access.db.begin(OwnerScope(access.owner_id)) as tx:
        await save_secret(tx, key, "telegram", "bot", ChannelSecret("1:a"))
    assert ("Everybody is answered" in await browser.page("/?home")) is readable
    client = await browser.harness.owner()
    told = (await client.get("/api/admin/status")).json()
    assert told["deaf_channels"] == (0 if readable else 1)
