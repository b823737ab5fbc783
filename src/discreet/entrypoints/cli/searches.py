"""``sb memories recall`` and ``sb messages search``: what was kept and said, best first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.entrypoints.cli.opening import in_app
from discreet.entrypoints.cli.options import AsJson, OfContact

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.memory.recall import Filters
    from discreet.oversight.searches import LabelledHit

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


Words = Annotated[str, typer.Argument(metavar="QUERY", help="A question, or words of it.")]
Mode = Annotated[
    ModeName, typer.Option(help="By words, by meaning, or by everything that is known of a row.")
]
Most = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=100, help="At most so many.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show the parts of each score.")]
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[
    datetime | None, typer.Option(metavar="TIME", formats=_DATES, help="From this day or time on.")
]
Until = Annotated[
    datetime | None, typer.Option(metavar="TIME", formats=_DATES, help="Before this day or time.")
]
OfAgent = Annotated[str | None, typer.Option("--agent", metavar="NAME", help="Of one agent only.")]


def recall(
    query: Words,
    contact: OfContact = None,
    agent: OfAgent = None,
    mode: Mode = ModeName.hybrid,
    kind: Annotated[
        list[KindName] | None,
        typer.Option(help="memory, passage (reference texts) or message; more than once for more."),
    ] = None,
    salience: Annotated[
        list[SalienceName] | None, typer.Option(help="Memories of this salience; may be repeated.")
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(metavar="TOPIC", help="Memories with one of these topics; may be repeated."),
    ] = None,
    all_topics: Annotated[
        list[str] | None,
        typer.Option("--topic-too", metavar="TOPIC", help="Memories with each of these topics."),
    ] = None,
    topic_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The memory that is filed under this.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Memories that came from there.")
    ] = None,
    since: Since = None,
    until: Until = None,
    expired: Annotated[bool, typer.Option("--expired", help="Those that expired, too.")] = False,
    limit: Most = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Searches everybody's memories and the reference texts; each find says whose it is."""
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
    """What was said."""


@messages.command("search")
def search_messages(
    query: Words,
    contact: OfContact = None,
    agent: OfAgent = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="In one session only.")
    ] = None,
    mode: Mode = ModeName.hybrid,
    since: Since = None,
    until: Until = None,
    limit: Most = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Searches everybody's conversations; each find says whose it is and who said it."""
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

    from discreet.oversight import agents, contacts, searches

    async def work(app: App) -> list[LabelledHit]:
        wanted = filters
        if contact is not None:
            of = await contacts.find_contact(app.door, app.owner_id, contact)
            wanted = replace(wanted, contact_id=of.contact.id)
        if agent is not None:
            found = await agents.get_agent(app.door, app.owner_id, agent)
            wanted = replace(wanted, agent_id=found.id)
        return await searches.search(
            app.door, app.owner_id, query, app.embedder(), mode=mode.value, limit=limit,
            filters=wanted,
        )  # fmt: skip

    _print(in_app(work), explain=explain, as_json=as_json)


def _print(found: list[LabelledHit], *, explain: bool, as_json: bool) -> None:
    from discreet.entrypoints.cli.printing import print_json, print_text, when

    if as_json:
        print_json([_record(one) for one in found])
        return
    if not found:
        print("Nothing was found.")
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
