"""``sb memories recall`` and ``sb messages search``: search memories and messages."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discreet.cli.access import noting
from discreet.cli.options import AsJson, OfContact, checked
from discreet.cli.runtime import in_app
from discreet.cli.typed_ids import whole_id

if TYPE_CHECKING:
    from discreet.app import App
    from discreet.schemas.memories import Hit, Hits
    from discreet.services.recall import Subset

NEAR_COSINE = 0.3
"""Results less close than this, and without a common word, are not shown."""

messages = typer.Typer(help="Search what was said.", no_args_is_help=True)


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
MaxResults = Annotated[
    int, typer.Option("--limit", metavar="N", min=1, max=100, help="Show at most N results.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show how each score was computed.")]
_DATES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Since = Annotated[
    datetime | None,
    typer.Option(metavar="TIME", formats=_DATES, help="Only at or after this date or time."),
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
    limit: MaxResults = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Search all memories and reference texts. Each result names its contact."""
    from discreet.domain.text import valid_unicode
    from discreet.schemas.memories import Recall
    from discreet.services import recall as service

    request = checked(
        Recall,
        query=valid_unicode(query),
        mode=mode.value,
        limit=limit,
        kinds=[one.value for one in kind or [KindName.memory, KindName.passage]],
        salience=None if not salience else [one.value for one in salience],
        topics_any=topic or None,
        topics_all=all_topics or None,
        source=source,
        topic_key=topic_key,
        since=in_utc(since),
        until=in_utc(until),
        include_expired=expired,
    )
    _search(
        lambda app, part: service.recall(app.context, request, part),
        contact, agent, None, explain=explain, as_json=as_json,
    )  # fmt: skip


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
    limit: MaxResults = 10,
    explain: Explain = False,
    as_json: AsJson = False,
) -> None:
    """Search all conversations. Each result names its contact and speaker."""
    from discreet.domain.text import valid_unicode
    from discreet.schemas.memories import SearchMessages
    from discreet.services import recall as service

    request = checked(
        SearchMessages, query=valid_unicode(query), mode=mode.value, limit=limit,
        since=in_utc(since), until=in_utc(until),
    )  # fmt: skip
    _search(
        lambda app, part: service.search_messages(app.context, request, part),
        contact, agent, session, explain=explain, as_json=as_json,
    )  # fmt: skip


def _search(
    search: Callable[[App, Subset], Awaitable[Hits]],
    contact: str | None,
    agent: str | None,
    session: str | None,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    from discreet.domain.ids import SessionId
    from discreet.services import agents, contacts
    from discreet.services.recall import Subset

    session_id = None if session is None else SessionId(whole_id("session", session))

    async def work(app: App) -> Hits:
        contact_id = agent_id = None
        if contact is not None:
            contact_id = (await contacts.find_contact(app.db, app.owner_id, contact)).contact.id
        if agent is not None:
            agent_id = (await agents.get_agent(app.db, app.owner_id, agent)).id
        return await search(app, Subset(agent_id, contact_id, session_id))

    _print(in_app(noting("searched", work)), explain=explain, as_json=as_json)


def _print(found: Hits, *, explain: bool, as_json: bool) -> None:
    from discreet.cli.printing import print_json, print_text, when
    from discreet.services.recall import BY_WORDS_ONLY

    if found.by_words_only:
        print(BY_WORDS_ONLY, file=sys.stderr)
    if found.searched_since is not None:
        # Rounded up, as --until takes whole seconds: a message may be found twice, but none missed.
        since = (found.searched_since + timedelta(seconds=1)).isoformat(timespec="seconds")
        print(
            f"Searched the newest messages only, back to {since}."
            f" To search earlier ones, add: --until {since}",
            file=sys.stderr,
        )
    if as_json:
        print_json([_record(hit) for hit in found.items])
        return
    near = [hit for hit in found.items if _is_near(hit)]
    if not near:
        print("No results.")
    for hit in near:
        about = [hit.title] if hit.kind == "passage" else [_whose(hit)]
        if hit.kind == "message":
            about.append(f"{_speaker(hit)} said")
        elif hit.salience not in (None, "medium"):
            about.append(str(hit.salience))
        print_text(f"{when(hit.created_at)}  {hit.kind} {hit.id}")
        print_text(f"    {', '.join(about)}: {hit.content}".replace("\n", "\n    "))
        if explain:
            print_text(f"    score {hit.score:.2f} {_why(hit)}")


def _is_near(hit: Hit) -> bool:
    """Return whether a result is near the query, by a common word or by meaning.

    Programs get all results (``--json``), best first.
    """
    cosine = hit.parts.cosine
    return hit.parts.matched > 0 or (cosine is not None and cosine >= NEAR_COSINE)


def _whose(hit: Hit) -> str:
    return "" if hit.whose is None else hit.whose.label


def _speaker(hit: Hit) -> str:
    return (hit.agent or "") if hit.said_by is None else hit.said_by.label


def _why(hit: Hit) -> str:
    parts = hit.parts.model_dump()
    matched, cosine = parts.pop("matched"), parts.pop("cosine")
    told = [f"{name} {value:+.2f}" for name, value in parts.items() if abs(value) >= 0.005]
    near = "no vector" if cosine is None else f"cosine {cosine:.2f}"
    return f"= {' '.join(told)}  (words matched {matched:.0%}, {near})"


def in_utc(moment: datetime | None) -> datetime | None:
    """Return a time in UTC; without a zone it is in this machine's."""
    return None if moment is None else moment.astimezone()


def _record(hit: Hit) -> dict[str, Any]:
    of_kind = {
        "memory": {
            "summary", "topic_key", "topics", "salience", "source", "version", "expires_at",
        },
        "passage": {"title"},
        "message": {"session_id", "position", "direction"},
    }  # fmt: skip
    others = set().union(*of_kind.values()) - of_kind[hit.kind]
    record = {**hit.model_dump(exclude=others | {"said_by"}), "whose": _whose(hit)}
    return record if hit.kind != "message" else {**record, "speaker": _speaker(hit)}
