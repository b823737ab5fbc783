"""Who may open the dashboard, and from where."""

from __future__ import annotations

import asyncio
import re

import httpx
import psycopg
import pytest

from discreet.auth.sign_ins import create_sign_in_code, list_sign_ins
from discreet.dashboard.application import VIEWS
from discreet.dashboard.security import COOKIE, Site
from tests.api.conftest import Harness
from tests.dashboard.conftest import Browser, a_browser

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def stranger(idle_and_served: Harness) -> Browser:
    return await a_browser(idle_and_served)


async def test_no_page_opens_and_no_form_is_taken_without_a_session(stranger: Browser) -> None:
    for method, path, _ in VIEWS:
        got = await stranger.http.request(method, path.replace("{id}", NOBODY), data={"x": "y"})
        assert (got.status_code, "sb dashboard" in got.text) == (401, True), path
        assert COOKIE not in got.headers.get("set-cookie", "")


async def test_tokens_of_programs_open_nothing_as_a_cookie_or_as_a_bearer(
    stranger: Browser,
) -> None:
    harness = stranger.harness
    await harness.world.say("telegram:1001", "hi")
    for whose in ({}, {"agent": "Ada"}, {"contact": "telegram:1001"}):
        token = await harness.token(**whose)
        for sent in ({"Cookie": f"{COOKIE}={token}"}, {"Authorization": f"Bearer {token}"}):
            assert (await stranger.http.get("/inbox", headers=sent)).status_code == 401


async def test_a_session_or_a_code_does_not_work_as_a_token(browser: Browser) -> None:
    harness = browser.harness
    code = await create_sign_in_code(harness.app.db, harness.app.owner_id)
    for secret in (browser.http.cookies[COOKIE], code):
        client = await harness.client(secret)
        assert (await client.get("/api/admin/status")).status_code == 401
        got = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert got.status_code == 401


async def test_a_code_signs_in_once_also_where_two_show_it_at_once(
    stranger: Browser,
) -> None:
    harness = stranger.harness
    code = await create_sign_in_code(harness.app.db, harness.app.owner_id)
    async with (
        httpx.AsyncClient(base_url=harness.url) as one,
        httpx.AsyncClient(base_url=harness.url) as two,
    ):
        got = await asyncio.gather(*(c.get(f"/sign-in?code={code}") for c in (one, two)))
    assert sorted(answer.status_code for answer in got) == [303, 401]
    assert len(await list_sign_ins(harness.app.db, harness.app.owner_id)) == 1


async def test_a_code_ends_after_ten_minutes_and_a_session_after_a_week(
    browser: Browser, admin: psycopg.Connection
) -> None:
    harness = browser.harness
    code = await create_sign_in_code(harness.app.db, harness.app.owner_id)
    past = "UPDATE discreet.tokens SET expires_at = created_at + %s"
    row = admin.execute(
        "SELECT max(expires_at - created_at) FILTER (WHERE purpose = 'sign_in') <= '10 min 1 s',"
        " max(expires_at - created_at) FILTER (WHERE purpose = 'dashboard') <= '7 days 1 s'"
        " FROM discreet.tokens"
    ).fetchone()
    assert row == (True, True)
    admin.execute(past, ("1 microsecond",))
    assert (await browser.http.get(f"/sign-in?code={code}")).status_code == 401
    await browser.page("/inbox", 401)


async def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(
    stranger: Browser,
) -> None:
    harness = stranger.harness
    code = await create_sign_in_code(harness.app.db, harness.app.owner_id)
    # A planted session is not adopted.
    stranger.http.cookies.set(COOKIE, "planted")
    got = await stranger.http.get(f"/sign-in?code={code}")
    cookie = got.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    assert "planted" not in cookie
    assert code not in cookie
    assert code not in got.headers["location"]


async def test_no_secret_is_kept(browser: Browser, admin: psycopg.Connection) -> None:
    secret = browser.http.cookies[COOKIE]
    kept = admin.execute("SELECT t::text FROM discreet.tokens t").fetchall()
    assert kept
    assert not any(secret in row[0] for row in kept)


async def test_every_form_needs_the_token_of_its_own_session(browser: Browser) -> None:
    other = await a_browser(browser.harness)
    await other.sign_in()
    [foreign, *_] = re.findall(r'name="csrf" value="(\w+)"', await other.page("/sign-ins"))
    for csrf in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": foreign}):
        for method, path, _ in VIEWS:
            if method == "POST":
                sent = {**csrf, "text": "x", "sender": "web:x", "sure": "yes"}
                got = await browser.http.post(path.replace("{id}", NOBODY), data=sent)
                assert got.status_code == 403, path
    assert len(await list_sign_ins(browser.harness.app.db, browser.harness.app.owner_id)) == 2


async def test_a_form_of_another_site_or_a_page_under_another_name_is_refused(
    browser: Browser,
) -> None:
    origin = {"Origin": "https://evil.example"}
    [csrf, *_] = re.findall(r'name="csrf" value="(\w+)"', await browser.page("/sign-ins"))
    got = await browser.http.post("/sign-ins/end-all", data={"csrf": csrf}, headers=origin)
    assert (got.status_code, "another site" in got.text) == (403, True)
    await browser.page("/sign-ins")
    for host in ("evil.example", "127.0.0.1.evil.example", "[", ""):
        got = await browser.http.get("/inbox", headers={"Host": host})
        assert got.status_code == 421, host


@pytest.mark.parametrize(
    ("public", "host", "known"),
    [
        ("", "localhost:8780", True),
        ("", "[::1]:8780", True),
        ("", "bot.example", False),
        ("https://bot.example", "bot.example", True),
        ("https://bot.example", "BOT.example", True),
        ("https://bot.example", "bot.example:8443", False),
        ("https://bot.example:8443", "bot.example:8443", True),
    ],
)
def test_a_site_is_known_by_its_names(public: str, host: str, known: bool) -> None:
    assert Site(public).knows(host) is known


async def test_a_form_that_is_too_large_is_not_read(browser: Browser) -> None:
    got = await browser.http.post("/simulator", data={"text": "x" * 1_400_000})
    assert got.status_code == 413


async def test_signing_out_ends_a_session_at_once_and_everywhere_ends_all(
    browser: Browser,
) -> None:
    other = await a_browser(browser.harness)
    await other.sign_in()
    mine, theirs = await list_sign_ins(browser.harness.app.db, browser.harness.app.owner_id)
    first = min((mine, theirs), key=lambda signed: signed.created_at)
    await other.send(f"/sign-ins/{first.id}")
    await browser.page("/inbox", 401)
    await other.page("/inbox")
    await other.send("/sign-ins/end-all")
    await other.page("/inbox", 401)


async def test_every_response_forbids_scripts_of_others_and_frames(
    browser: Browser, stranger: Browser
) -> None:
    for client in (browser.http, stranger.http):
        for path in ("/", "/sign-in?code=x", "/nothing", "/static/style.css", "/contacts/x"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            is_kept = path.startswith("/static/")
            assert ("immutable" in headers["cache-control"]) == is_kept, path
            assert ("no-store" in headers["cache-control"]) != is_kept, path
