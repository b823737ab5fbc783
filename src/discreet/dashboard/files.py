"""Files: what came with messages, and exports. None of them runs in the dashboard's name."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of
from discreet.dashboard.rendering import one_line
from discreet.services import exporting
from discreet.services.attachments import get_file

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
ANY_FILE = "application/octet-stream"


def media_type(head: bytes) -> str:
    """Return the type of a file by its first bytes; a file that isn't shown has a general type.

    What a sender or a platform says about it doesn't count.
    """
    for kind, at, mark in (
        ("image/jpeg", 0, b"\xff\xd8\xff"),
        ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
        ("image/gif", 0, b"GIF87a"),
        ("image/gif", 0, b"GIF89a"),
        ("audio/ogg", 0, b"OggS"),
        ("audio/mpeg", 0, b"ID3"),
        ("audio/mpeg", 0, b"\xff\xfb"),
        ("audio/flac", 0, b"fLaC"),
        ("audio/mp4", 4, b"ftypM4A"),
    ):
        if head[at : at + len(mark)] == mark:
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], ANY_FILE)
    return ANY_FILE


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Send a file: pictures and sound to be shown in a page, everything else as a download."""
    name, content, contact_id = await get_file(dashboard.db, dashboard.owner_id, id_of(request))
    await dashboard.note("read", contact_id)
    kind = media_type(content[:16])
    where = "attachment" if kind == ANY_FILE else "inline"
    named = quote(one_line(re.sub(r"[/\\\\]", "_", name))[:150] or "file", safe="")
    headers = {
        "Content-Disposition": f"{where}; filename*=UTF-8''{named}",
        "Content-Security-Policy": SANDBOX,
    }
    return Response(content, media_type=kind, headers=headers)


async def export(dashboard: Dashboard, request: Request) -> Response:
    """Send everything about a contact as one archive."""
    contact_id = id_of(request)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"contact-{contact_id}.zip"
        await exporting.export_contact(dashboard.db, dashboard.owner_id, str(contact_id), file)
        await dashboard.note("exported", contact_id)
        content = await anyio.Path(file).read_bytes()
    headers = {
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Content-Security-Policy": SANDBOX,
    }
    return Response(content, media_type="application/zip", headers=headers)


VIEWS: Views = (
    ("GET", "/files/{id}", show),
    ("GET", "/contacts/{id}/export", export),
)
