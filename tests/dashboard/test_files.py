"""Files that people sent: shown by their bytes, and never run."""

from __future__ import annotations

import io
import zipfile

import psycopg
import pytest

from discreet.dashboard.files import ANY_FILE, media_type
from discreet.domain.inbound import Attachment
from tests.dashboard.conftest import Browser

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
OGG = b"OggS" + b"\0" * 20
HTML = b"<html><script>alert(1)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", ANY_FILE),
        (OGG, "audio/ogg"),
        (HTML, ANY_FILE),
        (SVG, ANY_FILE),
        (b"%PDF-1.7", ANY_FILE),
        (b" \x89PNG\r\n\x1a\n", ANY_FILE),
        (b"", ANY_FILE),
    ],
)
def test_a_file_is_what_its_bytes_say(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


async def test_only_pictures_and_sound_are_shown_and_nothing_of_a_file_runs(
    browser: Browser, admin: psycopg.Connection
) -> None:
    # Each claims to be a picture, and the picture claims to be a page.
    contents = {"a.png": HTML, "b.html": PNG, "c.ogg": OGG, "d.svg": SVG, "../../e": b"text"}
    files = tuple(Attachment("photo", name, name, "image/png", 10) for name in contents)
    said = await browser.harness.world.say("telegram:1001", "look", attachments=files)
    for name, content in contents.items():
        admin.execute(
            "UPDATE discreet.attachments SET state = 'kept', content = %s WHERE name = %s",
            (content, name),
        )
    page = await browser.page(f"/contacts/{said.contact_id}")
    ids = dict(admin.execute("SELECT name, id::text FROM discreet.attachments").fetchall())
    assert f'<img src="/files/{ids["b.html"]}"' in page
    assert f'src="/files/{ids["c.ogg"]}"' in page
    assert page.count("<img") == 1
    for name, kind in (("a.png", ANY_FILE), ("b.html", "image/png"), ("d.svg", ANY_FILE),
                       ("../../e", ANY_FILE)):  # fmt: skip
        got = await browser.http.get(f"/files/{ids[name]}")
        assert got.headers["content-type"] == kind
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("sandbox;")
        where = got.headers["content-disposition"]
        assert where.startswith("attachment" if kind == ANY_FILE else "inline")
        assert "/" not in where.partition("''")[2]
    admin.execute("UPDATE discreet.attachments SET content = NULL, state = 'refused'")
    await browser.page(f"/files/{ids['b.html']}", 404)


async def test_an_export_is_an_archive_of_one_contact(browser: Browser) -> None:
    said = await browser.harness.world.say("telegram:1001", "mine")
    await browser.harness.world.say("telegram:1002", "of another")
    got = await browser.http.get(f"/contacts/{said.contact_id}/export")
    assert got.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"mine" in everything
    assert b"of another" not in everything
