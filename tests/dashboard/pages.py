"""Every page of an installation, from the routes of the application."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from discreet.dashboard.application import VIEWS
from discreet.scope import OwnerScope
from tests.api.conftest import Harness

NO_PAGES = ("/live", "/lines", "/column", "/export", "/files/{id}")
"""Ends of paths that give a part of a page or a file."""
MORE = {
    "/inbox": ("?q=a", "?show=unread"),
    "/messages": ("?q=alert",),
    "/memories": ("?q=walnuts",),
    "/": ("?home",),
    "/usage": ("?by=contact",),
    "/contacts/{id}": ("?q=alert",),
    "/agents/{id}/references": ("?q=alert&title=prices",),
    "/simulator": ("?as=web:a&as=web:b&as=telegram:5550101",),
}
"""Further addresses of a page."""
_IDS = {
    "contacts": "SELECT c.id FROM discreet.contacts c LEFT JOIN discreet.messages m"
    " ON m.contact_id = c.id GROUP BY c.id ORDER BY count(m.id) DESC LIMIT 2",
    "memories": "SELECT id FROM discreet.memories ORDER BY length(content) DESC LIMIT 2",
    "turns": "SELECT id FROM discreet.turns ORDER BY length(prompt::text) DESC LIMIT 2",
    "agents": "SELECT id FROM discreet.agents ORDER BY created_at DESC",
    "tools": "SELECT id FROM discreet.tool_servers",
}


async def every_page(harness: Harness, each: int = 4) -> list[str]:
    """Return the address of every page, for ``each`` rows that it can show: the smallest ones."""
    ids = {}
    async with harness.app.db.begin(OwnerScope(harness.app.owner_id)) as tx:
        for noun, query in _IDS.items():
            ids[noun] = [row["id"] for row in await tx.fetch(query)][-each:]
    paths = [path for method, path, _ in VIEWS if method == "GET" and not path.endswith(NO_PAGES)]
    return [address for path in paths for address in _addresses(path, ids)]


def _addresses(path: str, ids: Mapping[str, Sequence[object]]) -> Iterator[str]:
    noun = re.match(r"/([a-z-]+)/\{id\}", path)
    # A page of a new kind of row needs a line in _IDS and such a row in the test.
    rows = ids[noun[1]] if noun else ("",)
    assert rows, f"no row to open {path} with"
    for more in ("", *MORE.get(path, ())):
        yield from (path.replace("{id}", str(one)) + more for one in rows)
