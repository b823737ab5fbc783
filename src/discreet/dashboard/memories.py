"""Memories: of one contact or of all; edit, history, restore, forget."""

from __future__ import annotations

import difflib
import re

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import PAGE_ITEMS, Dashboard, Views, id_of, skip_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput
from discreet.domain.ids import MemoryId
from discreet.domain.text import checked_text
from discreet.schemas import memories as schemas
from discreet.services import memories
from discreet.services.recall import recall

FOUND = 20
Words = list[tuple[str, str]]
"""Words with how they differ: "same", "new" or "old"."""


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List memories, newest first, or search them and everything else that is kept."""
    wanted = request.query_params.get("q", "").strip()[:2000]
    if wanted:
        found = await recall(
            dashboard.app.context, schemas.Recall.model_validate({"query": wanted, "limit": FOUND})
        )
        await dashboard.note("searched", *(hit.contact_id for hit in found.items))
        return dashboard.renderer.page(request, "found.html", hits=found.items, wanted=wanted)
    skip = skip_of(request)
    listed = await memories.list_memories(
        dashboard.app.context, schemas.ListMemories.model_validate({"limit": PAGE_ITEMS}), skip=skip
    )
    await dashboard.note("read", *(one.contact_id for one in listed.items))
    more = f"/memories?skip={skip + PAGE_ITEMS}" if listed.next else ""
    return dashboard.renderer.page(
        request, "memories.html", memories=listed.items, wanted="", more=more
    )


async def show_one(dashboard: Dashboard, request: Request) -> Response:
    """Show a memory with what it was before."""
    memory_id = MemoryId(id_of(request))
    memory = await memories.get_memory(dashboard.app.context, memory_id)
    await dashboard.note("read", memory.contact_id)
    older = (await memories.get_history(dashboard.app.context, memory_id)).items
    versions = []
    newer = memory.content
    for version in older:
        versions.append((version, difference(version.content, newer)))
        newer = version.content
    return dashboard.renderer.page(request, "memory.html", memory=memory, versions=versions)


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Change, forget or restore a memory; not over a change that somebody made meanwhile."""
    form, memory_id = request.state.form, MemoryId(id_of(request))
    match text_of(form, "what"):
        case "forget":
            gone = await memories.forget(dashboard.app.context, memory_id)
            await dashboard.note("changed", gone.contact_id)
            return go_to(f"/memories/{memory_id}/forgotten", "Forgotten.")
        case "restore":
            version = schemas.Restore(version=_number(text_of(form, "version")))
            back = await memories.restore(dashboard.app.context, memory_id, version)
            await dashboard.note("changed", back.contact_id)
            return go_to(f"/memories/{memory_id}", "Restored.")
        case _:
            changed = await memories.update(
                dashboard.app.context,
                memory_id,
                schemas.MemoryPatch(content=checked_text(text_of(form, "content"))),
                expected=_number(text_of(form, "version")),
            )
            await dashboard.note("changed", changed.contact_id)
            return go_to(f"/memories/{memory_id}", "Saved.")


async def show_forgotten(dashboard: Dashboard, request: Request) -> Response:
    """Show what a forgotten memory was, with the way to bring it back."""
    memory_id = MemoryId(id_of(request))
    older = (await memories.get_history(dashboard.app.context, memory_id)).items
    return dashboard.renderer.page(request, "forgotten.html", memory_id=memory_id, versions=older)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise BadInput("The version is missing.", hint="Reload the page and try again.")
    return int(text)


def difference(before: str, after: str) -> Words:
    """Return the words of both texts with how they differ."""
    found: Words = []
    old, new = re.findall(r"\s*\S+", before), re.findall(r"\s*\S+", after)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(("same", "".join(old[a:b])))
            continue
        if a < b:
            found.append(("old", "".join(old[a:b])))
        if c < d:
            found.append(("new", "".join(new[c:d])))
    return found


VIEWS: Views = (
    ("GET", "/memories", show),
    ("GET", "/memories/{id}", show_one),
    ("POST", "/memories/{id}", change),
    ("GET", "/memories/{id}/forgotten", show_forgotten),
)
