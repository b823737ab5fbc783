"""What somebody sends who wants in, or wants a page to break: no server needed."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import httpx
import psycopg

from discreet.auth.sign_ins import sign_out_everywhere
from discreet.dashboard.application import VIEWS
from discreet.dashboard.security import COOKIE, Site, csrf_token
from discreet.domain.inbound import Attachment
from discreet.schemas.memories import Remember
from discreet.services import memories
from tests.dashboard.conftest import Browser
from tests.dashboard.pages import NO_PAGES

NOBODY = "00000000-0000-4000-8000-000000000000"
FIELDS = (
    "after", "agent", "as", "by", "channel", "contact", "in", "label", "other", "q", "sender",
    "show", "skip", "title",
)  # fmt: skip
"""Whatever a page reads from its address."""
BAD = "%00%ED%A0%80%FF%0d%0aX:%20y"
HOSTS = {
    "127.0.0.1:8780": True,
    "LOCALHOST": True,
    "[::1]:8780": True,
    "localhost.": False,
    "evil@localhost": False,
    "localhost@evil.example": False,
    "localhost/evil.example": False,
    "localhost#evil.example": False,
    "localhost?evil.example": False,
    "localhost\\evil.example": False,
    "localhost:": False,
    "localhost:abc": False,
    " localhost": False,
    "localhost, evil.example": False,
    "localhost%00.evil.example": False,
    "[::1": False,
    "::1": False,
    "[127.0.0.1]": False,
    "[::ffff:127.0.0.1]": False,
    "127.1": False,
    "2130706433": False,
    "0.0.0.0": False,
    "127.0.0.1.evil.example": False,
    "": False,
}
ORIGINS = {
    "http://localhost": True,
    "HTTPS://LOCALHOST": True,
    "https://bot.example": True,
    "http://bot.example": False,
    "https://bot.example:8443": False,
    "https://bot.example.evil.example": False,
    "null": False,
    "http://localhost:3000": False,
    "http://127.0.0.1": False,
    "http://evil@localhost": False,
    "http://localhost@evil.example": False,
    "http://localhost/path": False,
    "//localhost": False,
    "chrome-extension://localhost": False,
    "file://": False,
    "http://evil.example http://localhost": False,
}


def test_a_host_is_a_name_and_a_port_and_nothing_else() -> None:
    assert {host: Site().knows(host) for host in HOSTS} == HOSTS


def test_an_origin_is_ours_as_a_whole_or_not_at_all() -> None:
    site = Site("https://bot.example")
    assert {one: site.sends_from(one, "localhost") for one in ORIGINS} == ORIGINS


async def test_a_form_needs_an_origin_of_ours_where_the_browser_tells(inside: Browser) -> None:
    form = {"csrf": csrf_token(inside.http.cookies[COOKIE])}
    for headers, status in (
        ({}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
    ):
        got = await inside.http.post("/inbox/read", data=form, headers=headers)
        assert got.status_code == status, headers


async def test_other_methods_and_paths_reach_nothing(inside: Browser) -> None:
    said = await inside.harness.world.say("telegram:1001", "hello")
    contact = f"/contacts/{said.contact_id}"
    for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        got = await inside.http.request(method, contact, headers={"Content-Length": "0"})
        assert (got.status_code, "allow" in got.headers) == (405, True), method
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        got = await inside.http.get(f"{contact}/takeover", headers={header: "POST"})
        assert got.status_code == 405
        assert (await inside.http.get("/inbox?_method=POST", headers={header: "POST"})).is_success
    assert "Answer in person" in await inside.page(contact)
    for path in ("//inbox", "/inbox;x", "/%2e%2e/inbox", "/x/%2e%2e/inbox", "/INBOX", "/inbox%00",
                 "//evil.example/inbox/", "/%5cevil.example/", "/static/%2e%2e/security.py",
                 "/static/..%2fsecurity.py", "/static/%2e%2e%2f%2e%2e%2fapp.py",
                 "/contacts/..%2finbox", f"{contact}%00", f"/files/..%2f{NOBODY}"):  # fmt: skip
        got = await inside.http.get(httpx.URL(f"http://localhost{path}"))
        assert got.status_code == 404, path
        assert "location" not in got.headers, path
    for path in ("/?next=//evil.example", "/sign-in?next=//evil.example", "/inbox/?next=//x.y"):
        target = (await inside.http.get(path)).headers.get("location", "http://localhost/")
        assert target.startswith("http://localhost/"), path


async def test_asking_for_the_head_of_a_live_page_ends(inside: Browser) -> None:
    said = await inside.harness.world.say("telegram:1001", "hello")
    got = await inside.http.head(f"/contacts/{said.contact_id}/live")
    assert (got.status_code, got.content) == (200, b"")


async def test_no_address_breaks_a_page(inside: Browser) -> None:
    world = inside.harness.world
    said = await world.say("telegram:1001", "hello")
    ids = {"contacts": said.contact_id, "agents": world.agent_id}
    for method, path, _ in VIEWS:
        if method != "GET" or path.endswith(NO_PAGES):
            continue
        at = path.replace("{id}", str(ids.get(path.split("/")[1], NOBODY)))
        got = await inside.http.get(f"{at}?{'&'.join(f'{name}={BAD}' for name in FIELDS)}")
        assert (got.status_code < 500, "x" in got.headers) == (True, False), path


async def test_no_form_breaks_on_what_it_is_sent(inside: Browser) -> None:
    csrf = csrf_token(inside.http.cookies[COOKIE])
    for body, kind in (
        (b"csrf=\xff&csrf=%ED%A0%80", "application/x-www-form-urlencoded"),
        (b"csrf=" + csrf.encode(), "text/plain"),
        (b'{"csrf": "%s"}' % csrf.encode(), "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
        (b"csrf=a&" * 1_000, "application/x-www-form-urlencoded"),
    ):
        got = await inside.http.post("/inbox/read", content=body, headers={"Content-Type": kind})
        assert got.status_code in (400, 403), body[:40]

    async def endless() -> object:
        yield b"csrf=" + csrf.encode()

    got = await inside.http.post("/inbox/read", content=endless())  # type: ignore[arg-type]
    assert got.status_code == 413, "its length isn't known"


async def test_a_stolen_cookie_and_its_forms_end_with_the_sign_in(inside: Browser) -> None:
    app, secret = inside.harness.app, inside.http.cookies[COOKIE]
    stolen = {"Cookie": f"{COOKIE}={secret}"}
    form = {"csrf": csrf_token(secret)}
    await sign_out_everywhere(app.db, app.owner_id)
    for method, path, _ in VIEWS:
        at = path.replace("{id}", NOBODY)
        got = await inside.http.request(method, at, headers=stolen, data=form)
        assert got.status_code == 401, path


async def test_of_two_edits_of_a_memory_at_once_one_is_kept(inside: Browser) -> None:
    world = inside.harness.world
    said = await world.say("telegram:1001", "hello")
    context = world.context(world.contact(said.contact_id))
    kept = await memories.remember(context, Remember(content="Anna likes tea."))
    form = {"csrf": csrf_token(inside.http.cookies[COOKIE]), "what": "save", "version": "1"}
    sent = (
        inside.http.post(f"/memories/{kept.id}", data={**form, "content": f"Anna likes {one}."})
        for one in ("milk", "figs")
    )
    got = await asyncio.gather(*sent)
    assert sorted(one.status_code for one in got) == [303, 409]
    [won] = [one for one, answer in zip(("milk", "figs"), got, strict=True)
             if answer.status_code == 303]  # fmt: skip
    assert f"Anna likes {won}." in await inside.page(f"/memories/{kept.id}")


async def test_a_file_is_offered_under_a_name_that_says_what_it_is(
    inside: Browser, admin: psycopg.Connection
) -> None:
    names = ("photo\u202egpj.exe", "a\r\nSet-Cookie: x=y", "..\\c:evil.exe", 'a"; filename="b', "")
    files = tuple(Attachment("document", str(n), name) for n, name in enumerate(names))
    said = await inside.harness.world.say("telegram:1001", "look", attachments=files)
    content = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"
    admin.execute("UPDATE discreet.attachments SET state = 'kept', content = %s", (content,))
    kept = admin.execute("SELECT id FROM discreet.attachments").fetchall()
    assert len(kept) == len(names)
    for (file_id,) in kept:
        got = await inside.http.get(f"/files/{file_id}", headers={"Range": "bytes=8-"})
        assert (got.status_code, got.content) == (200, content), "a part may look like another kind"
        assert got.headers["content-type"] == "image/png"
        assert "set-cookie" not in got.headers
        offered = got.headers["content-disposition"].removeprefix("inline; filename*=UTF-8''")
        assert not set(offered) & set("\"'/\\;= \u202e"), offered
        assert quote("\u202e") not in offered
    assert "\u202e" not in await inside.page(f"/contacts/{said.contact_id}")
