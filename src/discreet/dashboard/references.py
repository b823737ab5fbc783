"""Reference texts: what an agent's contacts can look up."""

from __future__ import annotations

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId
from discreet.schemas.memories import Recall
from discreet.schemas.references import TextToPublish
from discreet.services import agents, references
from discreet.services.recall import Subset, recall
from discreet.services.reference_files import text_of_file

FOUND = 5


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List the texts of an agent, show one to edit, and what a question finds."""
    agent_id, query = AgentId(id_of(request)), request.query_params
    agent = await agents.get_agent_by_id(dashboard.db, dashboard.owner_id, agent_id)
    title, question = query.get("title", ""), query.get("q", "").strip()[:2_000]
    text = hits = None
    if title:
        text = await references.get_reference(dashboard.db, dashboard.owner_id, agent_id, title)
    if question:
        asked = Recall.model_validate({"query": question, "kinds": ["passage"], "limit": FOUND})
        hits = (await recall(dashboard.app.context, asked, Subset(agent_id=agent_id))).items
    return dashboard.renderer.page(
        request,
        "references.html",
        agent=agent,
        texts=await references.list_references(dashboard.db, dashboard.owner_id, agent_id),
        title=title,
        text=text,
        question=question,
        hits=hits,
    )


async def publish(dashboard: Dashboard, request: Request) -> Response:
    """Publish a text, typed or as a file, in place of the one of its title; or take one back."""
    form, agent_id = request.state.form, AgentId(id_of(request))
    title, text = text_of(form, "title").strip(), text_of(form, "text")
    upload = form.get("file")
    if isinstance(upload, UploadFile) and upload.filename:
        title = title or upload.filename[:200]
        data = await upload.read()
        try:
            text = await asyncio.to_thread(text_of_file, upload.filename, data)
        except BadInput as error:
            raise BadInput(f"{upload.filename!r} {error.message}.") from None
    if not title:
        raise BadInput("The title is missing.")
    change = references.ReferenceChange(remove=[title])
    if text_of(form, "what") != "remove":
        given = TextToPublish(title=title, text=text)
        change = references.ReferenceChange(references.read_texts([given]))
    done = await references.change_references(
        dashboard.db, dashboard.owner_id, agent_id, change, dashboard.app.embedder()
    )
    return go_to(
        f"/agents/{agent_id}/references", f"{done.texts} texts, {done.passages} passages published."
    )


VIEWS: Views = (
    ("GET", "/agents/{id}/references", show),
    ("POST", "/agents/{id}/references", publish),
)
