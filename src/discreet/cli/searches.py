"""``sb memories recall`` and ``sb messages search``: search memories and messages, best match
first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.options import AsJson, OfContact
from discreet.cli.runtime import in_app

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.memory.recall import Filters
    from discreet.services.searches import LabelledHit

messages = typer.Typer(help="What was said.", no_args_is_help=True)


class ModeName(StrEnum):
    text = "text"
    semantic = "semantic"
    hybrid = "hybrid"


class KindName(StrEnum):
    memory = "memory"
    passage = "passage"
    message = "message"


class SalienceName(StrEnum):
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


Words = Annotated[str, typer.Argument(metavar="QUERY", help="A question or search words.")]
Mode = Annotated[ModeName, typer.Option(help="Match by words, by meaning, or by both.")]
Most = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=100, help="Show at most N results.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show how each score was computed.")]
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[
    datetime | None,
    typer.Option(metavar="TIME", formats=_DATES, help="Only from this date or time on."),
]
Until = Annotated[
    datetime | None,
    typer.Option(metavar="TIME", formats=_DATES, help="Only before this date or time."),
]
OfAgent = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Only this agent.")]


def recall(
    query: Words,
    contact: OfContact = None,
    agent: OfAgent = None,
    mode: Mode = ModeName.hybrid,
    kind: Annotated[
        list[KindName] | None,
        typer.Option(help="memory, passage (reference texts) or message; can be repeated."),
    ] = None,
    salience: Annotated[
        list[SalienceName] | None,
        typer.Option(help="Only memories of this salience; can be repeated."),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC", help="Only memories with any of these topics; can be repeated."
        ),
    ] = None,
    all_topics: Annotated[
        list[str] | None,
        typer.Option(
            "--topic-too",
            metavar="TOPIC",
            help="Only memories with all of these topics; can be repeated.",
        ),
    ] = None,
    topic_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Only the memory with this topic key.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Only memories from this source.")
    ] = None,
    since: Since = None,
    until: Until = None,
    expired: Annotated[bool, typer.Option("--expired", help="Include expired memories.")] = False,
    limit: Most = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Search all memories and reference texts. Each result names its contact."""
    from discreet.memory.recall import Filters

    filters = Filters(
        kinds=frozenset(one.value for one in kind or [KindName.memory, KindName.passage]),
        salience=None if not salience else tuple(one.value for one in salience),
        topics_any=None if not topic else tuple(topic),
        topics_all=None if not all_topics else tuple(all_topics),
        source=source,
        topic_key=topic_key,
        since=_aware(since),
        until=_aware(until),
        include_expired=expired,
    )
    _search(query, filters, contact, agent, mode, limit, explain=explain, as_json=as_json)


@messages.callback()
def _group() -> None:
    """Search messages."""


@messages.command("search")
def search_messages(
    query: Words,
    contact: OfContact = None,
    agent: OfAgent = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Only this session.")
    ] = None,
    mode: Mode = ModeName.hybrid,
    since: Since = None,
    until: Until = None,
    limit: Most = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Search all conversations. Each result names its contact and speaker."""
    from discreet.domain.ids import SessionId, parse_uuid
    from discreet.memory.recall import Filters

    filters = Filters(
        kinds=frozenset(["message"]),
        session_id=None if session is None else SessionId(parse_uuid(session, "session id")),
        since=_aware(since),
        until=_aware(until),
    )
    _search(query, filters, contact, agent, mode, limit, explain=explain, as_json=as_json)


def _search(
    query: str,
    filters: Filters,
    contact: str | None,
    agent: str | None,
    mode: ModeName,
    limit: int,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from discreet.services import agents, contacts, searches

    async def work(app: App) -> list[LabelledHit]:
        wanted = filters
        if contact is not None:
            of = await contacts.find_contact(app.db, app.owner_id, contact)
            wanted = replace(wanted, contact_id=of.contact.id)
        if agent is not None:
            found = await agents.get_agent(app.db, app.owner_id, agent)
            wanted = replace(wanted, agent_id=found.id)
        return await searches.search(
            app.db, app.owner_id, query, app.embedder(), mode=mode.value, limit=limit,
            filters=wanted,
        )  # fmt: skip

    _print(in_app(work), explain=explain, as_json=as_json)


def _print(found: list[LabelledHit], *, explain: bool, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when

    if as_json:
        print_json([_record(one) for one in found])
        return
    if not found:
        print("No results.")
    for one in found:
        hit = one.hit
        about = [hit.title] if hit.kind == "passage" else [one.whose]
        if hit.kind == "message":
            about.append(f"{one.speaker} said")
        elif hit.salience not in (None, "medium"):
            about.append(str(hit.salience))
        print_text(f"{hit.score:.2f}  {when(hit.created_at)}  {hit.kind} {hit.id}")
        print_text(f"    {', '.join(about)}: {hit.content}".replace("\n", "\n    "))
        if explain:
            print_text(f"    {_why(one)}")


def _why(one: LabelledHit) -> str:
    parts = asdict(one.hit.parts)
    matched, cosine = parts.pop("matched"), parts.pop("cosine")
    told = [f"{name} {value:+.2f}" for name, value in parts.items() if abs(value) >= 0.005]
    near = "no vector" if cosine is None else f"cosine {cosine:.2f}"
    return f"= {' '.join(told)}  (words matched {matched:.0%}, {near})"


def _aware(moment: datetime | None) -> datetime | None:
    """A time without a zone is this machine's."""
    return None if moment is None else moment.astimezone()


def _record(one: LabelledHit) -> Mapping[str, Any]:
    hit = one.hit
    common = {
        "kind": hit.kind,
        "id": hit.id,
        "score": hit.score,
        "parts": asdict(hit.parts),
        "agent_id": hit.agent_id,
        "agent": one.agent,
        "contact_id": hit.contact_id,
        "whose": one.whose,
        "content": hit.content,
        "created_at": hit.created_at,
    }
    match hit.kind:
        case "memory":
            return common | {
                "summary": hit.summary,
                "topic_key": hit.topic_key,
                "topics": hit.topics,
                "salience": hit.salience,
                "source": hit.source,
                "version": hit.version,
                "expires_at": hit.expires_at,
            }
        case "passage":
            return common | {"title": hit.title}
        case _:
            return common | {
                "session_id": hit.session_id,
                "position": hit.position,
                "direction": hit.direction,
                "speaker": one.speaker,
            }
